//! What the sink's thread does by itself about what expires.

use super::*;

#[tokio::test]
async fn a_sink_that_is_closed_leaves_one_file() {
    let bench = Bench::new();
    let sink = bench.sink(bench.settings());
    sink.write(events(&["a"])).await.unwrap();
    sink.close().await.unwrap();
    let names: Vec<_> = fs::read_dir(bench.settings().path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1);
    sink.write(events(&["b"])).await.unwrap();
}

#[tokio::test]
async fn what_expires_goes_although_nothing_new_comes() {
    let bench = Bench::new();
    let rows = [event("old", NOW), event("new", NOW + 8 * DAY)];
    bench.sink(bench.settings()).write(batch(&AUDIT_LOGS, &rows)).await.unwrap();
    bench.now.fetch_add(8 * DAY, Ordering::SeqCst);
    let retention = Some(Duration::from_secs(7 * 24 * 60 * 60));
    let settings = SqliteSettings { retention, ..bench.settings() };
    let _sink = SqliteSink::throttle(settings, clock(&bench.now), SOON);
    wait_until(|| bench.texts("SELECT Id FROM OpenAIAuditLogs_CL") == ["new"]);
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_removes_only_what_the_newest_row_shows_to_be_old() {
    let bench = Bench::new();
    let years = |years: i64| years * 365 * DAY;
    let retention = Some(Duration::from_secs(u64::try_from(years(5)).unwrap()));
    let sink = bench.sink(SqliteSettings { retention, ..bench.settings() });
    bench.now.fetch_add(years(20), Ordering::SeqCst);
    let rows = [event("new", NOW), event("young", NOW - years(4)), event("old", NOW - years(6))];
    sink.write(batch(&AUDIT_LOGS, &rows)).await.unwrap();
    assert_eq!(bench.texts("SELECT Id FROM OpenAIAuditLogs_CL ORDER BY Id"), ["new", "young"]);
}
