//! A week of the real binary in minutes: everything that can happen to it, at random, and a count of what arrived.
//!
//! Intervals are 720 times shorter than by default: a poll each 83 ms for one a minute, and so a day in two minutes. What passes
//! by itself (delays between tries, time limits) is as long as ever.

mod judge;
mod life;
mod report;
mod scene;
mod weather;
mod week;

pub use week::Week;

#[test]
fn some_hours_of_faults_and_kills_lose_and_double_nothing_and_leave_no_memory_behind() {
    let report = Week { days: 0.3, seed: 1 }.run();
    println!("{report}");
    report.assert_well();
}
