//! One checkpoint: load, commit, remove.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    StateError,
    envelope::{self, PART_CHECKSUM_BYTES, StoredHead},
    group::{self, CommitOutcome, WaitingCommit},
    layout::{self, HEAD_BYTES_MAX, KEY_BYTES_MAX, PART_BYTES_MAX},
    sidecar,
    store::{Inner, StoreState},
};

/// Key and value of a part.
pub type Part = (Vec<u8>, Vec<u8>);

/// Key of a part and its new value; `None` removes it. Values of at most 1,600 bytes are the cheapest.
pub type PartChange = (Vec<u8>, Option<Vec<u8>>);

/// A stored checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved<C> {
    /// The head.
    pub cursor: C,
    /// The parts in order of their keys.
    pub parts: Vec<Part>,
}

/// One named checkpoint. A commit succeeds only if the stored head is the one this value last read or wrote.
pub struct CursorStore<C> {
    shared: Arc<StoreState>,
    name: String,
    /// The stored bytes of the head as last seen; `None` if there was none.
    seen: Option<Vec<u8>>,
    sequence: u64,
    cursor: PhantomData<fn() -> C>,
}

struct Stored {
    head: Vec<u8>,
    parts: Vec<Part>,
}

impl<C> CursorStore<C> {
    pub(crate) fn new(shared: Arc<StoreState>, name: &str) -> Self {
        Self { shared, name: name.to_owned(), seen: None, sequence: 0, cursor: PhantomData }
    }

    /// The checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<C: Serialize + DeserializeOwned> CursorStore<C> {
    /// Reads the checkpoint; the next commit builds on it. `None` if there is none.
    pub async fn load(&mut self) -> Result<Option<Saved<C>>, StateError> {
        let Some(Stored { head, parts }) = self.read().await? else {
            (self.seen, self.sequence) = (None, 0);
            return Ok(None);
        };
        let (cursor, sequence) = self.understand(&head)?;
        (self.seen, self.sequence) = (Some(head), sequence);
        Ok(Some(Saved { cursor, parts }))
    }

    /// Replaces the head and changes the parts in one step, durable when this returns. The cost depends on
    /// the change, not on the size of the checkpoint.
    ///
    /// Without a `load` before, it can only create. If the stored head is not the one last seen here, nothing
    /// changes and the result is [`StateError::Conflict`]. After any other error, or if the future was
    /// dropped, the change may or may not have been made: load again.
    pub async fn commit(&mut self, cursor: &C, parts: Vec<PartChange>) -> Result<(), StateError> {
        let sequence = self.sequence + 1;
        let cursor = serde_json::value::to_raw_value(cursor).map_err(|source| self.not_understood(source))?;
        let sealed = StoredHead::seal(&self.name, sequence, cursor).to_bytes();
        let head = sealed.map_err(|source| self.not_understood(source))?;
        self.check_sizes(&head, &parts)?;

        let prefix = layout::parts_prefix(&self.name);
        let head_change = (layout::head_key(&self.name), Some(head.clone()));
        let part_changes = parts.into_iter().map(|(key, value)| {
            let key = [&prefix[..], &key].concat();
            let value = value.map(|value| envelope::seal_part(&key, &value));
            (key, value)
        });
        let changes = part_changes.chain([head_change]).collect();
        self.replace(head.clone(), changes).await?;
        (self.seen, self.sequence) = (Some(head), sequence);
        Ok(())
    }

    /// Removes the head and all parts in one step, from the copy too, and returns what they were. `None` if
    /// there was no such checkpoint. One that does not parse as a `C` is not removed.
    pub async fn remove(&mut self) -> Result<Option<Saved<C>>, StateError> {
        let Some(saved) = self.load().await? else {
            return Ok(None);
        };
        self.erase().await?;
        (self.seen, self.sequence) = (None, 0);
        Ok(Some(saved))
    }

    /// Writes the new head and its changes of stored keys, if the stored head is the one last seen. A batch costs less than a
    /// sled transaction, which keeps a second copy of all it writes.
    async fn replace(&self, head: Vec<u8>, changes: Vec<PartChange>) -> Result<(), StateError> {
        let (name, seen) = (self.name.clone(), self.seen.clone());
        let mut outcome = self.shared.commits.add(WaitingCommit { name, seen, head, changes });
        loop {
            let shared = self.shared.clone();
            let step = move |inner: &mut Inner| {
                group::commit_waiting(inner, &shared);
                Ok(())
            };
            let turn = self.shared.blocking("writing a checkpoint", step);
            tokio::select! {
                biased;
                // Made with others, whose turn came first: then it needs none.
                settled = &mut outcome => match settled.map_err(|_| StateError::Closed)? {
                    CommitOutcome::Settled(settled) => return settled,
                    CommitOutcome::Again(commit) => outcome = self.shared.commits.add(commit),
                },
                done = turn => done?,
            }
        }
    }

    /// Removes the checkpoint, if the stored head is the one last seen.
    async fn erase(&self) -> Result<(), StateError> {
        let (shared, name, seen) = (self.shared.clone(), self.name.clone(), self.seen.clone());
        let step = move |inner: &mut Inner| {
            let key = layout::head_key(&name);
            if inner.with_engine(&shared, |engine| engine.get(&key))? != seen {
                return Err(StateError::Conflict { name });
            }
            // The copy first: if it kept a removed checkpoint, a recovery would bring it back.
            let mut rest = shared.lock_heads()?.clone();
            rest.remove(&name);
            inner.copy_of(&sidecar::document(&rest))?;
            inner.with_engine(&shared, |engine| layout::remove(engine, &name))?;
            shared.lock_heads()?.remove(&name);
            Ok(())
        };
        self.shared.blocking("removing a checkpoint", step).await
    }

    async fn read(&self) -> Result<Option<Stored>, StateError> {
        let (shared, name) = (self.shared.clone(), self.name.clone());
        let stored = move |inner: &mut Inner| {
            let prefix = layout::parts_prefix(&name);
            let read = inner.with_engine(&shared, |engine| {
                let Some(head) = engine.get(&layout::head_key(&name))? else {
                    return Ok(None);
                };
                let parts = engine.scan(&prefix).collect::<Result<Vec<Part>, _>>()?;
                Ok(Some(Stored { head, parts }))
            })?;
            let Some(mut stored) = read else { return Ok(None) };
            for (key, value) in &mut stored.parts {
                if envelope::open_part(key, value).is_none() {
                    return Err(StateError::Damaged(format!(
                        "a part of checkpoint {name} fails its checksum"
                    )));
                }
                key.drain(..prefix.len());
                value.drain(..PART_CHECKSUM_BYTES);
            }
            Ok(Some(stored))
        };
        self.shared.blocking("reading a checkpoint", stored).await
    }

    fn understand(&self, head: &[u8]) -> Result<(C, u64), StateError> {
        let head = StoredHead::open(&self.name, head)?;
        let cursor = serde_json::from_str(head.cursor.get()).map_err(|source| self.not_understood(source))?;
        Ok((cursor, head.sequence))
    }

    fn not_understood(&self, source: serde_json::Error) -> StateError {
        StateError::NotUnderstood { name: self.name.clone(), source }
    }

    fn check_sizes(&self, head: &[u8], parts: &[PartChange]) -> Result<(), StateError> {
        if self.name.is_empty() || self.name.contains(char::is_control) {
            return Err(StateError::InvalidName(self.name.clone()));
        }
        let name = [("name", self.name.len(), KEY_BYTES_MAX), ("head", head.len(), HEAD_BYTES_MAX)];
        let parts = parts.iter().flat_map(|(key, value)| {
            let value_bytes = value.as_ref().map_or(0, Vec::len);
            [("part's key", key.len(), KEY_BYTES_MAX), ("part", value_bytes, PART_BYTES_MAX)]
        });
        match name.into_iter().chain(parts).find(|(_, bytes, bytes_max)| bytes > bytes_max) {
            None => Ok(()),
            Some((what, bytes, bytes_max)) => {
                Err(StateError::TooLarge { name: self.name.clone(), what, bytes, bytes_max })
            }
        }
    }
}

impl<C> fmt::Debug for CursorStore<C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CursorStore").field("name", &self.name).finish_non_exhaustive()
    }
}
