use crate::support::process::{Place, Simulated};

const WORDS: [&str; 3] = ["reset-state", "--collector", "acme-audit"];

fn collected() -> (Simulated, Place) {
    let api = Simulated::start(&["--audit-logs", "150", "--completions", "10"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    (api, place)
}

fn delivered(place: &Place) -> u64 {
    place.status()["routes"][0]["delivered"].as_u64().unwrap()
}

#[test]
fn a_dry_run_changes_nothing() {
    let (_api, place) = collected();
    let ended = place.run_to(0, &[&WORDS[..], &["--dry-run"]].concat());
    assert!(ended.stderr.contains("150 records so far"), "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing was changed"), "{}", ended.stderr);
    assert_eq!(delivered(&place), 150);
}

#[test]
fn a_finished_backfill_is_named_as_one() {
    let (_api, place) = collected();
    place.run_to(0, &["backfill", "--collector", "acme-audit", "--sink", "local", "--from", "30d"]);
    let ended = place.run_to(0, &[&WORDS[..], &["--dry-run"]].concat());
    let said = |line: &str, words: &str| line.contains("/backfill/") && line.contains(words);
    assert!(ended.stderr.lines().any(|line| said(line, ": finished, 0 records")), "{}", ended.stderr);
    assert!(ended.stderr.contains("the collector's start: 8 days before the run"), "{}", ended.stderr);
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    let (_api, place) = collected();
    let ended = place.run_to(2, &WORDS);
    assert!(ended.stderr.contains("--yes"), "{}", ended.stderr);
    assert_eq!(delivered(&place), 150);
}

#[test]
fn what_is_removed_is_printed_and_the_next_run_begins_again() {
    let (_api, place) = collected();
    let ended = place.run_to(0, &[&WORDS[..], &["--yes"]].concat());
    let removed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(removed[0]["name"], "acme-audit/local");
    assert_eq!(removed[0]["checkpoint"]["delivered"], 150);
    place.run_to(0, &["run", "--once"]);
    assert_eq!((delivered(&place), place.rows()), (150, (150, 10)));
}

#[test]
fn a_route_is_set_to_a_time() {
    let (_api, place) = collected();
    place.run_to(0, &[&WORDS[..], &["--yes", "--to", "1s"]].concat());
    place.run_to(0, &["run", "--once"]);
    assert!(delivered(&place) < 150);
    place.run_to(0, &[&WORDS[..], &["--yes", "--to", "beginning"]].concat());
    place.run_to(0, &["run", "--once"]);
    assert_eq!(delivered(&place), 150);
}

#[test]
fn a_collector_that_never_was_is_a_usage_error() {
    let (_api, place) = collected();
    let ended = place.run_to(2, &["reset-state", "--yes", "--collector", "nobody"]);
    assert!(ended.stderr.contains("`nobody`"), "{}", ended.stderr);
}
