//! Through a running daemon.

use std::time::Duration;

use crate::{
    admin::Daemon,
    support::process::{Place, Simulated, wait_until},
};

const WORDS: [&str; 6] = ["verify", "acme-audit", "--from", "beginning", "--to", "1h"];

fn damage(place: &Place, ids: u32) {
    let tables = rusqlite::Connection::open(place.path("tables.db")).unwrap();
    tables.busy_timeout(Duration::from_secs(10)).unwrap();
    let sql = "DELETE FROM OpenAIAuditLogs_CL WHERE rowid IN (SELECT rowid FROM OpenAIAuditLogs_CL ORDER BY TimeGenerated LIMIT ?1)";
    assert_eq!(tables.execute(sql, [ids]).unwrap(), ids as usize);
}

#[test]
fn a_daemon_verifies_and_repairs_while_it_runs_and_shows_the_verdict() {
    let api = Simulated::start(&["--audit-logs", "400", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    place.replace("[state]", "[health_table]\nsink = \"local\"\n[state]");
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    wait_until("all of it", || place.rows().0 == 400);
    wait_until("a sweep", || place.run(&WORDS).code == Some(0));
    damage(&place, 3);
    let found = place.run_to(3, &WORDS);
    assert!(found.stderr.contains("verification started by the daemon"), "{}", found.stderr);
    assert!(found.stdout.contains("missing      3"), "{}", found.stdout);
    assert_eq!(daemon.route("acme-audit/local")["verified"]["verdict"], "differs");
    let row = |verdict: &str| format!("SELECT count(*) FROM CcfdHealth_CL WHERE Reason = '{verdict}'");
    wait_until("a row of health", || place.number(&row("differs")) == 1);
    let repaired = place.run_to(0, &[&WORDS[..], &["--repair"]].concat());
    assert!(repaired.stdout.contains("3 missing, 3 delivered, 0 rejected"), "{}", repaired.stdout);
    assert_eq!(place.rows().0, 400);
    let text = place.run_to(0, &["status"]).stdout;
    assert!(text.contains("acme-audit/local: verified from 1970-01-01T00:00:00Z"), "{text}");
    assert!(!text.contains("backfill"), "{text}");
    let page = daemon.get("/metrics").1;
    let page = page.as_str().unwrap();
    let line =
        page.lines().find(|line| line.contains("ccfd_verify_verdict") && line.contains("verdict=\"agrees\""));
    assert!(line.is_some_and(|line| line.ends_with(" 1")), "{page}");
    wait_until("another row", || place.number(&row("agrees")) >= 1);
}

#[test]
fn a_schedule_verifies_the_day_before_yesterday_of_each_live_route() {
    let api = Simulated::start(&["--audit-logs", "400", "--completions", "60"]);
    let place = Place::new(&api.base_url);
    place.replace("[state]", "[verify]\nevery = \"1d\"\n[state]");
    let daemon = Daemon::start(&place);
    for route in ["acme-audit/local", "acme-chat/local"] {
        wait_until("a verdict", || daemon.route(route)["verified"]["verdict"] == "agrees");
        let verified = daemon.route(route)["verified"].clone();
        let day = |back: i64| {
            let time = chrono::Utc::now() - chrono::TimeDelta::days(back);
            time.format("%Y-%m-%dT00:00:00Z").to_string()
        };
        assert_eq!((verified["from"].as_str(), verified["to"].as_str()), (Some(&*day(2)), Some(&*day(1))));
    }
}
