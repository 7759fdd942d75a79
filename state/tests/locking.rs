//! One store, one process.

use std::fs;

use state::StateError;

use crate::support::{fresh_dir, open, open_sound};

#[test]
fn a_second_opener_is_refused_and_learns_who_has_the_store() {
    let dir = fresh_dir();
    let first = open_sound(dir.path());
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, StateError::Locked { .. }), "{refused:?}");
    let message = refused.to_string();
    let pid = std::process::id().to_string();
    assert!(message.contains("`ccfd run`") && message.contains(&pid), "{message}");
    drop(first);
    open_sound(dir.path());
}

#[test]
fn what_a_dead_process_left_in_the_lock_file_means_nothing() {
    let dir = fresh_dir();
    let left = r#"{"pid":1,"command":"a command of long ago, with a very long name indeed","since":"2020"}"#;
    fs::write(dir.path().join("holder.json"), left).unwrap();
    let first = open_sound(dir.path());
    let message = open(dir.path()).unwrap_err().to_string();
    assert!(message.contains("`ccfd run`") && !message.contains("long ago"), "{message}");
    drop(first);
}

#[test]
fn a_refused_opener_leaves_the_files_of_the_running_one_alone() {
    let dir = fresh_dir();
    let _first = open_sound(dir.path());
    let in_the_making = dir.path().join("cursors/snap.FFFFFFFFFFFFFFF0.generating");
    fs::write(&in_the_making, b"half").unwrap();
    open(dir.path()).unwrap_err();
    assert!(in_the_making.exists());
}
