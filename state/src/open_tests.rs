//! Situations that only another version of the program, or a kill at one certain moment, can cause.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, thread};

use super::{open, sled_dir};
use crate::{
    StateError,
    engine::Engine,
    envelope, layout,
    sidecar::{self, StoredHeads},
};

fn write(dir: &Path, key: Vec<u8>, value: &[u8]) {
    Engine::open(&sled_dir(dir)).unwrap().write([&[(key, Some(value.to_vec()))][..]]).unwrap();
}

fn store() -> tempfile::TempDir {
    let dir = tempfile::TempDir::new().unwrap();
    open(dir.path()).unwrap();
    dir
}

#[test]
fn a_store_or_a_head_from_the_future_is_refused_and_left_alone() {
    for key in [layout::FORMAT.to_vec(), layout::head_key("a")] {
        let (dir, future) = (store(), br#"{"version":2,"new":true}"#);
        let value: &[u8] = if key == layout::FORMAT { b"2" } else { future };
        write(dir.path(), key.clone(), value);
        sidecar::write(dir.path(), &sidecar::document(&StoredHeads::new())).unwrap();
        let refused = open(dir.path()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, StateError::Newer { found: 2, known: 1, .. }), "{refused:?}");
        let left = Engine::open(&sled_dir(dir.path())).unwrap().get(&key).unwrap();
        assert_eq!(left.as_deref(), Some(value));
    }
}

#[test]
fn a_removal_that_did_not_end_is_ended_at_the_next_open() {
    let dir = store();
    let key = [layout::parts_prefix("removed"), b"k".to_vec()].concat();
    write(dir.path(), key.clone(), &envelope::seal_part(&key, b"v"));
    let sound = open(dir.path()).unwrap();
    assert_eq!(sound.engine.get(&key).unwrap(), None);
    assert_eq!(sound.recovery, None);
}

#[test]
fn a_sled_that_is_still_ending_is_waited_for() {
    let dir = store();
    let ending = Engine::open(&sled_dir(dir.path())).unwrap();
    let torn = sled_dir(dir.path()).join("snap.FFFFFFFFFFFFFFF0.generating");
    fs::write(&torn, b"half").unwrap();
    thread::scope(|scope| {
        let opening = scope.spawn(|| open(dir.path()).map(|_| ()));
        while torn.exists() {
            thread::yield_now();
        }
        // Dropped just before sled is opened, which therefore finds its lock taken.
        drop(ending);
        opening.join().unwrap().unwrap();
    });
}

#[test]
fn a_value_that_changed_under_its_checksum_is_damage() {
    let dir = store();
    let key = [layout::parts_prefix("a"), b"k".to_vec()].concat();
    write(dir.path(), key.clone(), &envelope::seal_part(b"another key", b"v"));
    let refused = open(dir.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, StateError::Unrecoverable { .. }), "{refused:?}");
}

#[test]
fn a_first_start_that_was_killed_is_begun_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let half_made = dir.path().join("cursors.new");
    fs::create_dir(&half_made).unwrap();
    fs::write(half_made.join("conf"), b"segment_size: 5").unwrap();
    let sound = open(dir.path()).unwrap();
    assert_eq!(sound.recovery, None);
    assert!(!half_made.exists());
}
