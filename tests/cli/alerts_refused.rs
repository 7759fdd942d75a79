//! Alerts that a sink refuses: they are kept, shown, and sent again as they are then.

use std::fs;

use serde_json::Value;

use crate::support::{
    fake_elastic::Elastic,
    fake_kibana::{AUTHORIZATION, Kibana},
    process::{Place, Simulated},
};

const INDEX: &str = "logs-ccfd.alerts-default";
const RULE: &str = "title: Anything\nlogsource: {product: openai, service: audit_logs}\n\
                    detection: {s: {EventType|contains: .}, condition: s}\nlevel: high\n";

/// A place whose audit events are judged by one rule, and whose alerts go to this sink.
fn place(base_url: &str, sink: &str) -> Place {
    let key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
    let place = Place::new(base_url).with("KIBANA_API_KEY", key);
    fs::create_dir(place.path("rules")).unwrap();
    place.write("rules/anything.yml", RULE);
    place.replace("sinks = [\"local\"]", "sinks = [\"local\", \"rules\"]");
    let config = place.config();
    let rules = "[sink.rules]\ntype = \"detect\"\nrules = [\"rules\"]\n[detect]\nalerts = [\"siem\"]\n";
    place.write("ccfd.toml", &format!("{config}\n[sink.siem]\n{sink}\n{rules}"));
    place
}

#[test]
fn an_alert_that_a_sink_refuses_is_kept_and_sent_again_with_the_status_that_it_has_then() {
    let (api, elastic) = (Simulated::start(&["--audit-logs", "20", "--completions", "0"]), Elastic::plain());
    let place =
        place(&api.base_url, &format!("type = \"elasticsearch\"\nurls = [\"{}\"]", elastic.server.url()));
    elastic.fail("*", 1, 400, "document_parsing_exception");
    place.run(&["run", "--once"]);
    assert_eq!(elastic.documents(INDEX).len(), 19);
    let rejects = place.run_to(0, &["rejects", "list", "--json"]).stdout;
    let [reject] = <[&str; 1]>::try_from(rejects.lines().collect::<Vec<_>>()).unwrap();
    let reject: Value = serde_json::from_str(reject).unwrap();
    assert_eq!((&reject["table"], &reject["sink"]), (&"CcfdAlerts_CL".into(), &"siem".into()), "{reject}");
    let id = reject["id"].as_str().unwrap();
    assert!(!elastic.documents(INDEX).contains_key(id));
    place.run_to(0, &["alerts", "close", id, "--as", "benign"]);
    let retried: Value =
        serde_json::from_str(&place.run_to(0, &["rejects", "retry", "--json"]).stdout).unwrap();
    assert_eq!((&retried["taken"], &retried["not_sendable"]), (&1.into(), &0.into()), "{retried}");
    let document = elastic.documents(INDEX)[id].clone();
    assert_eq!(document["ccfd"]["alert"]["status"], "closed");
    assert!(place.run_to(0, &["rejects", "list", "--json"]).stdout.is_empty());
    // The daemon delivers the new status as well, and knows since when the sink has the alert.
    place.run_to(0, &["run", "--once"]);
    let again = elastic.documents(INDEX);
    assert_eq!((again.len(), &again[id]["event"]["ingested"]), (20, &document["event"]["ingested"]));
}

#[test]
fn a_check_says_that_a_connector_of_kibana_keeps_the_first_version_of_an_alert() {
    let (api, kibana) = (Simulated::start(&["--audit-logs", "5", "--completions", "5"]), Kibana::plain());
    let sink = format!(
        "type = \"kibana_index\"\nurl = \"{}\"\nauth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}",
        kibana.server.url()
    );
    let place = place(&api.base_url, &sink);
    let found = place.run_to(0, &["check"]).stdout.replace("\n      ", " ");
    let said = "logs-ccfd.alerts-default keeps the first version of each row";
    assert!(found.contains(said) && found.contains("use a sink of type elasticsearch for alerts"), "{found}");
    place.replace("alerts = [\"siem\"]", "alerts = [\"local\"]");
    assert!(!place.run_to(0, &["check"]).stdout.contains("keeps the first version"));
}
