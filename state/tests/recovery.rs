//! Damage: recovered with a report, or refused; never silently empty, never a wrong value.

use std::{fs, path::Path};

use state::{Opened, Recovery, StateError};

use crate::support::{Cursor, cursor, fresh_dir, open, open_sound, part, put, store_with_one_checkpoint};

fn fill_with_garbage(path: &Path) {
    let bytes = fs::metadata(path).unwrap().len();
    fs::write(path, b"garbage!".repeat(usize::try_from(bytes / 8 + 1).unwrap())).unwrap();
}

#[tokio::test]
async fn a_snapshot_torn_by_a_kill_is_cleared_away() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    let torn = dir.path().join("cursors/snap.FFFFFFFFFFFFFFF0.generating");
    fs::write(&torn, b"half").unwrap();
    let store = open_sound(dir.path());
    assert!(!torn.exists());
    assert_eq!(cursor(&store, "a/local").load().await.unwrap().unwrap().parts, [part("k", "v")]);
}

#[tokio::test]
async fn a_damaged_snapshot_is_kept_aside_and_the_log_gives_everything_back() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    drop(open_sound(dir.path()));
    fs::write(dir.path().join("cursors/snap.FFFFFFFFFFFFFFF0"), b"damaged").unwrap();
    let Opened { store, recovery } = open(dir.path()).unwrap();
    let Recovery { kept, from_copy, went_back, .. } = recovery.unwrap();
    assert!(kept.unwrap().join("snap.FFFFFFFFFFFFFFF0").exists());
    assert_eq!((from_copy, went_back), (Vec::new(), Vec::new()));
    let saved = cursor(&store, "a/local").load().await.unwrap().unwrap();
    assert_eq!((saved.cursor, saved.parts), (Cursor::at(7), vec![part("k", "v")]));
}

#[tokio::test]
async fn garbage_in_place_of_the_log_is_kept_aside_and_the_heads_come_from_the_copy() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    fill_with_garbage(&dir.path().join("cursors/db"));
    let Opened { store, recovery } = open(dir.path()).unwrap();
    let recovery = recovery.unwrap();
    let kept = recovery.kept.clone().unwrap();
    assert!(kept.join("db").exists());
    assert_eq!(recovery.from_copy, ["a/local"]);
    assert!(recovery.copy_age.is_some());
    let mut checkpoint = cursor(&store, "a/local");
    let saved = checkpoint.load().await.unwrap().unwrap();
    assert_eq!((saved.cursor, saved.parts), (Cursor::at(7), Vec::new()));

    checkpoint.commit(&Cursor::at(8), vec![put("k", "v")]).await.unwrap();
    drop((store, checkpoint));
    assert_eq!(
        cursor(&open_sound(dir.path()), "a/local").load().await.unwrap().unwrap().cursor,
        Cursor::at(8)
    );
}

#[tokio::test]
async fn an_empty_log_is_damage_too() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    fs::remove_dir_all(dir.path().join("cursors")).unwrap();
    fs::create_dir(dir.path().join("cursors")).unwrap();
    let recovery = open(dir.path()).unwrap().recovery.unwrap();
    assert_eq!(recovery.from_copy, ["a/local"]);
}

#[tokio::test]
async fn a_store_that_is_gone_is_recovered_from_the_copy() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    fs::remove_dir_all(dir.path().join("cursors")).unwrap();
    let recovery = open(dir.path()).unwrap().recovery.unwrap();
    assert_eq!((recovery.kept, recovery.from_copy), (None, vec!["a/local".to_owned()]));
}

#[tokio::test]
async fn without_a_usable_copy_damage_is_refused_at_every_start_and_nothing_is_moved() {
    for copy in [Some("{\"version\":1,"), Some("{\"version\":1,\"written\":\"2026-01-01T00:00:00Z\"}"), None]
    {
        let dir = fresh_dir();
        store_with_one_checkpoint(dir.path()).await;
        fill_with_garbage(&dir.path().join("cursors/db"));
        let path = dir.path().join("checkpoints.json");
        match copy {
            Some(broken) => fs::write(path, broken).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        for _ in 0..2 {
            let refused = open(dir.path()).unwrap_err();
            let StateError::Unrecoverable { kept, .. } = refused else { panic!("{refused:?}") };
            assert_eq!(kept, dir.path().join("cursors"));
            assert!(kept.join("db").exists());
        }
    }
}

#[tokio::test]
async fn a_broken_copy_is_made_again_from_a_sound_store() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    let path = dir.path().join("checkpoints.json");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replace("chatcmpl-7", "chatcmpl-8")).unwrap();
    drop(open_sound(dir.path()));
    assert!(fs::read_to_string(&path).unwrap().contains("chatcmpl-7"));
}

#[tokio::test]
async fn a_store_older_than_its_copy_is_reported() {
    let dir = fresh_dir();
    store_with_one_checkpoint(dir.path()).await;
    let old = fresh_dir();
    crate::support::copy_dir(&dir.path().join("cursors"), &old.path().join("cursors"));
    let store = open_sound(dir.path());
    let mut checkpoint = cursor(&store, "a/local");
    checkpoint.load().await.unwrap();
    checkpoint.commit(&Cursor::at(8), Vec::new()).await.unwrap();
    store.close().await.unwrap();

    fs::copy(dir.path().join("checkpoints.json"), old.path().join("checkpoints.json")).unwrap();
    let recovery = open(old.path()).unwrap().recovery.unwrap();
    assert_eq!(recovery.went_back, ["a/local"]);
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_never_a_wrong_value() {
    let sound = fresh_dir();
    let store = open_sound(sound.path());
    let mut checkpoint = cursor(&store, "a/local");
    for settled in 0..30 {
        let key = format!("k{}", settled % 5);
        checkpoint.commit(&Cursor::at(settled), vec![put(&key, &key.repeat(40))]).await.unwrap();
    }
    store.close().await.unwrap();
    let log = fs::read(sound.path().join("cursors/db")).unwrap();
    let mut recovered = 0;
    for position in (0..log.len()).step_by(log.len() / 50) {
        let dir = fresh_dir();
        crate::support::copy_dir(sound.path(), dir.path());
        let mut flipped = log.clone();
        flipped[position] ^= 0x10;
        fs::write(dir.path().join("cursors/db"), flipped).unwrap();
        let Opened { store, recovery } = open(dir.path()).unwrap();
        let saved = cursor(&store, "a/local").load().await.unwrap().unwrap();
        match &recovery {
            Some(Recovery { went_back, .. }) if !went_back.is_empty() => assert!(saved.cursor.settled < 29),
            Some(_) | None => assert_eq!(saved.cursor, Cursor::at(29)),
        }
        for (key, value) in saved.parts {
            assert_eq!(value, key.repeat(40));
        }
        recovered += usize::from(recovery.is_some());
    }
    assert!(recovered > 0, "no flip hit anything that matters");
}
