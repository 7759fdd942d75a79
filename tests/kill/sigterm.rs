//! Stopped as by a service manager, under load.

use std::time::Duration;

use ccfd::simulator::SimulatorOptions;

use crate::support::process_kill::Site;

#[test]
fn a_stop_under_load_is_clean_and_doubles_nothing() {
    let site = Site::new(SimulatorOptions {
        audit_logs: 20_000,
        completions: 10_000,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    });
    for stop in 0..20 {
        site.grow(20);
        let process = site.start(&["run"]);
        let ended = process.terminate_after(Duration::from_millis(23 * stop));
        ended.assert_nothing_for_a_person();
        assert!(ended.status.success(), "{:?}\n{}", ended.status, ended.log);
        assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
    }
    site.read_the_rest();
    site.assert_tables_hold_everything();
    assert_eq!(site.repeats_in_lines(), 0);
}
