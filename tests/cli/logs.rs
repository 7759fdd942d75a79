//! What the daemon logs: enough to know what happens, and no more.

use serde_json::Value;

use crate::support::process::{Place, Simulated};

/// The lines with this text.
fn lines(log: &str, text: &str) -> Vec<Value> {
    let all = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|line| line["message"] == text).collect()
}

fn sum(lines: &[Value], field: &str) -> u64 {
    lines.iter().map(|line| line[field].as_u64().unwrap()).sum()
}

#[test]
fn many_batches_are_logged_in_few_lines_that_add_up() {
    let api = Simulated::start(&["--audit-logs", "3000", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    place.replace("batch_wait = \"100ms\"", "batch_wait = \"0s\"\nbytes_in_flight = \"64KiB\"");
    let log = place.run_to(0, &["run", "--once"]).stderr;
    let logged = lines(&log, "delivered");
    assert!((2..=8).contains(&logged.len()), "{} lines: {log}", logged.len());
    assert_eq!(logged[0]["batches"], 1, "the first batch is logged at once");
    assert!(sum(&logged, "batches") > 20, "{logged:?}");
    assert_eq!((sum(&logged, "records"), sum(&logged, "rejected")), (place.rows().0, 0));
    assert!(logged.iter().all(|line| line["span"]["route"] == "acme-audit/local"), "{logged:?}");
}

#[test]
fn the_order_of_a_list_is_logged_once_although_two_walks_find_it() {
    let api = Simulated::start(&["--audit-logs", "500", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    let log = place.run_to(0, &["run", "--once"]).stderr;
    let checked = lines(&log, "tenant walk checked");
    assert!(checked.iter().any(|line| line["tenant_walk"] == true), "one walk is not enough: {log}");
    let found = lines(&log, "list order detected");
    assert_eq!(found.len(), 1, "{found:?}");
}
