//! Between ccfd and OpenAI.

use super::{ONE_IN, ONE_IN_OF_TLS, PLAIN, heals, impatient, options, stop, wait_for_trouble};
use crate::support::{
    fake::Ca,
    openai,
    process_kill::{EMBEDDED, Site},
    proxy::{Fault, Proxy},
};

/// Reads everything through one fault in each connection, until a route shows one of these reasons, then through the fault
/// now and then. Returns what was logged.
fn reads_through(fault: Fault, reasons: &[&str]) -> String {
    let mut proxy = None;
    let site = Site::configured(options(), |url| {
        let proxy = proxy.insert(Proxy::before(url, 1));
        proxy.spoil(&[fault], 1);
        impatient(proxy.url(), "", EMBEDDED.0, EMBEDDED.1)
    });
    let proxy = proxy.unwrap();
    let process = site.start(&["run"]);
    if !reasons.is_empty() {
        wait_for_trouble(&site, reasons, "check network");
    }
    proxy.spoil(&[fault], ONE_IN);
    heals(&site, &proxy, &[fault]);
    let log = stop(process);
    assert_conserved(&site);
    log
}

/// As [`reads_through`], where a route reports what is wrong.
fn reads_in_spite_of(fault: Fault, reasons: &[&str]) {
    assert!(reads_through(fault, reasons).contains("trying again, nothing is lost"));
}

fn assert_conserved(site: &Site) {
    site.assert_tables_hold_everything();
    assert_eq!(site.repeats_in_lines(), 0, "what goes wrong before a page is read repeats nothing");
}

#[test]
fn nothing_is_lost_or_doubled_when_connections_to_the_api_are_cut() {
    reads_in_spite_of(Fault::Cut, &["connection closed", "unexpected EOF", "end of file"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_connections_to_the_api_are_reset() {
    reads_in_spite_of(Fault::Reset, &["Connection reset"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_the_api_answers_in_drops() {
    // A page that does not come in time is asked for in smaller parts: no route has anything to report.
    reads_through(Fault::Slow, &[]);
}

#[test]
fn nothing_is_lost_or_doubled_when_answers_of_the_api_are_garbled() {
    reads_in_spite_of(Fault::Garbage, &["invalid HTTP", "a JSON list"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_everything_goes_wrong_before_the_api() {
    let ca = Ca::new();
    let (mut proxy, mut server) = (None, None);
    let site = Site::configured(options(), |_| String::new());
    let server = server.insert(openai::serve(Some(ca.server()), site.simulator.clone()));
    let proxy = proxy.insert(Proxy::before(server.url(), 2));
    let unknown = Ca::named("somebody else");
    proxy.impersonate([ca.server_expired(), ca.server_named(&["other.example"]), unknown.server()]);
    let faults = [&PLAIN[..], &[Fault::Certificate]].concat();
    proxy.spoil(&faults, ONE_IN_OF_TLS);
    let ca_file = format!("ca_file = {:?}", ca.path());
    site.write("ccfd.toml", &impatient(&format!("{}/v1", proxy.url()), &ca_file, EMBEDDED.0, EMBEDDED.1));
    let process = site.start(&["run"]);
    heals(&site, proxy, &faults);
    stop(process);
    assert_conserved(&site);
}
