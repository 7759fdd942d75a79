//! Alerts that a sink has still to get, in a database that is too large.

use std::{collections::BTreeSet, fs, time::Duration};

use ccfd::detect_db::{AlertLimits, Forgotten};
use rusqlite::Connection;

use super::delivery::{Bench, sqlite};

/// A bench of which one alert is delivered, and a thousand are not: the sink is down. Nothing has changed within the hour.
async fn down() -> (Bench, u64) {
    down_after(-10).await
}

/// The event of the one that is delivered is so many seconds younger than the others.
async fn down_after(younger: i64) -> (Bench, u64) {
    let mut bench = Bench::new(&sqlite("tables.db"));
    deliver_to(&mut bench, "tables.db");
    bench.alerts.now += younger;
    bench.events(0, "ann", &["first"]);
    bench.alerts.now -= younger;
    bench.deliver_all().await;
    fs::rename(bench.path("tables.db"), bench.path("away.db")).unwrap();
    fs::create_dir(bench.path("tables.db")).unwrap();
    let ids: Vec<String> = (0..1_000).map(|number| format!("{number}{}", "x".repeat(500))).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.chunks(50).for_each(|ids| bench.events(0, "ann", ids));
    assert_eq!(bench.deliver().await.len(), 1);
    bench.alerts.now += 2 * 3_600;
    let bytes = bytes_used(&bench);
    (bench, bytes)
}

fn bytes_used(bench: &Bench) -> u64 {
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let database = Connection::open(bench.alerts.path()).unwrap();
    database.query_row(sql, [], |row| row.get(0)).map(i64::unsigned_abs).unwrap()
}

fn deliver_to(bench: &mut Bench, database: &str) {
    let destination = format!("sqlite {}", bench.path(database).display());
    bench.alerts.db.deliver_by(vec![("alerts/local".to_owned(), destination)]);
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

#[tokio::test]
async fn a_detection_forgets_nothing_that_is_younger_than_an_alert_that_a_sink_has_not_got() {
    let (mut bench, bytes) = down_after(100).await;
    assert_eq!(shrink(&mut bench, bytes * 2 / 3).alerts, 0, "the delivered one is younger");
    bench.alerts.now -= 2 * 3_600;
    bench.events(0, "ann", &["late"]);
    assert_eq!(bench.ids().len(), 1_002);
}

#[tokio::test]
async fn a_new_destination_has_not_got_what_another_one_has() {
    let mut bench = Bench::new(&sqlite("tables.db"));
    deliver_to(&mut bench, "tables.db");
    bench.events(0, "ann", &["first"]);
    bench.deliver_all().await;
    bench.alerts.now += 2 * 3_600;
    let bytes = bytes_used(&bench);
    deliver_to(&mut bench, "other.db");
    assert_eq!(shrink(&mut bench, bytes * 2 / 3), Forgotten::default());
    let retention = AlertLimits { retention: Duration::from_secs(3_600), size_max: u64::MAX };
    let gone = bench.alerts.db.clear_up(&retention, bench.alerts.now).unwrap();
    assert_eq!((gone.alerts, gone.undelivered), (1, 1));
}

#[tokio::test]
async fn correlations_find_something_while_alerts_that_a_sink_has_not_got_take_the_space() {
    let (mut bench, bytes) = down().await;
    bench.events(1, "bob", &["one", "two"]);
    assert_eq!(shrink(&mut bench, bytes * 2 / 3).matches, 0);
    let known = bench.ids().len();
    bench.events(1, "bob", &["three"]);
    assert_eq!(bench.ids().len(), known + 1);
    assert_eq!(shrink(&mut bench, bytes / 3).matches, 3, "at twice the size they forget");
}
