//! Killed hundreds of times, most often while it starts.

use std::time::Duration;

use ccfd::simulator::SimulatorOptions;

use super::{Moments, number};
use crate::support::process_kill::Site;

#[test]
fn nothing_is_lost_however_often_the_process_is_killed() {
    let cycles = number("CCFD_KILL_CYCLES", 200);
    let site = Site::new(SimulatorOptions {
        audit_logs: 30_000,
        completions: 15_000,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    });
    let mut moments = Moments::new(600);
    for _ in 0..cycles {
        // Few enough that no second holds more records than a page: such seconds are read by chance, and have tests of their own.
        site.grow(3);
        let ended = site.start(&["run"]).kill_after(moments.next());
        ended.assert_nothing_for_a_person();
    }
    site.read_the_rest();
    site.assert_tables_hold_everything();
    let repeats = site.repeats_in_lines();
    println!("{cycles} kills: nothing missing, {repeats} lines repeated");
}
