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
