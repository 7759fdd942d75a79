//! Between ccfd and a destination.

use std::collections::BTreeMap;

use ccfd::simulator::SimulatedList;
use serde_json::Value;

use super::{
    ONE_IN, ONE_IN_OF_TLS, PLAIN, TIMEOUTS, all_delivered, heals, hurried_to_elastic, impatient, issued,
    options, routes, stop, wait_for_trouble,
};
use crate::support::{
    fake::Ca,
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT},
    fake_elastic::Elastic,
    openai,
    process::wait_until,
    process_kill::Site,
    proxy::{Fault, Proxy},
};

/// Writes all of it through these faults, shown as one of these reasons; then everything is well again.
fn writes_through(fault: Fault, reasons: &[&str]) {
    let elastic = Elastic::plain();
    let proxy = Proxy::before(elastic.server.url(), 3);
    proxy.spoil(&[fault], 1);
    let site = Site::configured(options(), |url| {
        let sink = format!(
            "[sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\nbulk_bytes_max = \"64KiB\"\n{TIMEOUTS}",
            proxy.url()
        );
        impatient(url, "", &["es"], &sink)
    });
    let process = site.start(&["run"]);
    wait_for_trouble(&site, reasons, "check");
    proxy.spoil(&[fault], ONE_IN);
    heals(&site, &proxy, &[fault]);
    assert!(stop(process).contains("trying again, nothing is lost"));
    assert_indexed_once(&site, &elastic);
}

/// Document ids are those of records: a record that is sent again is not duplicated.
fn assert_indexed_once(site: &Site, elastic: &Elastic) {
    for (list, index) in [
        (SimulatedList::AuditLogs, "openai-audit-logs"),
        (SimulatedList::Completions, "openai-chat-completions"),
    ] {
        let ids: Vec<String> = elastic.documents(index).into_keys().collect();
        assert!(ids == issued(site, list), "{index} holds {} of {}", ids.len(), issued(site, list).len());
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_connections_to_a_cluster_are_cut() {
    writes_through(Fault::Cut, &["connection closed", "end of file"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_connections_to_a_cluster_are_reset() {
    writes_through(Fault::Reset, &["Connection reset", "Broken pipe"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_a_cluster_answers_in_drops() {
    writes_through(Fault::Slow, &["timed out"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_answers_of_a_cluster_are_garbled() {
    writes_through(Fault::Garbage, &["invalid HTTP", "unreadable response"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_everything_goes_wrong_on_both_sides() {
    let (ca, unknown) = (Ca::new(), Ca::named("somebody else"));
    let site = Site::configured(options(), |_| String::new());
    let api = openai::serve(Some(ca.server()), site.simulator.clone());
    let elastic = Elastic::start(Some(ca.server()));
    let [before, behind] =
        [(api.url(), 4), (elastic.server.url(), 5)].map(|(url, seed)| Proxy::before(url, seed));
    let faults = [&PLAIN[..], &[Fault::Certificate]].concat();
    for proxy in [&before, &behind] {
        proxy.impersonate([ca.server_expired(), ca.server_named(&["other.example"]), unknown.server()]);
        proxy.spoil(&faults, ONE_IN_OF_TLS);
    }
    site.write("ccfd.toml", &hurried_to_elastic(&before, &behind, &ca));
    let process = site.start(&["run"]);
    for proxy in [&before, &behind] {
        heals(&site, proxy, &faults);
    }
    stop(process);
    assert_indexed_once(&site, &elastic);
}

#[test]
fn nothing_is_lost_on_the_way_to_azure_and_what_repeats_was_taken_by_a_call_that_went_wrong() {
    let azure = Azure::start();
    let [tokens, rows] = [(azure.entra.server.url(), 6), (azure.ingestion.server.url(), 7)]
        .map(|(url, seed)| Proxy::before(url, seed));
    let ca = &azure.ca;
    let faults = [&PLAIN[..], &[Fault::Certificate]].concat();
    for proxy in [&tokens, &rows] {
        proxy.impersonate([ca.server_expired(), ca.server_named(&["other.example"])]);
        proxy.spoil(&faults, ONE_IN_OF_TLS);
    }
    let site = Site::configured(options(), |url| {
        let sink = format!(
            "[sink.azure]\ntype = \"logs_ingestion\"\nendpoint = \"{}\"\ndcr_immutable_id = \"{DCR}\"\n\
             inflated_max = \"64KiB\"\nca_file = {:?}\n{TIMEOUTS}\n[sink.azure.auth]\nkind = \"client_secret\"\n\
             tenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = {{ env = \"AZURE_SECRET\" }}\n\
             authority_host = \"{}\"",
            rows.url(),
            ca.path(),
            tokens.url()
        );
        impatient(url, "", &["azure"], &sink)
    });
    let process = site.start_with(&["run"], &[("AZURE_SECRET", CLIENT_SECRET)]);
    heals(&site, &rows, &faults);
    tokens.heal();
    stop(process);
    for (list, stream) in [
        (SimulatedList::AuditLogs, "Custom-OpenAIAuditLogs_CL"),
        (SimulatedList::Completions, "Custom-OpenAIChatCompletions_CL"),
    ] {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for row in azure.ingestion.rows(stream) {
            *times.entry(text(&row, "id")).or_default() += 1;
        }
        assert!(times.keys().eq(&issued(&site, list)), "{stream} holds {} ids", times.len());
        let repeated = times.values().filter(|times| **times > 1).count();
        println!("{stream}: {repeated} of {} rows stand there more than once", times.len());
    }
    assert!(azure.ingestion.losses().is_empty());
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap().to_owned()
}

#[test]
fn a_cluster_that_is_gone_for_a_while_holds_up_no_other_route_and_gets_everything_afterwards() {
    let elastic = Elastic::plain();
    let proxy = Proxy::before(elastic.server.url(), 8);
    proxy.down();
    let site = Site::configured(options(), |url| {
        let sinks = format!(
            "[sink.lines]\ntype = \"ndjson\"\ndir = \"lines\"\nfree_min = \"0B\"\n\
             [sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n{TIMEOUTS}",
            proxy.url()
        );
        impatient(url, "", &["lines", "es"], &sinks)
    });
    let process = site.start(&["run"]);
    wait_for_trouble(&site, &["Elasticsearch: no response"], "`urls`");
    wait_until("the files to hold everything", || {
        let lines: Vec<_> = routes(&site).into_iter().filter(|route| route["sink"] == "lines").collect();
        all_delivered(&site, &lines)
    });
    assert!(elastic.documents("openai-audit-logs").is_empty());
    proxy.heal();
    wait_until("the cluster to hold everything", || all_delivered(&site, &routes(&site)));
    stop(process);
    assert_indexed_once(&site, &elastic);
    assert_eq!(site.repeats_in_lines(), 0);
}
