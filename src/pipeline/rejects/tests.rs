use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::tables::AUDIT_LOGS;

fn reject(record: &'static [u8]) -> Reject {
    Reject {
        connector: "acme".into(),
        table: &AUDIT_LOGS,
        side: Side::Sink,
        kind: "constraint",
        reason: "CHECK failed".into(),
        record: Bytes::from_static(record),
    }
}

fn open(dir: &Path, bytes_max: u64) -> Rejects {
    Rejects::open(dir, "acme-audit/local", bytes_max, Clock::from_fn(|| 1_770_979_925)).unwrap()
}

fn lines(rejects: &Rejects) -> Vec<Value> {
    let text = fs::read_to_string(rejects.path()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_record_is_kept_whole_with_its_reason_on_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut rejects = open(dir.path(), BYTES_MAX);
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
async fn a_torn_line_is_cut_and_the_count_goes_on_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let whole = fs::read_to_string(rejects.path()).unwrap();
    fs::write(rejects.path(), format!("{whole}{{\"time\":\"20")).unwrap();
    drop(rejects);

    let mut rejects = open(dir.path(), BYTES_MAX);
    assert_eq!(rejects.kept(), 1);
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(lines(&rejects).len(), 2);
    assert_eq!(rejects.kept(), 2);
}

#[tokio::test]
async fn at_the_bound_nothing_is_written_until_the_file_is_moved_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut rejects = open(dir.path(), 400);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let before = fs::read(rejects.path()).unwrap();

    let full = rejects.keep(vec![reject(b"2"), reject(b"3")]).await.unwrap_err();
    assert!(matches!(full, RejectsError::Full { bytes_max: 400, .. }), "{full}");
    assert_eq!(fs::read(rejects.path()).unwrap(), before);
    assert_eq!(rejects.kept(), 1);

    fs::rename(rejects.path(), dir.path().join("looked-at")).unwrap();
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(rejects.kept(), 1);
}

#[tokio::test]
async fn a_directory_that_is_gone_is_an_error_and_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("rejects");
    let mut rejects = open(&below, BYTES_MAX);
    fs::remove_dir(&below).unwrap();
    assert!(matches!(rejects.keep(vec![reject(b"1")]).await, Err(RejectsError::Io { .. })));
    fs::create_dir(&below).unwrap();
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    assert_eq!(rejects.kept(), 1);
}

#[test]
fn each_route_has_a_file_of_its_own_below_the_directory() {
    assert_eq!(file_name("acme-audit/local"), "acme-audit+local.ndjson");
    assert_eq!(file_name("../a+b"), "%2E%2E+a%2Bb.ndjson");
}

fn keys(path: &Path) -> Vec<(kept::Key, Option<String>)> {
    let mut found = Vec::new();
    let read = kept::read(path, |key, kept| {
        found.push((key, kept.id()));
        Ok::<(), io::Error>(())
    });
    assert_eq!(read.unwrap(), 0);
    found
}

#[tokio::test]
async fn what_is_taken_out_is_gone_and_the_daemon_goes_on_behind_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let mut rejects = open(dir.path(), BYTES_MAX);
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
    let mut rejects = open(dir.path(), BYTES_MAX);
    rejects.keep(vec![reject(b"1")]).await.unwrap();
    let all = keys(rejects.path()).into_iter().map(|(key, _)| key).collect();
    kept::remove(rejects.path(), &all).unwrap();
    assert!(kept::files(dir.path()).unwrap().is_empty());
    rejects.keep(vec![reject(b"2")]).await.unwrap();
    assert_eq!(rejects.kept(), 1);
}

#[test]
fn lines_that_come_while_others_are_taken_out_are_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme-audit+local.ndjson");
    let writer = std::thread::spawn({
        let dir = dir.path().to_owned();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut rejects = open(&dir, BYTES_MAX);
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
        if last {
            break;
        }
    }
    writer.join().unwrap();
    assert_eq!(seen.len(), 200);
}
