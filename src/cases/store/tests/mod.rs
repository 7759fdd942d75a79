mod attached;
mod claim;
mod configure;
mod find;
mod pushed;
mod sending;
mod tags;
mod whole;

use tempfile::TempDir;

use crate::{
    cases::{Case, CaseError, CasePerson, CaseStamp, CaseStore, DEFAULT_SPACE, NewCase},
    detect_db::DetectDb,
};

const NOW: i64 = 1_790_000_000;

struct Cases {
    _dir: TempDir,
    db: DetectDb,
    person: CasePerson,
}

impl Cases {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        Self { _dir: dir, db, person: CasePerson::named("ann") }
    }

    fn store(&mut self) -> (CaseStore<'_>, CaseStamp<'_>) {
        (self.db.cases(DEFAULT_SPACE), CaseStamp { by: &self.person, now: NOW })
    }

    fn create(&mut self, title: &str) -> Case {
        self.create_with(NewCase { title: title.into(), ..NewCase::default() })
    }

    fn create_with(&mut self, new: NewCase) -> Case {
        let new = NewCase {
            description: if new.description.is_empty() { "A description".into() } else { new.description },
            ..new
        };
        let (mut store, stamp) = self.store();
        store.create(&new, stamp).unwrap()
    }
}

fn is_conflict<T>(done: &Result<T, CaseError>) -> bool {
    matches!(done, Err(CaseError::Conflict(_)))
}

fn is_unknown<T>(done: &Result<T, CaseError>) -> bool {
    matches!(done, Err(CaseError::Unknown { .. }))
}

fn is_invalid<T>(done: &Result<T, CaseError>) -> bool {
    matches!(done, Err(CaseError::Invalid(_)))
}
