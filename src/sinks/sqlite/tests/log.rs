//! The write-ahead log: what is in it, and how large its file is.

use super::*;

/// Only what is done at once after a batch.
const NEVER: Pace = Pace { first: Duration::from_secs(3600), every: Duration::from_secs(3600) };

fn wal_bytes(bench: &Bench) -> u64 {
    let wal = bench.settings().path.with_extension("db-wal");
    fs::metadata(wal).map_or(0, |found| found.len())
}

/// So many rows: 3,000 take more of the log than may stay in it, and 4,000 about as much as its file may keep.
fn large(number: i64, rows: i64) -> Batch {
    let many: Vec<String> =
        (0..rows).map(|n| event(&format!("{number}-{n:05}-{}", "x".repeat(400)), NOW + n)).collect();
    batch(&AUDIT_LOGS, &many)
}

fn rows_of_the_file_alone(bench: &Bench) -> i64 {
    let copy = bench.dir.path().join("copy.db");
    fs::copy(bench.settings().path, &copy).unwrap();
    let copied = Connection::open(copy).unwrap();
    copied.query_row("SELECT count(*) FROM OpenAIAuditLogs_CL", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn the_log_stays_small_and_is_emptied_when_nothing_comes_so_that_the_file_alone_holds_everything() {
    let bench = Bench::new();
    let sink = SqliteSink::throttle(bench.settings(), clock(&bench.now), SOON);
    for batch_number in 0..8 {
        sink.write(large(batch_number, 4_000)).await.unwrap();
        // The batch after it is written once the thread has done its own work.
        sink.check(&Tables::built_in().of_records()).await.unwrap();
        assert!(wal_bytes(&bench) <= 8 << 20, "{}", wal_bytes(&bench));
    }
    wait_until(|| wal_bytes(&bench) == 0);
    assert_eq!(rows_of_the_file_alone(&bench), 32_000);
}

#[tokio::test]
async fn a_reader_that_holds_on_to_what_it_reads_delays_no_write() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    sink.write(events(&["a"])).await.unwrap();
    let reader = bench.other();
    reader.execute_batch("BEGIN; SELECT count(*) FROM OpenAIAuditLogs_CL").unwrap();
    let begun = std::time::Instant::now();
    for batch_number in 0..4 {
        sink.write(large(batch_number, 4_000)).await.unwrap();
    }
    assert!(wal_bytes(&bench) > 8 << 20, "the reader holds it");
    let is_said = || sink.state.log.lock().unwrap().is_held;
    assert!(!is_said(), "so much may come by itself");
    let mut batch_number = 4;
    while wal_bytes(&bench) <= 64 << 20 {
        sink.write(batch(&AUDIT_LOGS, &[event(&format!("{batch_number}-{}", "x".repeat(900_000)), NOW)]))
            .await
            .unwrap();
        batch_number += 1;
    }
    wait_until(is_said);
    drop(reader);
    sink.write(events(&["b"])).await.unwrap();
    sink.check(&Tables::built_in().of_records()).await.unwrap();
    assert!(wal_bytes(&bench) <= 8 << 20);
    assert!(!is_said() && begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn what_a_reader_holds_of_the_log_counts_for_the_size_and_costs_at_most_half_of_the_rows() {
    let bench = Bench::new();
    let size_max = 24 << 20;
    let settings = SqliteSettings { size_max: Some(size_max), ..bench.settings() };
    let sink = SqliteSink::throttle(settings, clock(&bench.now), SOON);
    let write = async |batch_number: i64| {
        let many: Vec<String> = (0..4_000)
            .map(|n| event(&format!("{batch_number}-{n:05}-{}", "x".repeat(400)), NOW + batch_number))
            .collect();
        bench.now.fetch_add(100, Ordering::SeqCst);
        sink.write(batch(&AUDIT_LOGS, &many)).await.unwrap();
        let rows = bench.texts("SELECT Id FROM OpenAIAuditLogs_CL").len();
        (wal_bytes(&bench) > size_max, rows)
    };
    write(0).await;
    let reader = bench.other();
    reader.execute_batch("BEGIN; SELECT count(*) FROM OpenAIAuditLogs_CL").unwrap();
    let mut batch_number = 1;
    let held = loop {
        let (is_large, rows) = write(batch_number).await;
        batch_number += 1;
        if is_large && batch_number > 12 {
            break rows;
        }
    };
    drop(reader);
    for more in 0..8 {
        write(batch_number + more).await;
    }
    let (_, free) = write(batch_number + 8).await;
    assert!(held > 1_000, "the reader costs all rows: {held}");
    assert!(free > held * 5 / 4, "{free} rows when nobody holds the log, {held} before");
}

#[tokio::test]
async fn between_batches_the_log_is_copied_back_but_keeps_its_place_on_the_disk_for_the_next_one() {
    let bench = Bench::new();
    let sink = SqliteSink::throttle(bench.settings(), clock(&bench.now), NEVER);
    for number in 0..3 {
        sink.write(large(number, 3_000)).await.unwrap();
        // What is asked now is answered once the thread has done its own work.
        sink.check(&Tables::built_in().of_records()).await.unwrap();
        assert_eq!(rows_of_the_file_alone(&bench), 3_000 * (number + 1));
        // Written over from its start, it does not grow either.
        assert!((4 << 20..=8 << 20).contains(&wal_bytes(&bench)), "{}", wal_bytes(&bench));
    }
}

#[tokio::test]
async fn a_log_that_one_batch_has_made_large_is_cut_once_no_other_follows() {
    let bench = Bench::new();
    let sink = SqliteSink::throttle(bench.settings(), clock(&bench.now), NEVER);
    let long = (0..8).map(|n| {
        format!(r#"{{"id":"{n}","created":{NOW},"effective_at":{NOW},"x":"{}"}}"#, "x".repeat(2 << 20))
    });
    sink.write(batch(&AUDIT_LOGS, &long.collect::<Vec<_>>())).await.unwrap();
    wait_until(|| wal_bytes(&bench) <= 8 << 20);
    assert_eq!(rows_of_the_file_alone(&bench), 8);
}

#[tokio::test]
async fn while_few_records_come_little_is_written_and_is_not_copied_back_between_them() {
    let bench = Bench::new();
    let later = NOW + 8 * DAY;
    let retention = Some(Duration::from_secs(7 * 24 * 60 * 60));
    let pace = Pace { every: Duration::from_secs(3600), ..SOON };
    let sink =
        SqliteSink::throttle(SqliteSettings { retention, ..bench.settings() }, clock(&bench.now), pace);
    let history = (0..3_000).map(|n| event(&format!("{n:05}-{}", "x".repeat(400)), later));
    sink.write(batch(&AUDIT_LOGS, &history.chain([event("old", NOW)]).collect::<Vec<_>>())).await.unwrap();
    sink.check(&Tables::built_in().of_records()).await.unwrap();
    assert_eq!(rows_of_the_file_alone(&bench), 3_001, "a large batch is copied back at once");

    for number in 0..10 {
        sink.write(batch(&AUDIT_LOGS, &[event(&format!("few-{number}"), later)])).await.unwrap();
    }
    let frames: u32 = bench.other().query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap();
    let page: u32 = bench.other().query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    assert!(frames * page <= 10 * (100 << 10), "{frames} pages of {page} bytes for ten records");

    // What is too old goes once nothing has come for a while.
    bench.now.fetch_add(8 * DAY, Ordering::SeqCst);
    wait_until(|| bench.texts("SELECT Id FROM OpenAIAuditLogs_CL WHERE Id = 'old'").is_empty());
    sink.check(&Tables::built_in().of_records()).await.unwrap();
    assert_eq!(rows_of_the_file_alone(&bench), 3_001, "the next records change the same pages");
}
