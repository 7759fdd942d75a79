use std::collections::BTreeSet;

use ccfd::{
    deploy::elastic::{Product, TargetShape, installs},
    pipeline::{progress::RouteState, stage::Stage},
    tables::HEALTH,
};
use serde_json::Value;

use super::{Bench, HOUR};
use crate::support::{route::pass, time::BEGIN};

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| row["details"][name].as_u64().unwrap()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_route_has_a_row_once_it_works_and_one_at_each_full_hour() {
    let bench = Bench::daemon();
    let route = bench.route("acme/local");
    pass(600).await;
    assert_eq!(bench.rows().len(), 0, "nothing is known of it");
    route.mended(Stage::Reading);
    pass(3 * HOUR + 1).await;
    let rows = bench.rows();
    let seconds: Vec<i64> = rows.iter().map(|row| row["at"].as_i64().unwrap() - BEGIN).collect();
    assert!((600..=605).contains(&seconds[0]), "{seconds:?}");
    assert_eq!(seconds[1..], [3_600, 7_200, 10_800]);
    assert_eq!(bench.statuses(), ["Success"; 4]);
    let ids: BTreeSet<String> = rows.iter().map(|row| row["id"].to_string()).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_the_rows_of_a_route_count_adds_up_to_what_it_has_done() {
    let bench = Bench::daemon();
    let route = bench.live("acme/local");
    for _ in 0..30 {
        route.count(|counters| {
            counters.fetched += 7;
            counters.delivered += 5;
            counters.already_there += 2;
            counters.retry(Stage::Writing, "io");
        });
        pass(601).await;
    }
    let (rows, _) = bench.stop().await;
    assert_eq!(rows.len(), 1 + 5 + 1);
    assert_eq!((sum(&rows, "Fetched"), sum(&rows, "Delivered"), sum(&rows, "AlreadyThere")), (210, 150, 60));
    assert_eq!(sum(&rows, "Retries"), 30);
    assert_eq!(rows[3]["details"]["RetriesByReason"], serde_json::json!({ "io": 6 }));
    assert_eq!(rows[0]["details"]["From"], "2026-01-01T00:00:00Z");
    for pair in rows.windows(2) {
        assert_eq!(pair[0]["details"]["To"], pair[1]["details"]["From"], "a gap, or counted twice");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_is_a_failure_at_once_and_so_is_its_end() {
    let bench = Bench::daemon();
    let route = bench.live("acme/local");
    pass(10).await;
    bench.fails(&route, RouteState::Parked);
    pass(10).await;
    bench.fails(&route, RouteState::Parked);
    pass(10).await;
    route.mended(Stage::Reading);
    pass(10).await;
    assert_eq!(bench.statuses(), ["Success", "Failure", "Success"]);
    let rows = bench.rows();
    assert_eq!(rows[1]["reason"], "unauthorized");
    assert_eq!(rows[1]["description"], "parked: 401; provide a new key");
    assert_eq!((rows[2].get("reason"), &rows[2]["description"]), (None, &Value::from("live")));
    assert_eq!((sum(&rows[1..2], "Parks"), sum(&rows, "Parks")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_a_failure_after_an_hour_of_it() {
    let bench = Bench::daemon();
    pass(1_800).await;
    let route = bench.live("acme/local");
    for _ in 0..59 {
        bench.fails(&route, RouteState::BackingOff);
        pass(60).await;
    }
    assert_eq!(bench.statuses(), ["Success", "Success"], "one of them is of the full hour");
    assert_eq!(bench.rows()[1]["reason"], "unauthorized", "what is wrong is not hidden meanwhile");
    bench.fails(&route, RouteState::BackingOff);
    pass(70).await;
    assert_eq!(bench.statuses(), ["Success", "Success", "Failure"]);
    route.mended(Stage::Reading);
    bench.fails(&route, RouteState::BackingOff);
    pass(60).await;
    assert_eq!(bench.statuses()[3..], ["Success"], "it worked for a moment, and its hour starts over");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_failed_from_the_start_is_no_success_meanwhile() {
    let bench = Bench::daemon();
    let route = bench.route("acme/local");
    bench.fails(&route, RouteState::BackingOff);
    pass(HOUR - 60).await;
    assert_eq!(bench.rows().len(), 0);
    pass(120).await;
    assert_eq!(bench.statuses(), ["Failure"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_route_neither_works_nor_fails_and_a_backfill_has_no_rows() {
    let bench = Bench::daemon();
    bench.live("acme/local").update(|status| status.state = RouteState::Paused);
    bench.live("acme/local/backfill/2025-01-01..2025-02-01");
    pass(2 * HOUR + 1).await;
    assert_eq!(bench.statuses(), ["Informational"; 3]);
    assert!(bench.rows().iter().all(|row| row["route"] == "acme/local"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_no_failure_whatever_was_being_tried_again() {
    let bench = Bench::daemon();
    let route = bench.live("acme/local");
    pass(10).await;
    bench.fails(&route, RouteState::BackingOff);
    route.update(|status| status.state = RouteState::Stopped);
    let (_, statuses) = bench.stop().await;
    assert_eq!(statuses, ["Success", "Success"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_has_one_row_and_what_fails_at_its_end_has_failed() {
    let bench = Bench::begin(true);
    let good = bench.live("acme/local");
    let bad = bench.live("other/local");
    pass(3 * HOUR).await;
    good.update(|status| status.state = RouteState::Stopped);
    bench.fails(&bad, RouteState::BackingOff);
    assert_eq!(bench.rows().len(), 0);
    assert_eq!(bench.end().await.1, ["Success", "Failure"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_row_tells_of_its_hour_is_what_the_templates_can_sum_up() {
    let bench = Bench::daemon();
    let route = bench.live("acme/local");
    route.update(|status| (status.watermark, status.last_read) = (Some(BEGIN), Some(BEGIN)));
    route.count(|counters| counters.retry(Stage::Reading, "unreachable"));
    pass(10).await;
    let rows = bench.rows();
    let mut described: BTreeSet<&str> =
        rows[0]["details"].as_object().unwrap().keys().map(String::as_str).collect();
    // Its words are known, and too many for a field each.
    assert!(described.remove("RetriesByReason"));
    let put = installs(Product::Elasticsearch, TargetShape::Index, &[(&HEALTH, "x")]).remove(0);
    let fields = &put.body["template"]["mappings"]["properties"]["ExtendedProperties"]["properties"];
    assert_eq!(described, fields.as_object().unwrap().keys().map(String::as_str).collect());
}
