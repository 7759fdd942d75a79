//! Alerts that a sink has still to get, in a database that is too large.

use std::{collections::BTreeSet, fs, time::Duration};

use ccfd::detect_db::{AlertLimits, Forgotten};
use rusqlite::Connection;

use super::delivery::{Bench, sqlite};

/// A bench of which one alert is delivered, and a thousand are not: the sink is down. Nothing has changed within the hour.
async fn down() -> (Bench, u64) {
    let mut bench = Bench::new(&sqlite("tables.db"));
    bench.alerts.db.deliver_by(vec!["alerts/local".to_owned()]);
    bench.events(0, "ann", &["first"]);
    bench.deliver_all().await;
    fs::rename(bench.path("tables.db"), bench.path("away.db")).unwrap();
    fs::create_dir(bench.path("tables.db")).unwrap();
    let ids: Vec<String> = (0..1_000).map(|number| format!("{number}{}", "x".repeat(500))).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.chunks(50).for_each(|ids| bench.events(0, "ann", ids));
    assert_eq!(bench.deliver().await.len(), 1);
    bench.alerts.now += 2 * 3_600;
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let database = Connection::open(bench.alerts.path()).unwrap();
    let bytes = database.query_row(sql, [], |row| row.get(0)).map(i64::unsigned_abs).unwrap();
    (bench, bytes)
}

fn shrink(bench: &mut Bench, size_max: u64) -> Forgotten {
    let limits = AlertLimits { retention: Duration::from_secs(1 << 40), size_max };
    bench.alerts.db.clear_up(&limits, bench.alerts.now).unwrap()
}

#[tokio::test]
async fn alerts_that_a_sink_that_is_down_has_not_got_stay_and_each_arrives_once() {
    let (mut bench, bytes) = down().await;
    let all = bench.ids();
    let gone = shrink(&mut bench, bytes * 2 / 3);
    assert_eq!((gone.alerts, gone.undelivered, bench.ids().len()), (1, 0, 1_000), "the delivered one goes");
    fs::remove_dir(bench.path("tables.db")).unwrap();
    fs::rename(bench.path("away.db"), bench.path("tables.db")).unwrap();
    bench.deliver_all().await;
    bench.deliver_all().await;
    let rows = bench.rows("SELECT AlertId FROM CcfdAlerts_CL");
    assert_eq!((rows.len(), rows.into_iter().collect::<BTreeSet<_>>()), (1_001, all));
    let gone = shrink(&mut bench, bytes * 2 / 3);
    assert!(gone.alerts > 100 && gone.undelivered == 0, "{gone:?}");
}

#[tokio::test]
async fn a_database_that_is_twice_too_large_loses_them_and_says_how_many() {
    let (mut bench, bytes) = down().await;
    let size_max = bytes / 3;
    let gone = shrink(&mut bench, size_max);
    assert!(gone.undelivered > 100 && gone.undelivered + 1 == gone.alerts, "{gone:?}");
    assert_eq!(shrink(&mut bench, size_max), Forgotten::default(), "no more than it must");
    let left = bench.ids().len() as u64;
    assert_eq!(left, 1_001 - gone.alerts);
}

#[tokio::test]
async fn alerts_without_a_route_are_removed_as_ever() {
    let (mut bench, bytes) = down().await;
    bench.alerts.db.deliver_by(Vec::new());
    let gone = shrink(&mut bench, bytes * 2 / 3);
    assert!(gone.alerts > 1 && gone.undelivered == 0, "{gone:?}");
}
