//! Load, commit, remove.

use std::{fs, os::unix::fs::PermissionsExt};

use state::{Saved, StateError};

use crate::support::{Cursor, cursor, fresh_dir, open, open_sound, part, put};

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart_with_its_parts_in_key_order() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    let mut checkpoint = cursor(&store, "acme-audit/local");
    assert_eq!(checkpoint.load().await.unwrap(), None);
    checkpoint.commit(&Cursor::at(1), vec![put("b", "2"), put("a", "1")]).await.unwrap();
    checkpoint.commit(&Cursor::at(2), vec![put("c", "3"), (b"b".to_vec(), None)]).await.unwrap();
    store.close().await.unwrap();

    let store = open_sound(dir.path());
    assert_eq!(store.names().unwrap(), ["acme-audit/local"]);
    let saved = cursor(&store, "acme-audit/local").load().await.unwrap();
    let parts = vec![part("a", "1"), part("c", "3")];
    assert_eq!(saved, Some(Saved { cursor: Cursor::at(2), parts }));
}

#[tokio::test]
async fn a_store_that_was_never_closed_keeps_what_it_acknowledged() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    cursor(&store, "a").commit(&Cursor::at(1), Vec::new()).await.unwrap();
    drop(store);
    let saved = cursor(&open_sound(dir.path()), "a").load().await.unwrap();
    assert_eq!(saved.unwrap().cursor, Cursor::at(1));
}

#[tokio::test]
async fn a_commit_on_top_of_something_else_changes_nothing() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    let mut first = cursor(&store, "a");
    first.commit(&Cursor::at(1), vec![put("k", "old")]).await.unwrap();
    let mut second = cursor(&store, "a");
    second.load().await.unwrap();
    // Equal content is not enough: the second commit does not build on the first.
    first.commit(&Cursor::at(1), Vec::new()).await.unwrap();

    for mut stale in [second, cursor(&store, "a")] {
        let refused = stale.commit(&Cursor::at(9), vec![put("k", "new"), put("l", "new")]).await;
        assert!(matches!(refused, Err(StateError::Conflict { .. })), "{refused:?}");
    }
    let saved = cursor(&store, "a").load().await.unwrap();
    assert_eq!(saved, Some(Saved { cursor: Cursor::at(1), parts: vec![part("k", "old")] }));
}

#[tokio::test]
async fn commits_that_wait_together_are_written_together_and_all_of_them_are_there() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    let names: Vec<String> = (0..2_000).map(|number| format!("c-{number}")).collect();
    let before = store.writes().await.unwrap();
    let commit = async |name: &String| {
        let mut checkpoint = cursor(&store, name);
        checkpoint.commit(&Cursor::at(1), vec![put("k", name)]).await?;
        checkpoint.commit(&Cursor::at(2), vec![put("l", name)]).await
    };
    let done = futures::future::join_all(names.iter().map(commit)).await;
    assert!(done.iter().all(Result::is_ok), "{:?}", done.iter().find(|done| done.is_err()));
    let writes = store.writes().await.unwrap() - before;
    assert!(writes < 400, "{writes} writes of 4,000 commits");
    drop(store);
    let store = open_sound(dir.path());
    for name in &names {
        let parts = vec![part("k", name), part("l", name)];
        let saved = cursor(&store, name).load().await.unwrap();
        assert_eq!(saved, Some(Saved { cursor: Cursor::at(2), parts }));
    }
}

#[tokio::test]
async fn of_commits_of_one_checkpoint_that_wait_together_one_is_made() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    let mut rivals: Vec<_> = (0..20).map(|_| cursor(&store, "a")).collect();
    let commits = rivals.iter_mut().zip(1..).map(|(rival, at)| async move {
        (at, rival.commit(&Cursor::at(at), vec![put(&format!("k{at}"), "v")]).await)
    });
    let done = futures::future::join_all(commits).await;
    let made: Vec<_> = done.iter().filter(|(_, done)| done.is_ok()).map(|(at, _)| *at).collect();
    assert_eq!(made.len(), 1, "{done:?}");
    assert!(
        done.iter().all(|(_, done)| matches!(done, Ok(()) | Err(StateError::Conflict { .. }))),
        "{done:?}"
    );
    let saved = cursor(&store, "a").load().await.unwrap();
    let parts = vec![part(&format!("k{}", made[0]), "v")];
    assert_eq!(saved, Some(Saved { cursor: Cursor::at(made[0]), parts }));
}

#[tokio::test]
async fn a_commit_that_is_given_up_while_it_waits_is_not_made() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    let (mut first, mut given_up, mut last) = (cursor(&store, "a"), cursor(&store, "b"), cursor(&store, "b"));
    let (one, two) = (Cursor::at(1), Cursor::at(2));
    let first = first.commit(&one, Vec::new());
    tokio::pin!(first);
    assert!(futures::poll!(&mut first).is_pending());
    {
        let waiting = given_up.commit(&one, vec![put("k", "v")]);
        tokio::pin!(waiting);
        // Its turn comes after the first one, whose result nobody has fetched yet.
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    first.await.unwrap();
    match last.commit(&two, Vec::new()).await {
        Ok(()) => assert_eq!(last.load().await.unwrap().unwrap().parts, []),
        // The first one took it along before it was given up.
        Err(error) => assert!(matches!(error, StateError::Conflict { .. }), "{error}"),
    }
}

#[tokio::test]
async fn a_removed_checkpoint_is_gone_everywhere_and_its_neighbours_stay() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    for name in ["a", "a/local", "a0"] {
        cursor(&store, name).commit(&Cursor::at(1), vec![put("k", name)]).await.unwrap();
    }
    let mut removed = cursor(&store, "a");
    let was = removed.remove().await.unwrap();
    assert_eq!(was, Some(Saved { cursor: Cursor::at(1), parts: vec![part("k", "a")] }));
    assert_eq!(removed.remove().await.unwrap(), None);
    let copy = fs::read_to_string(dir.path().join("checkpoints.json")).unwrap();
    assert!(!copy.contains(r#""a":"#) && copy.contains(r#""a0":"#), "{copy}");
    drop((store, removed));

    let store = open_sound(dir.path());
    assert_eq!(store.names().unwrap(), ["a/local", "a0"]);
    for name in ["a/local", "a0"] {
        let saved = cursor(&store, name).load().await.unwrap();
        assert_eq!(saved.unwrap().parts, [part("k", name)]);
    }
    let mut again = cursor(&store, "a");
    again.commit(&Cursor::at(5), Vec::new()).await.unwrap();
    assert_eq!(again.load().await.unwrap().unwrap().parts, []);
}

#[tokio::test]
async fn what_cannot_be_stored_or_understood_is_refused_by_name() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    for name in ["", "a\0b", "a\n"] {
        let refused = cursor(&store, name).commit(&Cursor::at(1), Vec::new()).await;
        assert!(matches!(refused, Err(StateError::InvalidName(_))), "{refused:?}");
    }
    let large = vec![(b"k".to_vec(), Some(vec![0; 100_000]))];
    let refused = cursor(&store, "a").commit(&Cursor::at(1), large).await;
    assert!(matches!(refused, Err(StateError::TooLarge { what: "part", .. })), "{refused:?}");
    assert_eq!(store.names().unwrap(), Vec::<String>::new());

    cursor(&store, "a").commit(&Cursor::at(1), Vec::new()).await.unwrap();
    let refused = store.cursor::<Vec<u8>>("a").remove().await;
    assert!(matches!(refused, Err(StateError::NotUnderstood { .. })), "{refused:?}");
    assert!(cursor(&store, "a").remove().await.unwrap().is_some());
}

#[tokio::test]
async fn a_closed_store_says_so_and_can_be_opened_at_once() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    let mut left_over = cursor(&store, "a");
    store.clone().close().await.unwrap();
    let refused = left_over.commit(&Cursor::at(1), Vec::new()).await;
    assert!(matches!(refused, Err(StateError::Closed)), "{refused:?}");
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn the_copy_follows_within_its_interval_without_a_further_commit() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    tokio::time::pause();
    let mut checkpoint = cursor(&store, "a");
    for settled in [111, 222] {
        checkpoint.commit(&Cursor::at(settled), Vec::new()).await.unwrap();
    }
    let copied = || fs::read_to_string(dir.path().join("checkpoints.json")).unwrap().contains("chatcmpl-222");
    for _ in 0..600 {
        tokio::time::advance(std::time::Duration::from_millis(10)).await;
        // One pass through the blocking threads lets a due copy be written.
        cursor(&store, "other").load().await.unwrap();
    }
    assert!(copied());
}

#[tokio::test]
async fn a_commit_that_nobody_waited_for_keeps_no_later_one_out_of_the_copy() {
    let dir = fresh_dir();
    let store = open_sound(dir.path());
    tokio::time::pause();
    let mut given_up = cursor(&store, "a");
    let first = Cursor::at(111);
    let commit = given_up.commit(&first, Vec::new());
    tokio::select! {
        biased;
        done = commit => panic!("it was to take a moment: {done:?}"),
        () = std::future::ready(()) => {}
    }
    let mut checkpoint = cursor(&store, "b");
    checkpoint.commit(&Cursor::at(222), Vec::new()).await.unwrap();
    let copied = || fs::read_to_string(dir.path().join("checkpoints.json")).unwrap().contains("chatcmpl-222");
    for _ in 0..600 {
        tokio::time::advance(std::time::Duration::from_millis(10)).await;
        cursor(&store, "other").load().await.unwrap();
    }
    assert!(copied());
}

#[tokio::test]
async fn files_are_for_this_user_alone() {
    let parent = fresh_dir();
    let dir = parent.path().join("state");
    let store = open_sound(&dir);
    cursor(&store, "a").commit(&Cursor::at(1), Vec::new()).await.unwrap();
    let mode = |path: &str| fs::metadata(dir.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("."), mode("cursors")], [0o700; 2]);
    assert_eq!([mode("checkpoints.json"), mode("holder.json")], [0o600; 2]);
    assert!(store.size_bytes().unwrap() > 0);
}
