//! Unreadable checkpoints: reported on one screen, before the network is used.

use std::fs;

use super::{impatient, options, read_to_the_end};
use crate::support::process_kill::{EMBEDDED, Site};

/// Lines of a small terminal.
const SCREEN: usize = 24;

#[test]
fn a_state_that_cannot_be_read_is_reported_with_what_to_do_and_nothing_is_asked_for() {
    let (names, sinks) = EMBEDDED;
    let site = Site::configured(options(), |url| impatient(url, "", names, sinks));
    assert!(site.start(&["run", "--once"]).wait().status.success());
    let asked: u64 = site.simulator.requests().values().sum();
    let log = fs::metadata(site.path("state/cursors/db")).unwrap().len();
    site.write("state/cursors/db", &"garbage!".repeat(log as usize / 8));
    site.write("state/checkpoints.json", "torn");
    for _ in 0..2 {
        let ended = site.start(&["run"]).wait();
        assert_eq!(ended.status.code(), Some(3), "{}", ended.log);
        assert!(ended.log.lines().count() < SCREEN, "{}", ended.log);
        let messages =
            ["the checkpoints cannot be read", "state/cursors", "restore the state directory from a backup"];
        assert!(messages.iter().all(|text| ended.log.contains(text)), "{}", ended.log);
    }
    let requests: u64 = site.simulator.requests().values().sum();
    assert_eq!(requests, asked, "the network was used");
}

#[test]
fn a_state_that_was_rebuilt_from_its_copy_is_reported_and_loses_nothing() {
    let (names, sinks) = EMBEDDED;
    let site = Site::configured(options(), |url| impatient(url, "", names, sinks));
    assert!(site.start(&["run", "--once"]).wait().status.success());
    let log = fs::metadata(site.path("state/cursors/db")).unwrap().len();
    site.write("state/cursors/db", &"garbage!".repeat(log as usize / 8));
    site.grow(5);
    let ended = site.start(&["run", "--once"]).wait();
    assert!(ended.status.success(), "{}", ended.log);
    assert!(ended.log.contains("checkpoints recovered"), "{}", ended.log);
    assert!(ended.log.contains("may be delivered once more"), "{}", ended.log);
    read_to_the_end(&site, || assert!(site.start(&["run", "--once"]).wait().status.success()));
    site.assert_tables_hold_everything();
}
