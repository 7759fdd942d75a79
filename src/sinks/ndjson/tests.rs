use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::sink::{NdjsonSink, Stdout};
use crate::{
    config::{AlertShape, LineShape, NdjsonDir, NdjsonSettings},
    sinks::{
        Receipt, Sink as _, SinkError, WriteFailure,
        samples::{DAY, NOW, SOON, batch, clock, event, wait_until},
    },
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Tables},
};

/// A directory, and a clock that a test moves.
struct Bench {
    dir: TempDir,
    now: Arc<AtomicI64>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), now: Arc::new(AtomicI64::new(NOW)) }
    }

    fn settings(&self) -> NdjsonSettings {
        NdjsonSettings {
            alerts_shape: AlertShape::Table,
            dir: NdjsonDir::Dir(self.dir.path().to_owned()),
            shape: LineShape::Record,
            file_size_max: 256 << 20,
            retention: None,
            size_max: None,
            free_min: 0,
            tables: Tables::built_in(),
        }
    }

    fn sink(&self, settings: NdjsonSettings) -> NdjsonSink {
        NdjsonSink::new(settings, clock(&self.now))
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The files by name, with their text.
    fn files(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let file = |entry: fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
        };
        entries.map(|entry| file(entry.unwrap())).collect()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        // By name alone: the sink's thread may remove one meanwhile.
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_line_is_the_record_as_received_without_the_white_space_between_its_tokens() {
    let bench = Bench::new();
    let pretty = "{\r\n  \"id\": \"a\\n b\",\n  \"effective_at\" : [ 1.50 ]\n}".to_owned();
    let records = [pretty, event("audit_log-2", NOW)];
    let receipt = bench.sink(bench.settings()).write(batch(&AUDIT_LOGS, &records)).await.unwrap();

    assert_eq!(receipt, Receipt { accepted: 2, ..Receipt::default() });
    let expected = format!("{{\"id\":\"a\\n b\",\"effective_at\":[1.50]}}\n{}\n", records[1]);
    let files = bench.files();
    assert_eq!(
        files.into_iter().collect::<Vec<_>>(),
        [("OpenAIAuditLogs_CL-2026-02-13.ndjson".to_owned(), expected)]
    );
}

#[tokio::test]
async fn a_batch_larger_than_what_is_written_at_a_time_is_written_and_counted_whole() {
    for (shape, file_size_max) in [(LineShape::Record, 100_000), (LineShape::Table, 300_000)] {
        let bench = Bench::new();
        let sink = bench.sink(NdjsonSettings { shape, file_size_max, ..bench.settings() });
        let records: Vec<String> =
            (0..1000).map(|number| event(&format!("audit_log-{number}"), NOW)).collect();
        sink.write(batch(&AUDIT_LOGS, &records)).await.unwrap();
        // The first file counts as full: all of its pieces are known.
        sink.write(batch(&AUDIT_LOGS, &records[..1])).await.unwrap();

        let lines: Vec<usize> = bench.files().values().map(|text| text.lines().count()).collect();
        assert_eq!(lines, [1, 1000], "{shape:?}");
        let first = &bench.files()["OpenAIAuditLogs_CL-2026-02-13.ndjson"];
        assert!(first.len() > 1 << 17, "{shape:?}");
        assert!(
            first.lines().zip(0..).all(|(line, number)| line.contains(&format!("\"audit_log-{number}\"")))
        );
    }
}

#[tokio::test]
async fn in_the_shape_of_the_table_a_line_has_every_column() {
    let bench = Bench::new();
    let sink = bench.sink(NdjsonSettings { shape: LineShape::Table, ..bench.settings() });
    let record = "{\"id\":\"c\\\"1\",\"created\":1770979925,\"seed\":-9223372036854775808,\"top_p\":0.5,
        \"choices\":[\n1 , {\"a\": 1}],\"tool_choice\":{\"type\": \"x\"}}";
    sink.write(batch(&CHAT_COMPLETIONS, &[record.to_owned()])).await.unwrap();

    let text = bench.files().remove("OpenAIChatCompletions_CL-2026-02-13.ndjson").unwrap();
    assert_eq!(text.lines().count(), 1);
    let line: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(line.len(), CHAT_COMPLETIONS.columns.len());
    assert_eq!(line["TimeGenerated"], json!("2026-02-13T10:52:05Z"));
    assert_eq!(line["Id"], json!("c\"1"));
    assert_eq!(line["Seed"], json!(i64::MIN));
    assert_eq!(line["TopProbability"], json!(0.5));
    assert!(text.contains(r#""Choices":[1,{"a":1}]"#), "{text}");
    assert_eq!(line["ToolChoice"], json!("{\"type\":\"x\"}"));
    assert_eq!(line["Model"], Value::Null);
    assert_eq!(line["ConnectorName"], json!("acme"));
}

#[tokio::test]
async fn files_follow_each_other_by_size_and_by_day() {
    let bench = Bench::new();
    let settings = NdjsonSettings { file_size_max: 400, ..bench.settings() };
    let sink = bench.sink(settings.clone());
    for id in ["a", "b", "c"] {
        sink.write(batch(&AUDIT_LOGS, &[event(id, NOW)])).await.unwrap();
    }
    drop(sink);
    let sink = bench.sink(settings);
    sink.write(batch(&AUDIT_LOGS, &[event("d", NOW)])).await.unwrap();
    bench.pass(DAY);
    sink.write(batch(&AUDIT_LOGS, &[event("e", NOW)])).await.unwrap();

    assert_eq!(
        bench.names(),
        [
            "OpenAIAuditLogs_CL-2026-02-13.1.ndjson",
            "OpenAIAuditLogs_CL-2026-02-13.2.ndjson",
            "OpenAIAuditLogs_CL-2026-02-13.3.ndjson",
            "OpenAIAuditLogs_CL-2026-02-13.ndjson",
            "OpenAIAuditLogs_CL-2026-02-14.ndjson",
        ]
    );
}

#[tokio::test]
async fn a_torn_last_line_is_cut_at_the_next_start_even_in_a_file_of_yesterday() {
    let bench = Bench::new();
    let whole = event("a", NOW) + "\n";
    let path = bench.dir.path().join("OpenAIAuditLogs_CL-2026-02-12.ndjson");
    fs::write(&path, format!("{whole}{{\"id\":")).unwrap();
    bench.sink(bench.settings()).check(&Tables::built_in().of_records()).await.unwrap();
    assert_eq!(bench.files().into_values().collect::<Vec<_>>(), [whole]);
}

#[tokio::test]
async fn a_second_sink_on_the_directory_finds_it_busy() {
    let bench = Bench::new();
    let first = bench.sink(bench.settings());
    first.check(&Tables::built_in().of_records()).await.unwrap();
    let second = bench.sink(bench.settings());
    assert!(matches!(second.check(&Tables::built_in().of_records()).await, Err(SinkError::Busy { .. })));
    drop(first);
    second.check(&Tables::built_in().of_records()).await.unwrap();
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[tokio::test]
async fn with_too_little_space_nothing_is_written() {
    let bench = Bench::new();
    let sink = bench.sink(NdjsonSettings { free_min: u64::MAX, ..bench.settings() });
    let refused = sink.write(batch(&AUDIT_LOGS, &[event("a", NOW)])).await;
    assert!(
        matches!(refused, Err(WriteFailure { error: SinkError::DiskFull { wanted: u64::MAX, .. }, .. })),
        "{refused:?}"
    );
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[tokio::test]
async fn with_too_little_space_room_is_made_that_the_settings_allow() {
    let bench = Bench::new();
    fs::write(bench.dir.path().join("OpenAIAuditLogs_CL-2026-02-10.ndjson"), "{}\n").unwrap();
    let settings = NdjsonSettings { free_min: u64::MAX, size_max: Some(1), ..bench.settings() };
    bench.sink(settings).check(&Tables::built_in().of_records()).await.unwrap_err();
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_in_place_of_the_directory_is_misplaced() {
    let bench = Bench::new();
    let path = bench.dir.path().join("file");
    fs::write(&path, "").unwrap();
    let sink = bench.sink(NdjsonSettings { dir: NdjsonDir::Dir(path.join("below")), ..bench.settings() });
    assert!(matches!(sink.check(&Tables::built_in().of_records()).await, Err(SinkError::Misplaced { .. })));
}

#[tokio::test]
async fn a_file_or_directory_that_was_moved_away_is_not_written_to_any_more() {
    let bench = Bench::new();
    let target = bench.dir.path().join("archive");
    let sink = bench.sink(NdjsonSettings { dir: NdjsonDir::Dir(target.clone()), ..bench.settings() });
    let file = target.join("OpenAIAuditLogs_CL-2026-02-13.ndjson");
    let write = async |id: &str| {
        sink.write(batch(&AUDIT_LOGS, &[event(id, NOW)])).await.unwrap();
        fs::read_to_string(&file).unwrap()
    };
    write("a").await;
    fs::rename(&file, target.join("taken")).unwrap();
    assert_eq!(write("b").await, event("b", NOW) + "\n");
    fs::rename(&target, bench.dir.path().join("taken")).unwrap();
    assert_eq!(write("c").await, event("c", NOW) + "\n");
}

#[tokio::test]
async fn old_files_go_by_age_and_those_of_others_stay() {
    let bench = Bench::new();
    let old = ["OpenAIAuditLogs_CL-2026-02-10.ndjson", "OpenAIAuditLogs_CL-2026-02-11.ndjson"];
    for name in old.iter().chain(&["notes-2020-01-01.ndjson"]) {
        fs::write(bench.dir.path().join(name), "{}\n").unwrap();
    }
    // The 11th ended at midnight, two days and 10:52:05 hours ago less one day.
    let retention = Some(Duration::from_secs(2 * 24 * 60 * 60));
    let sink = bench.sink(NdjsonSettings { retention, ..bench.settings() });
    sink.write(batch(&AUDIT_LOGS, &[event("a", NOW)])).await.unwrap();
    assert_eq!(bench.names(), [old[1], "OpenAIAuditLogs_CL-2026-02-13.ndjson", "notes-2020-01-01.ndjson"]);

    bench.pass(DAY - 10 * 60 * 60);
    sink.write(batch(&AUDIT_LOGS, &[event("b", NOW)])).await.unwrap();
    assert_eq!(
        bench.names(),
        [
            "OpenAIAuditLogs_CL-2026-02-13.ndjson",
            "OpenAIAuditLogs_CL-2026-02-14.ndjson",
            "notes-2020-01-01.ndjson"
        ]
    );
}

#[tokio::test]
async fn what_expires_goes_although_nothing_new_comes_even_the_file_that_was_written_to_last() {
    let bench = Bench::new();
    let retention = Some(Duration::from_secs(60 * 60));
    let sink =
        NdjsonSink::throttle(NdjsonSettings { retention, ..bench.settings() }, clock(&bench.now), SOON);
    sink.write(batch(&AUDIT_LOGS, &[event("a", NOW)])).await.unwrap();
    let first = "OpenAIAuditLogs_CL-2026-02-13.ndjson";
    assert_eq!(bench.names(), [first]);
    bench.pass(DAY);
    wait_until(|| bench.names().is_empty());
    sink.write(batch(&AUDIT_LOGS, &[event("b", NOW)])).await.unwrap();
    assert_eq!(bench.names(), ["OpenAIAuditLogs_CL-2026-02-14.ndjson"]);
    drop(sink);

    // A start to which nothing new comes.
    fs::write(bench.dir.path().join(first), "{}\n").unwrap();
    let _sink =
        NdjsonSink::throttle(NdjsonSettings { retention, ..bench.settings() }, clock(&bench.now), SOON);
    wait_until(|| bench.names() == ["OpenAIAuditLogs_CL-2026-02-14.ndjson"]);
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_removes_only_what_the_newest_file_shows_to_be_old() {
    let bench = Bench::new();
    for day in ["2026-02-01", "2026-02-11", "2026-02-13"] {
        fs::write(bench.dir.path().join(format!("OpenAIAuditLogs_CL-{day}.ndjson")), "{}\n").unwrap();
    }
    bench.pass(5 * 365 * DAY);
    let retention = Some(Duration::from_secs(7 * 24 * 60 * 60));
    let _sink =
        NdjsonSink::throttle(NdjsonSettings { retention, ..bench.settings() }, clock(&bench.now), SOON);
    wait_until(|| bench.names().len() < 3);
    assert_eq!(
        bench.names(),
        ["OpenAIAuditLogs_CL-2026-02-11.ndjson", "OpenAIAuditLogs_CL-2026-02-13.ndjson"]
    );
}

#[tokio::test]
async fn the_oldest_files_go_when_all_are_too_large_but_never_the_current_one() {
    let bench = Bench::new();
    for day in 10..13 {
        let name = format!("OpenAIChatCompletions_CL-2026-02-{day}.ndjson");
        fs::write(bench.dir.path().join(name), "x".repeat(999) + "\n").unwrap();
    }
    let size = |size_max| NdjsonSettings { size_max: Some(size_max), ..bench.settings() };
    let sink = bench.sink(size(2500));
    sink.write(batch(&AUDIT_LOGS, &[event("a", NOW)])).await.unwrap();
    let left = [
        "OpenAIAuditLogs_CL-2026-02-13.ndjson",
        "OpenAIChatCompletions_CL-2026-02-11.ndjson",
        "OpenAIChatCompletions_CL-2026-02-12.ndjson",
    ];
    assert_eq!(bench.names(), left);
    drop(sink);

    bench.sink(size(1)).write(batch(&AUDIT_LOGS, &[event("b", NOW)])).await.unwrap();
    assert_eq!(bench.names(), left[..1]);
}

#[test]
fn half_a_line_on_standard_output_does_not_spoil_the_next_one() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let mut out = Stdout { file: path.reopen().unwrap(), torn: false };
    out.append(|file| file.write_all(b"one\n")).unwrap();

    // Like a pipe that took half a line before it failed.
    out.file.write_all(b"tw").unwrap();
    let good = std::mem::replace(&mut out.file, File::open(path.path()).unwrap());
    out.append(|file| file.write_all(b"two\n")).unwrap_err();
    out.file = good;
    out.append(|file| file.write_all(b"two\n")).unwrap();
    assert_eq!(fs::read_to_string(path.path()).unwrap(), "one\ntw\ntwo\n");
}
