//! `/metrics`, on the admin address and on one of its own.

use reqwest::Method;

use super::Daemon;
use crate::support::{
    http::send,
    process::{Place, Simulated, wait_until},
    promtool::Promtool,
};

fn page(daemon: &Daemon) -> String {
    let (status, page) = daemon.get("/metrics");
    assert_eq!(status, 200);
    page.as_str().unwrap().to_owned()
}

fn delivered_total(records: u64) -> String {
    let labels = r#"{collector="acme-audit",sink="local",source="audit_logs"}"#;
    format!("ccfd_records_delivered_total{labels} {records}\n")
}

#[test]
fn the_page_of_a_living_daemon_shows_what_it_did_and_promtool_finds_nothing() {
    let api = Simulated::start(&["--audit-logs", "40", "--completions", "30"]);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    daemon.wait_for_state("acme-audit/local", "live");
    let delivered = delivered_total(40);
    wait_until("the records to be counted", || page(&daemon).contains(&delivered));
    let page = page(&daemon);
    assert!(page.contains(&format!("ccfd_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"))));
    if let Some(promtool) = Promtool::shared() {
        assert_eq!(promtool.run(&["check", "metrics"], &page), Ok(String::new()));
    }
}

#[test]
fn a_route_continues_counting_when_it_is_started_again() {
    let api = Simulated::start(&["--audit-logs", "40", "--completions", "30"]);
    let place = Place::new(&api.base_url);
    let daemon = Daemon::start(&place);
    wait_until("the records to be counted", || page(&daemon).contains(&delivered_total(40)));
    place.run_to(0, &["collectors", "pause", "acme-audit"]);
    place.run_to(0, &["collectors", "resume", "acme-audit"]);
    daemon.wait_for_state("acme-audit/local", "live");
    assert!(page(&daemon).contains(&delivered_total(40)));
}

#[test]
fn an_address_for_metrics_that_others_can_reach_wants_a_token_of_its_own() {
    let place = Place::new("http://127.0.0.1:9/v1").with("CCFD__ADMIN__METRICS_LISTEN", "0.0.0.0:0");
    let refused = place.run_to(2, &["run"]);
    assert!(refused.stderr.contains("`metrics_token` is required"), "{}", refused.stderr);
    let place =
        place.with("SCRAPER", "of-the-scraper").with("CCFD__ADMIN__METRICS_TOKEN", "{ env = \"SCRAPER\" }");
    let mut daemon = Daemon::start(&place);
    daemon.running.wait_for_log("other machines can reach this address");
    let log = daemon.running.stderr();
    let line = log.lines().find(|line| line.contains("\"listening\"") && line.contains("0.0.0.0:")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let url = format!("http://{}", line["listen"].as_str().unwrap().replace("0.0.0.0", "127.0.0.1"));
    let asked = |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        // A scraper names the address by which it came, which is none that the settings could know.
        let headers = [("authorization", bearer.as_str()), ("host", "10.1.2.3:9750")];
        send(Method::GET, &format!("{url}{path}"), &headers, Vec::new()).0
    };
    assert_eq!((asked("/metrics", "of-the-scraper"), asked("/metrics", &daemon.token)), (200, 401));
    assert_eq!((asked("/healthz", ""), asked("/metrics", "")), (200, 401));
    assert_eq!(asked("/api/v1/status", "of-the-scraper"), 404);
}
