//! Commits that wait for the disk at the same time become durable with one sync: ten thousand routes that start together
//! would otherwise wait for ten thousand.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::{
    StateError,
    checkpoint::PartChange,
    layout,
    store::{Inner, StoreState},
};

/// The most commits that become durable together: they are all in memory.
const COMMITS_MAX: usize = 512;

/// A commit that waits.
pub(crate) struct WaitingCommit {
    /// The checkpoint.
    pub(crate) name: String,
    /// The stored head that it builds on.
    pub(crate) seen: Option<Vec<u8>>,
    /// The new head.
    pub(crate) head: Vec<u8>,
    /// All changes of stored keys, that of the head among them.
    pub(crate) changes: Vec<PartChange>,
}

/// What became of a commit.
pub(crate) enum CommitOutcome {
    /// Done, or refused.
    Settled(Result<(), StateError>),
    /// Another one failed when they were written together: it is to be made alone.
    Again(WaitingCommit),
}

/// The commits that wait, the oldest first.
#[derive(Default)]
pub(crate) struct CommitQueue(Mutex<Vec<(WaitingCommit, oneshot::Sender<CommitOutcome>)>>);

impl CommitQueue {
    /// Adds a commit. It is made by the next operation that makes waiting ones, unless the receiver is dropped before that.
    pub(crate) fn add(&self, commit: WaitingCommit) -> oneshot::Receiver<CommitOutcome> {
        let (sender, outcome) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((commit, sender));
        outcome
    }

    fn take(&self) -> Vec<(WaitingCommit, oneshot::Sender<CommitOutcome>)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(COMMITS_MAX);
        waiting.drain(..count).collect()
    }
}

/// Makes the waiting commits, as many as there may be at once.
///
/// The check of each needs no sled transaction: the store is locked against other processes, and this process runs one
/// operation at a time.
pub(crate) fn commit_waiting(inner: &mut Inner, shared: &Arc<StoreState>) {
    let mut waiting = shared.commits.take();
    while !waiting.is_empty() {
        let mut names = HashSet::new();
        // Of two with one name the second must see the first.
        let (now, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(commit, _)| names.insert(commit.name.clone()));
        waiting = later;
        let ready: Vec<_> =
            now.into_iter().filter_map(|(commit, sender)| checked(inner, shared, commit, sender)).collect();
        write(inner, shared, ready);
    }
}

/// The commit, if it is still wanted and builds on what is stored. Otherwise its outcome is sent.
fn checked(
    inner: &mut Inner,
    shared: &Arc<StoreState>,
    commit: WaitingCommit,
    sender: oneshot::Sender<CommitOutcome>,
) -> Option<(WaitingCommit, oneshot::Sender<CommitOutcome>)> {
    if sender.is_closed() {
        return None;
    }
    let key = layout::head_key(&commit.name);
    let refused = match inner.with_engine(shared, |engine| engine.get(&key)) {
        Ok(stored) if stored == commit.seen => return Some((commit, sender)),
        Ok(_) => StateError::Conflict { name: commit.name },
        Err(error) => error,
    };
    // Without a receiver nobody wants to know.
    let _ = sender.send(CommitOutcome::Settled(Err(refused)));
    None
}

fn write(
    inner: &mut Inner,
    shared: &Arc<StoreState>,
    ready: Vec<(WaitingCommit, oneshot::Sender<CommitOutcome>)>,
) {
    if ready.is_empty() {
        return;
    }
    let changes = ready.iter().map(|(commit, _)| commit.changes.as_slice());
    let written = inner.with_engine(shared, |engine| engine.write(changes)).and_then(|()| {
        let mut heads = shared.lock_heads()?;
        for (commit, _) in &ready {
            heads.insert(commit.name.clone(), commit.head.clone());
        }
        Ok(())
    });
    match written {
        Ok(()) => {
            shared.copy_after(inner.copy_wait());
            for (_, sender) in ready {
                let _ = sender.send(CommitOutcome::Settled(Ok(())));
            }
        }
        // The error is reported once, and may concern one of them only.
        Err(error) => {
            let alone = ready.len() == 1;
            let mut error = Some(error);
            for (commit, sender) in ready {
                let outcome = match error.take_if(|_| alone) {
                    Some(error) => CommitOutcome::Settled(Err(error)),
                    None => CommitOutcome::Again(commit),
                };
                let _ = sender.send(outcome);
            }
        }
    }
}
