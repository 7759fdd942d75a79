//! When repairs last delivered something to a sink that shows late what it was given. Until it does, the same records seem to be
//! missing, and a second repair would double them; also after a run that was killed.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{DIR, chain::replace};

/// The file with the time of each route.
const FILE: &str = "repaired.json";

/// Notes that something is about to be delivered, for a route, in Unix seconds.
pub fn note(state_dir: &Path, route: &str, second: i64) -> io::Result<()> {
    let mut all = read(state_dir)?;
    all.insert(route.to_owned(), second);
    replace(&state_dir.join(DIR), &path(state_dir), &serde_json::to_vec(&all)?)
}

/// When something was last delivered, if it ever was.
pub fn last(state_dir: &Path, route: &str) -> io::Result<Option<i64>> {
    Ok(read(state_dir)?.get(route).copied())
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(DIR).join(FILE)
}

fn read(state_dir: &Path) -> io::Result<BTreeMap<String, i64>> {
    match fs::read(path(state_dir)) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_repair_of_each_route_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(DIR)).unwrap();
        assert_eq!(last(dir.path(), "a/b").unwrap(), None);
        for (route, second) in [("a/b", 5), ("a/c", 7), ("a/b", 9)] {
            note(dir.path(), route, second).unwrap();
        }
        assert_eq!(["a/b", "a/c"].map(|route| last(dir.path(), route).unwrap()), [Some(9), Some(7)]);
        fs::write(path(dir.path()), "{").unwrap();
        assert!(last(dir.path(), "a/b").is_err(), "not knowing is not the same as never");
    }
}
