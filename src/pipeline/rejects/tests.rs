use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, chown},
    sync::mpsc::{TryRecvError, channel},
};

use serde_json::{Value, json};

use super::{taken::Taking, *};
use crate::{sinks::line_file::Lock, tables::AUDIT_LOGS};

fn reject(record: &'static [u8]) -> Reject {
    Reject {
        connector: "acme".into(),
        table: AUDIT_LOGS.clone(),
        side: Side::Sink,
        kind: "constraint",
        reason: "CHECK failed".into(),
        record: Bytes::from_static(record),
    }
}

const BYTES_MAX: u64 = 1 << 30;

fn open(dir: &Path, bytes_max: u64) -> Rejects {
    let bounds = Bounds { rejects_max: bytes_max, cut_max: 4 << 10 };
    Rejects::open(dir, "acme-audit/local", bounds, Clock::from_fn(|| 1_770_979_925)).unwrap()
}

fn lines(rejects: &Rejects) -> Vec<Value> {
    let text = fs::read_to_string(rejects.path()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until somebody waits for the lock on this file, as the kernel lists it, or until `has_ended`.
fn wait_for_a_waiter(file: &File, has_ended: impl Fn() -> bool) {
    let inode = format!(":{} ", file.metadata().unwrap().ino());
    let waits = || {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&inode))
    };
    while !waits() && !has_ended() {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_record_is_kept_whole_with_its_reason_on_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"{\n  \"id\": \"a\"\r\n}"), reject(b"{\"id\":\xff")]).await.unwrap();

    let expected = json!({
        "time": "2026-02-13T10:52:05Z", "route": "acme-audit/local", "connector": "acme",
        "table": "OpenAIAuditLogs_CL", "side": "sink", "kind": "constraint", "reason": "CHECK failed",
        "record": {"id": "a"},
    });
    assert_eq!(lines(&rejects)[0], expected);
    assert_eq!(lines(&rejects)[1]["record"], json!("{\"id\":\u{fffd}"));
    assert_eq!(rejects.kept(), 2);
}

#[tokio::test]
async fn a_torn_line_is_cut_and_the_count_continues_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let whole = fs::read_to_string(rejects.path()).unwrap();
    fs::write(rejects.path(), format!("{whole}{{\"time\":\"20")).unwrap();
    drop(rejects);

    let rejects = open(dir.path(), BYTES_MAX);
    assert_eq!(rejects.kept(), 1);
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(lines(&rejects).len(), 2);
    assert_eq!(rejects.kept(), 2);
}

/// The error if there is no space for a small batch.
async fn refusal(rejects: &Rejects) -> Option<RejectsError> {
    rejects.reserve(Arc::new([]), 1, 100).await.err()
}

#[tokio::test]
async fn at_the_bound_no_write_begins_until_the_file_is_moved_away_and_what_one_brought_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), 400);
    assert!(refusal(&rejects).await.is_none());
    rejects.keep(vec![reject(b"1"), reject(b"2"), reject(b"3")]).await.unwrap();
    assert_eq!(rejects.kept(), 3);

    let full = refusal(&rejects).await.unwrap();
    assert!(matches!(full, RejectsError::Full { bytes_max: 400, .. }), "{full}");
    fs::rename(rejects.path(), dir.path().join("looked-at")).unwrap();
    assert!(refusal(&rejects).await.is_none());
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(rejects.kept(), 1);
}

#[tokio::test]
async fn a_directory_that_is_gone_is_an_error_and_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("rejects");
    let rejects = open(dir.path(), BYTES_MAX);
    fs::remove_dir(&below).unwrap();
    assert!(matches!(rejects.keep(vec![reject(b"1")]).await, Err(RejectsError::Io { .. })));
    fs::create_dir(&below).unwrap();
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    assert_eq!(rejects.kept(), 1);
}

fn keys(path: &Path) -> Vec<(kept::LineKey, Option<String>)> {
    let mut found = Vec::new();
    let read = kept::read(path, |key, kept| {
        found.push((key, kept.id()));
        Ok::<(), io::Error>(())
    });
    assert_eq!(read.unwrap().strange, 0);
    found
}

/// Takes all lines of a file, as one batch.
fn take_all(path: &Path) -> Vec<String> {
    let Some(taking) = Taking::open(path).unwrap() else { return Vec::new() };
    let (mut places, mut ids) = (Vec::new(), Vec::new());
    let read = taking.read(|_, place, kept| {
        places.push(place);
        ids.extend(kept.id());
        Ok::<(), io::Error>(())
    });
    assert_eq!(read.unwrap().strange, 0);
    taking.take(&places).unwrap();
    ids
}

#[tokio::test]
async fn what_is_removed_is_gone_and_the_daemon_continues_after_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    let three = [br#"{"id":"a"}"#, br#"{"id":"b"}"#, br#"{"id":"c"}"#].map(|record| reject(record));
    rejects.keep(three.to_vec()).await.unwrap();
    let taken = keys(rejects.path());
    kept::remove(rejects.path(), &[taken[0].0, taken[2].0].into()).unwrap();
    rejects.keep(vec![reject(br#"{"id":"d"}"#)]).await.unwrap();

    let left: Vec<_> = keys(rejects.path()).into_iter().filter_map(|(_, id)| id).collect();
    assert_eq!(left, ["b", "d"]);
    assert_eq!(rejects.kept(), 2);
    assert_eq!(keys(rejects.path())[0].0, taken[1].0, "a line keeps its name");
}

#[tokio::test]
async fn a_file_from_which_all_is_taken_is_no_longer_there() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let all = keys(rejects.path()).into_iter().map(|(key, _)| key).collect();
    kept::remove(rejects.path(), &all).unwrap();
    assert!(kept::files(&dir.path().join(REJECTS_DIR)).unwrap().is_empty());
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(rejects.kept(), 1);
}

#[tokio::test]
async fn what_is_taken_is_not_read_again_and_is_removed_when_the_file_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(br#"{"id":"a"}"#), reject(br#"{"id":"b"}"#)]).await.unwrap();
    let size = fs::metadata(rejects.path()).unwrap().len();
    assert_eq!(take_all(rejects.path()), ["a", "b"]);
    rejects.keep(vec![reject(br#"{"id":"c"}"#)]).await.unwrap();

    // A kill here leaves the file unchanged.
    let left = |path: &Path| keys(path).into_iter().filter_map(|(_, id)| id).collect::<Vec<_>>();
    assert!(fs::metadata(rejects.path()).unwrap().len() > size, "not rewritten yet");
    assert!(lines(&rejects).iter().all(Value::is_object), "still JSON, line by line");
    assert_eq!(left(rejects.path()), ["c"]);
    assert_eq!(kept::remove(rejects.path(), &[].into()).unwrap(), 0);
    assert_eq!((left(rejects.path()), lines(&rejects).len()), (vec!["c".to_owned()], 1));
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(rejects.kept(), 2);
}

#[tokio::test]
async fn from_a_file_that_is_gone_nothing_is_removed_and_what_a_kill_left_beside_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1"), reject(b"2")]).await.unwrap();
    let all = keys(rejects.path());
    let unfinished = rejects.path().with_extension("ndjson.new");
    fs::write(&unfinished, "left by a kill, in the midst of a li").unwrap();
    assert_eq!(kept::remove(rejects.path(), &[all[0].0].into()).unwrap(), 1);
    assert_eq!(lines(&rejects).len(), 1);

    fs::remove_file(rejects.path()).unwrap();
    assert_eq!(kept::remove(rejects.path(), &[all[1].0].into()).unwrap(), 0);
    fs::write(&unfinished, "left").unwrap();
    kept::remove_unfinished(&dir.path().join(REJECTS_DIR)).unwrap();
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_file_that_root_rewrites_stays_its_owners() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1"), reject(b"2")]).await.unwrap();
    if chown(rejects.path(), Some(12_345), Some(12_346)).is_err() {
        eprintln!("left out: only root gives a file away");
        return;
    }
    kept::remove(rejects.path(), &[keys(rejects.path())[0].0].into()).unwrap();
    let found = fs::metadata(rejects.path()).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (12_345, 12_346, 0o600));
}

#[tokio::test]
async fn copies_do_not_replace_the_older_file_while_it_is_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    let copy = |number: usize| {
        let record = Bytes::from(format!(r#"{{"id":"{number}"}}"#));
        Arc::from([Reject { kind: "cut", record, ..reject(b"") }])
    };
    let older = dir.path().join(CUT_DIR).join("acme-audit+local.older.ndjson");
    let mut count = 0;
    while !older.exists() {
        rejects.keep_cut(copy(count)).await.unwrap();
        count += 1;
    }
    // The older file is being rewritten, as by `ccfd rejects prune`: it is read and not yet replaced.
    let (file, lock) = kept::locked(&older).unwrap();
    let (of_prune, written) = (keys(&older), fs::read(&older).unwrap());
    let turned = std::thread::spawn({
        let rejects = rejects.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let copies = (count..2 * count).map(copy);
            copies.map(|copy| runtime.block_on(rejects.keep_cut(copy)).unwrap()).sum::<u64>()
        }
    });
    wait_for_a_waiter(&file, || turned.is_finished());
    let new = older.with_extension("new");
    fs::write(&new, written).unwrap();
    fs::rename(&new, &older).unwrap();
    drop((file, lock));
    let gone = turned.join().unwrap();
    let left =
        kept::files(&dir.path().join(CUT_DIR)).unwrap().iter().map(|file| keys(file).len()).sum::<usize>();
    assert_eq!(gone, of_prune.len() as u64, "those that were older, and no others");
    assert_eq!(left as u64 + gone, 2 * count as u64);
}

#[test]
fn lines_that_come_while_others_are_taken_out_are_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rejects/acme-audit+local.ndjson");
    let writer = std::thread::spawn({
        let dir = dir.path().to_owned();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let rejects = open(&dir, BYTES_MAX);
            for number in 0..200 {
                let record = Bytes::from(format!(r#"{{"id":"{number}"}}"#));
                let kept = rejects.keep(vec![Reject { record, ..reject(b"") }]);
                runtime.block_on(kept).unwrap();
            }
        }
    });
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let last = writer.is_finished();
        if path.exists() {
            let found = keys(&path);
            kept::remove(&path, &found.iter().map(|(key, _)| *key).collect()).unwrap();
            seen.extend(found.into_iter().filter_map(|(_, id)| id));
        }
        let taken = take_all(&path);
        let fresh = taken.into_iter().filter(|id| !seen.insert(id.clone())).count();
        assert_eq!(fresh, 0, "taken twice");
        if last {
            break;
        }
    }
    writer.join().unwrap();
    assert_eq!(seen.len(), 200);
}

#[tokio::test]
async fn half_a_line_that_another_process_is_writing_is_left_until_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let path = rejects.path().to_owned();
    let whole = fs::read_to_string(&path).unwrap();
    let (half, rest) = whole.split_at(20);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let lock = Lock::of(&file).unwrap();
    file.write_all(half.as_bytes()).unwrap();

    let (sender, opened) = channel();
    let dir_path = dir.path().to_owned();
    let opening = std::thread::spawn(move || sender.send(open(&dir_path, BYTES_MAX).kept()));
    wait_for_a_waiter(&file, || opening.is_finished());
    assert_eq!(opened.try_recv(), Err(TryRecvError::Empty));
    file.write_all(rest.as_bytes()).unwrap();
    drop(lock);
    assert_eq!(opened.recv().unwrap(), 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), whole.repeat(2));
}

#[tokio::test]
async fn lines_of_another_process_are_counted_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path(), 500), open(dir.path(), 500));
    one.keep(vec![reject(b"1")]).await.unwrap();
    other.keep(vec![reject(b"2")]).await.unwrap();
    one.keep(vec![reject(b"3")]).await.unwrap();
    assert_eq!((one.kept(), lines(&one).len()), (3, 3));
    assert!(refusal(&other).await.is_some());
}

#[tokio::test]
async fn the_oldest_copies_of_what_was_cut_go_and_what_waits_for_a_person_stays() {
    let dir = tempfile::tempdir().unwrap();
    let rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let mut gone = 0;
    for number in 0..40 {
        let record = Bytes::from(format!(r#"{{"id":"{number}"}}"#));
        let copies = [Reject { kind: "cut", record, ..reject(b"") }, Reject { kind: "cut", ..reject(b"2") }];
        gone += rejects.keep_cut(copies.into()).await.unwrap();
    }
    let files = kept::files(&dir.path().join(CUT_DIR)).unwrap();
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    let left: Vec<_> = files.iter().flat_map(|file| keys(file)).collect();
    assert!(bytes <= 4 << 10 && bytes > 2 << 10, "{bytes}");
    assert_eq!(left.len() as u64 + gone, 80);
    assert!(left.iter().any(|(_, id)| id.as_deref() == Some("39")), "the newest are there");
    assert_eq!((rejects.kept(), lines(&rejects).len()), (1, 1));

    let huge = Reject { record: Bytes::from(format!("\"{}\"", "x".repeat(5_000))), ..reject(b"") };
    assert_eq!(rejects.keep_cut([huge].into()).await.unwrap(), 1);
}
