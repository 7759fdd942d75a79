//! Traces and metrics, as a receiver gets them. A binary of its own: a build with OpenTelemetry need not build all tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
// These tests use a small part of it.
#[allow(dead_code, unused_imports)]
mod support;

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use support::{
    fake::{Fake, Reply},
    process::{ADMIN_SECRET, Ended, PROJECT_SECRET, Place, Simulated},
    python::Python,
};

const SOME: [&str; 4] = ["--audit-logs", "230", "--completions", "120"];
const SIGNALS: [&str; 2] = ["/v1/traces", "/v1/metrics"];

fn receiver() -> Fake {
    Fake::plain(|_| Reply::status(200))
}

/// Runs to the end, with telemetry to this address.
fn run(endpoint: &str) -> (Place, Ended) {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    place.replace("[pipeline]", &format!("[telemetry]\nendpoint = \"{endpoint}\"\n\n[pipeline]"));
    let ended = place.run_to(0, &["run", "--once"]);
    (place, ended)
}

/// What arrived, as the code of the OpenTelemetry project reads it.
fn read(python: &Python, receiver: &Fake) -> Value {
    let dir = TempDir::new().unwrap();
    let places = SIGNALS.map(|signal| dir.path().join(signal.trim_start_matches("/v1/")));
    for (signal, place) in SIGNALS.iter().zip(&places) {
        fs::create_dir(place).unwrap();
        for (number, request) in receiver.requests_to(signal).iter().enumerate() {
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            fs::write(place.join(number.to_string()), &request.body).unwrap();
        }
    }
    python.run("otlp.py", &places.each_ref().map(|place| place.to_str().unwrap()))
}

#[test]
fn a_page_can_be_followed_from_its_request_to_its_commit() {
    let Some(python) = Python::shared() else { return };
    let receiver = receiver();
    run(receiver.url());
    let received = read(python, &receiver);
    let spans = received["spans"].as_array().unwrap();
    let named = |name: &'static str| spans.iter().filter(move |span| span["name"] == name);
    let parent = |span: &Value| spans.iter().find(|other| other["id"] == span["parent"]);
    for span in named("request") {
        assert_eq!((&span["kind"], &span["service"]), (&json!("SPAN_KIND_CLIENT"), &json!("ccfd")));
        assert_eq!(span["attributes"]["http.response.status_code"], 200, "{span}");
    }
    let of_a_page = |span: &&Value| parent(span).is_some_and(|parent| parent["name"] == "read");
    assert!(named("request").filter(of_a_page).count() >= 5, "{spans:#?}");
    for (child, of) in [("write", "batch"), ("commit", "batch")] {
        assert!(named(child).count() >= 2);
        assert!(
            named(child).all(|span| parent(span).is_some_and(|parent| parent["name"] == of)),
            "{spans:#?}"
        );
    }
    let records = |route: &str| {
        let of_route = named("batch").filter(|span| span["attributes"]["route"] == route);
        of_route.map(|span| span["attributes"]["records"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((records("acme-audit/local"), records("acme-chat/local")), (230, 120));
    assert!(spans.iter().all(|span| span["events"] == 0), "log lines are no part of a trace");
}

#[test]
fn the_last_values_arrive_when_the_process_ends() {
    let Some(python) = Python::shared() else { return };
    let receiver = receiver();
    run(receiver.url());
    let received = read(python, &receiver);
    let metric = |name: &str| {
        let metric = received["metrics"].as_array().unwrap().iter().rfind(|metric| metric["name"] == name);
        metric.unwrap_or_else(|| panic!("{name} in {received:#}")).clone()
    };
    let delivered = metric("ccfd_records_delivered_total");
    assert_eq!((&delivered["kind"], &delivered["unit"]), (&json!("sum"), &json!("{record}")));
    let value = |metric: &Value, label: &str, wanted: &str| {
        let points = metric["points"].as_array().unwrap().clone();
        points.into_iter().find(|point| point[label] == wanted).unwrap()["value"].as_f64().unwrap()
    };
    assert_eq!(value(&delivered, "collector", "acme-audit"), 230.0);
    assert_eq!(value(&delivered, "collector", "acme-chat"), 120.0);
    let state = metric("ccfd_route_state");
    assert_eq!((&state["kind"], value(&state, "state", "parked")), (&json!("gauge"), 0.0));
    let (writes, all) =
        (metric("ccfd_sink_write_duration_seconds_bucket"), metric("ccfd_sink_write_duration_seconds_count"));
    assert_eq!(value(&writes, "le", "+Inf"), value(&all, "sink", "local"));
    assert!(value(&all, "sink", "local") >= 2.0);
}

#[test]
fn nothing_of_a_record_and_no_key_leaves() {
    let receiver = receiver();
    let (place, _) = run(receiver.url());
    let ids = place.run(&["query", "--csv", "SELECT Id FROM OpenAIAuditLogs_CL"]).stdout;
    assert_eq!(receiver.requests_to("/v1/").len(), receiver.requests().len());
    for request in receiver.requests() {
        let body = String::from_utf8_lossy(&request.body);
        let holds = |text: &str| body.contains(text);
        assert!(!holds(ADMIN_SECRET) && !holds(PROJECT_SECRET) && !holds("Bearer"), "{body}");
        assert!(ids.lines().skip(1).all(|id| !holds(id)), "{body}");
    }
    assert!(SIGNALS.iter().all(|signal| !receiver.requests_to(signal).is_empty()));
}

#[test]
fn a_receiver_that_is_away_or_never_answers_holds_nothing_up() {
    let silent = receiver();
    silent.hold();
    for endpoint in ["http://127.0.0.1:9", silent.url()] {
        let began = Instant::now();
        let (place, ended) = run(endpoint);
        assert!(began.elapsed() < Duration::from_secs(15), "{endpoint}: {:?}", began.elapsed());
        assert_eq!(place.rows(), (230, 120));
        assert!(!ended.stderr.contains("\"ERROR\""), "{}", ended.stderr);
    }
    silent.release();
}

#[test]
fn the_variables_of_opentelemetry_win_over_the_settings() {
    let (receiver, api) = (receiver(), Simulated::start(&SOME));
    let place = Place::new(&api.base_url)
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url())
        .with("OTEL_TRACES_EXPORTER", "none")
        .with("CCFD__TELEMETRY__ENDPOINT", "http://127.0.0.1:9");
    place.run_to(0, &["run", "--once"]);
    assert!(receiver.requests_to("/v1/traces").is_empty() && !receiver.requests_to("/v1/metrics").is_empty());
    let off = place.with("OTEL_SDK_DISABLED", "true");
    receiver.forget();
    off.run_to(0, &["run", "--once"]);
    assert!(receiver.requests().is_empty());
}

#[test]
fn what_cannot_be_sent_is_said_and_holds_nothing_up() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).with("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address");
    let ended = place.run_to(0, &["run", "--once"]);
    assert!(ended.stderr.contains("no telemetry is sent"), "{}", ended.stderr);
    assert_eq!(place.rows(), (230, 120));
}
