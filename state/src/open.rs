//! Opens a store: sound, recovered with a report, or refused. Never silently empty.

use std::{
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    StateError,
    engine::{self, Engine, EngineFault},
    envelope::{self, StoredHead},
    files, holder,
    layout::{self, StoreTrouble, VerifiedLayout},
    sidecar::{self, FoundCopy, Sidecar, StoredHeads},
};

/// What was done to open a damaged store. Its text is one sentence for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// What was wrong.
    pub reason: String,
    /// Where the damaged files are kept (as far as sled left them, which overwrites what it cannot read);
    /// `None` if the store was missing, or nothing had to be moved.
    pub kept: Option<PathBuf>,
    /// The checkpoints whose heads came from `checkpoints.json`. Their parts are lost, so records whose ids
    /// were in them are delivered again.
    pub from_copy: Vec<String>,
    /// Age of the copy when it was used.
    pub copy_age: Option<Duration>,
    /// The checkpoints that are older than in the copy: the disk lost writes that it had confirmed.
    pub went_back: Vec<String>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.reason)?;
        if let Some(kept) = &self.kept {
            write!(out, "; damaged files kept at {}", kept.display())?;
        }
        if let Some(age) = self.copy_age {
            let (names, age) = (self.from_copy.join(", "), age.as_secs());
            write!(out, "; recovered from a copy {age}s old: {names}")?;
        }
        if !self.went_back.is_empty() {
            write!(out, "; older than before: {}", self.went_back.join(", "))?;
        }
        Ok(())
    }
}

/// A sound store, and its heads.
pub(crate) struct Sound {
    pub(crate) engine: Engine,
    pub(crate) heads: StoredHeads,
    pub(crate) recovery: Option<Recovery>,
}

/// The sled directory of a state directory.
pub(crate) fn sled_dir(dir: &Path) -> PathBuf {
    dir.join("cursors")
}

/// Opens, creates or recovers the store in `dir`, whose lock the caller has.
pub(crate) fn open(dir: &Path) -> Result<Sound, StateError> {
    Opening { dir, store: sled_dir(dir), fresh: dir.join("cursors.new") }.run()
}

/// Reopens a store that was just sound: without recovery, so damage is an error.
pub(crate) fn reopen(dir: &Path) -> Result<Sound, StateError> {
    Opening { dir, store: sled_dir(dir), fresh: dir.join("cursors.new") }.attempt(None)
}

struct Opening<'a> {
    dir: &'a Path,
    store: PathBuf,
    fresh: PathBuf,
}

impl Opening<'_> {
    fn run(&self) -> Result<Sound, StateError> {
        let copy = sidecar::read(self.dir)?;
        match (self.store.exists(), copy) {
            (true, copy) => self.open_existing(copy),
            (false, FoundCopy::Nothing) => {
                self.create(&StoredHeads::new())?;
                files::rename(&self.fresh, &self.store)?;
                self.attempt(None)
            }
            (false, FoundCopy::Usable(copy)) => {
                self.rebuild("the checkpoint store is missing".to_owned(), copy)
            }
            (false, FoundCopy::Broken(reason)) => Err(StateError::Unrecoverable {
                reason: format!("the checkpoint store is missing; {reason}"),
                kept: sidecar::path_in(self.dir),
            }),
        }
    }

    fn open_existing(&self, copy: FoundCopy) -> Result<Sound, StateError> {
        let copy = match copy {
            FoundCopy::Usable(copy) => Ok(copy),
            FoundCopy::Nothing => Err("checkpoints.json is missing".to_owned()),
            FoundCopy::Broken(reason) => Err(reason),
        };
        let reason = match self.attempt(copy.as_ref().ok()) {
            Err(StateError::Damaged(reason)) => reason,
            sound_or_refused => return sound_or_refused,
        };
        tracing::warn!(reason, "the checkpoint store cannot be read, trying to recover it");
        if let Some(kept) = engine::set_snapshots_aside(&self.store)? {
            match self.attempt(copy.as_ref().ok()) {
                Ok(sound) => return Ok(replayed(sound, reason, kept)),
                Err(StateError::Damaged(_)) => {}
                Err(other) => return Err(other),
            }
        }
        match copy {
            Ok(copy) => self.rebuild(reason, copy),
            // The store stays in place: if it were moved, the next start would find nothing and begin from
            // scratch.
            Err(no_copy) => Err(StateError::Unrecoverable {
                reason: format!("{reason}; {no_copy}"),
                kept: self.store.clone(),
            }),
        }
    }

    /// Opens and verifies the existing store.
    fn attempt(&self, copy: Option<&Sidecar>) -> Result<Sound, StateError> {
        let copied = copy.map(|copy| &copy.heads);
        let (engine, heads) = self.guarded(&self.store, |mut engine| {
            let VerifiedLayout { heads, leftovers } = layout::verify(&engine)?;
            let missing = copied.and_then(|copied| copied.keys().find(|name| !heads.contains_key(*name)));
            if let Some(name) = missing {
                return Err(StateError::Damaged(format!("checkpoint {name} is missing")).into());
            }
            layout::remove_parts(&mut engine, &leftovers)?;
            Ok((engine, heads))
        })?;
        let went_back = copied.map(|copied| older_than(&heads, copied)).transpose()?.unwrap_or_default();
        let recovery = (!went_back.is_empty()).then(|| Recovery {
            reason: "the disk lost writes that it had confirmed".to_owned(),
            kept: None,
            from_copy: Vec::new(),
            copy_age: None,
            went_back,
        });
        Ok(Sound { engine, heads, recovery })
    }

    /// Creates a complete store under another name and renames it, so that no half-made store ever has the
    /// final name.
    fn create(&self, heads: &StoredHeads) -> Result<(), StateError> {
        if self.fresh.exists() {
            fs::remove_dir_all(&self.fresh).map_err(StateError::io(self.fresh.display().to_string()))?;
        }
        files::create_dir(&self.fresh)?;
        let format = (layout::FORMAT.to_vec(), Some(envelope::VERSION.to_string().into_bytes()));
        let heads = heads.iter().map(|(name, head)| (layout::head_key(name), Some(head.clone())));
        let entries: Vec<_> = heads.chain([format]).collect();
        self.guarded(&self.fresh, |mut engine| Ok(engine.write([&entries[..]])?))?;
        files::sync_all_in(&self.fresh)
    }

    fn rebuild(&self, reason: String, copy: Sidecar) -> Result<Sound, StateError> {
        self.create(&copy.heads)?;
        let kept = self.store.exists().then(|| files::aside(&self.store, "damaged"));
        if let Some(kept) = &kept {
            files::rename(&self.store, kept)?;
        }
        files::rename(&self.fresh, &self.store)?;
        let mut sound = self.attempt(Some(&copy))?;
        sound.recovery = Some(Recovery {
            reason,
            kept,
            from_copy: copy.heads.keys().cloned().collect(),
            copy_age: Some(copy.age()),
            went_back: Vec::new(),
        });
        Ok(sound)
    }

    /// Opens sled in `store` and runs one step with it, either of which may panic on damaged files.
    fn guarded<T>(
        &self,
        store: &Path,
        step: impl FnOnce(Engine) -> Result<T, StoreTrouble>,
    ) -> Result<T, StateError> {
        let trouble = match catch_unwind(AssertUnwindSafe(|| step(Engine::open(store)?))) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(trouble)) => trouble,
            Err(panic) => return Err(StateError::Damaged(panic_text(panic.as_ref()))),
        };
        Err(match trouble {
            StoreTrouble::Content(error) => error,
            StoreTrouble::Engine(EngineFault::Locked { waited }) => holder::locked(self.dir, waited),
            StoreTrouble::Engine(EngineFault::NoLocks) => StateError::NoLocks { path: store.to_owned() },
            StoreTrouble::Engine(EngineFault::Damaged(reason)) => StateError::Damaged(reason),
            StoreTrouble::Engine(EngineFault::Foreign(reason)) => {
                StateError::Foreign { reason, kept: store.to_owned() }
            }
            StoreTrouble::Engine(EngineFault::Io(source)) => {
                StateError::Io { what: store.display().to_string(), source }
            }
        })
    }
}

/// The checkpoints in `heads` that are older than those of the same name in `copied`.
fn older_than(heads: &StoredHeads, copied: &StoredHeads) -> Result<Vec<String>, StateError> {
    let mut older = Vec::new();
    for (name, copied) in copied {
        let Some(head) = heads.get(name) else { continue };
        if StoredHead::open(name, head)?.sequence < StoredHead::open(name, copied)?.sequence {
            older.push(name.clone());
        }
    }
    Ok(older)
}

fn replayed(mut sound: Sound, reason: String, kept: PathBuf) -> Sound {
    let went_back = sound.recovery.map(|recovery| recovery.went_back).unwrap_or_default();
    sound.recovery =
        Some(Recovery { reason, kept: Some(kept), from_copy: Vec::new(), copy_age: None, went_back });
    sound
}

/// The message of a caught panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "sled panicked".to_owned())
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
