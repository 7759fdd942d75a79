//! `ccfd rejects retry` that is killed, run twice, or stopped: what was taken is not sent again.

use std::{collections::HashSet, fs};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    fake_kibana::{AUTHORIZATION, Kibana},
    process::{Place, wait_until},
};

const FILE: &str = "state/rejects/acme-audit+local.ndjson";
const INDEX: &str = "openai-audit-logs";
const ROWS: usize = 3_000;
/// What one write may bring to a sink that does not know what it has.
const BATCH: usize = 100;
const SQLITE: &str = "type = \"sqlite\"\npath = \"./tables.db\"";

/// A place with rejects, and this address for its sink.
fn place(url: &str) -> Place {
    let key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
    let place = Place::new("http://127.0.0.1:9/v1").with("KIBANA_API_KEY", key);
    let sink = format!(
        "type = \"kibana_index\"\nurl = \"{url}\"\nauth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}"
    );
    place.replace(SQLITE, &sink);
    fs::create_dir_all(place.path("state/rejects")).unwrap();
    place.write(FILE, &(0..ROWS).map(line).collect::<String>());
    place
}

fn line(number: usize) -> String {
    let record = json!({
        "id": format!("audit_log-{number}"), "type": "user.added", "effective_at": 1_770_979_925,
    });
    let line = json!({
        "time": "2026-02-13T10:52:05Z", "route": "acme-audit/local", "connector": "acme-audit",
        "table": "OpenAIAuditLogs_CL", "side": "sink", "kind": "refused", "reason": "none", "record": record,
    });
    format!("{line}\n")
}

fn listed(place: &Place) -> usize {
    place.run_to(0, &["rejects", "list", "--json"]).stdout.lines().count()
}

/// Kills a retry a few times while it runs, lets one end, and returns how many kills there were and how many
/// documents are duplicates.
fn kill_and_count(kibana: &Kibana) -> (usize, usize) {
    let place = place(kibana.server.url());
    let mut kills = 0;
    while kills < 4 {
        let before = kibana.documents(INDEX).len();
        let mut running = place.start(&["rejects", "retry"]);
        wait_until("some documents", || {
            running.has_ended() || kibana.documents(INDEX).len() > before + 2 * BATCH
        });
        assert!(!running.has_ended(), "too quick to be killed: {}", running.stderr());
        running.signal(Signal::KILL);
        drop(running);
        kills += 1;
    }
    assert!(listed(&place) < ROWS, "what was taken is listed no more");
    let ended = place.run_to(0, &["rejects", "retry"]);
    assert!(ended.stderr.contains("0 refused again"), "{ended:?}");
    assert_eq!(listed(&place), 0);
    assert!(!place.path(FILE).exists());
    let documents = kibana.documents(INDEX);
    let ids: HashSet<&str> = documents.iter().filter_map(|document| document["Id"].as_str()).collect();
    assert_eq!(ids.len(), ROWS, "all of them arrived");
    (kills, documents.len() - ROWS)
}

#[test]
fn a_kill_repeats_one_batch_at_most_and_none_where_ids_are_known() {
    let (kills, repeats) = kill_and_count(&Kibana::plain());
    assert!(repeats <= kills * BATCH, "{repeats} repeats after {kills} kills");
    let kibana = Kibana::plain();
    kibana.set_ids_from(INDEX, "Id");
    assert_eq!(kill_and_count(&kibana).1, 0);
}

#[test]
fn one_command_at_a_time_takes_out_of_the_rejects_and_a_stop_ends_it() {
    let place = place("http://127.0.0.1:9");
    let lock = place.path("state/rejects/.retry.lock");
    let running = place.start(&["rejects", "retry"]);
    wait_until("the lock", || fs::read_to_string(&lock).is_ok_and(|text| text.contains("rejects retry")));
    for arguments in [&["rejects", "retry"][..], &["rejects", "prune", "--all"]] {
        let ended = place.run_to(1, arguments);
        assert!(ended.stderr.contains("`ccfd rejects retry` (process "), "{}", ended.stderr);
    }
    let counted = place.run_to(0, &["rejects", "prune", "--all", "--dry-run", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&counted.stdout).unwrap(), json!({ "matching": ROWS }));
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(1));
    assert_eq!(listed(&place), ROWS);
    place.run_to(0, &["rejects", "prune", "--all"]);
}

#[test]
fn a_record_that_a_kill_had_kept_twice_is_sent_once() {
    let kibana = Kibana::plain();
    let place = place(kibana.server.url());
    let lines: String = (0..250).map(line).collect();
    // In the same write, and in another one.
    let again: String = [249, 0].into_iter().map(line).collect();
    place.write(FILE, &(lines + &again.replace("10:52:05Z", "10:52:06Z")));
    let ended = place.run_to(0, &["rejects", "retry"]);
    assert!(ended.stderr.contains("250 records sent: 250 accepted and removed"), "{ended:?}");
    assert_eq!((kibana.documents(INDEX).len(), listed(&place)), (250, 0));
}
