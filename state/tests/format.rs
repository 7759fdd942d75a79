//! Format version 1, which must stay readable.

use std::{fs, path::Path};

use state::StateError;

use crate::support::{
    Cursor, copy_dir, cursor, fresh_dir, open, open_sound, part, put, store_with_one_checkpoint,
};

/// Made by `cargo run -p state --example make_fixture -- state/tests/fixtures/v1`. Never regenerate it for
/// version 1: stores like it are in use.
fn version_1() -> tempfile::TempDir {
    let dir = fresh_dir();
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1"), dir.path());
    dir
}

#[tokio::test]
async fn a_store_of_version_1_is_read_and_written_on() {
    let dir = version_1();
    let store = open_sound(dir.path());
    assert_eq!(store.names().unwrap(), ["acme-audit/local", "acme-chat/local"]);
    let mut audit = cursor(&store, "acme-audit/local");
    let saved = audit.load().await.unwrap().unwrap();
    assert_eq!(saved.cursor, Cursor { settled: 1_790_000_000, anchors: vec!["audit_log-1".to_owned()] });
    assert_eq!(saved.parts, [part("1790000001", "0123456789abcdef"), part("1790000003", "fedcba9876543210")]);
    let chat = cursor(&store, "acme-chat/local").load().await.unwrap().unwrap();
    assert_eq!((chat.cursor.settled, chat.parts), (-1, Vec::new()));
    audit.commit(&Cursor::at(3), vec![put("k", "v")]).await.unwrap();
    drop((store, audit));
    assert_eq!(
        cursor(&open_sound(dir.path()), "acme-audit/local").load().await.unwrap().unwrap().parts.len(),
        3
    );
}

#[tokio::test]
async fn the_copy_of_version_1_alone_is_enough_to_recover() {
    let dir = version_1();
    fs::remove_dir_all(dir.path().join("cursors")).unwrap();
    let opened = open(dir.path()).unwrap();
    assert_eq!(opened.recovery.unwrap().from_copy, ["acme-audit/local", "acme-chat/local"]);
    let saved = cursor(&opened.store, "acme-audit/local").load().await.unwrap().unwrap();
    assert_eq!(saved.cursor.settled, 1_790_000_000);
}

#[tokio::test]
async fn a_copy_from_the_future_is_refused_and_left_alone() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    let path = dir.path().join("checkpoints.json");
    let future = "{\"version\":2,\"anything\":[]}";
    fs::write(&path, future).unwrap();
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(refused, StateError::Newer { found: 2, known: 1, .. }), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), future);
}
