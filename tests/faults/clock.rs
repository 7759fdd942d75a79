//! A clock that jumps while the route runs. What it costs a reader alone is tried in `tests/collecting`.

use ccfd::simulator::SimulatedList;

use crate::support::route::{RouteRig, pass, records};

const DAY: i64 = 86_400;

async fn jumps(list: SimulatedList) {
    let mut rig = RouteRig::new(list, records(list, 500)).for_ever();
    let mut running = rig.start();
    for (round, error) in [0, -DAY, 0, DAY, -DAY, -600, 0].into_iter().enumerate() {
        rig.world.local_clock_is_off_by(error);
        for number in 0..20 {
            let now = rig.world.now();
            let _ = match list {
                SimulatedList::AuditLogs => rig.simulator.push_audit(now - number, now + number * 60),
                SimulatedList::Completions => rig.simulator.push_completion(now - number, now + number * 60),
            };
            pass(30).await;
        }
        if round % 2 == 1 {
            running.kill().await;
            rig.restart().await;
            running = rig.start();
        }
    }
    pass(2_400).await;
    running.stop().await;
    rig.assert_conserved();
    let watermark = rig.checkpoint().await.unwrap().walks[0].watermark;
    assert!(watermark > rig.world.now() - 2 * 3_600, "the watermark did not move");
}

#[tokio::test(start_paused = true)]
async fn audit_events_arrive_once_although_the_clock_jumps_back_a_day() {
    jumps(SimulatedList::AuditLogs).await;
}

#[tokio::test(start_paused = true)]
async fn completions_arrive_once_although_the_clock_jumps_back_a_day() {
    jumps(SimulatedList::Completions).await;
}
