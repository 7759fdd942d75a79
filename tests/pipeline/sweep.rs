//! Every step of a route, and every failure of it: nothing is missing, and duplicates occur only where they
//! must.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use ccfd::{
    pipeline::{route::Ended, shutdown::shutdown},
    simulator::SimulatedList,
};

use crate::support::{
    route::{Mishap, RouteRig, records},
    sink::SinkAnswer,
};

const LISTS: [SimulatedList; 2] = [SimulatedList::AuditLogs, SimulatedList::Completions];
/// A few pages; each is a write and a commit of its own.
const RECORDS: u64 = 350;
/// The most records of one page.
const PAGE: usize = 100;

fn rig(list: SimulatedList) -> RouteRig {
    RouteRig::new(list, records(list, RECORDS)).page_by_page()
}

/// A process that dies when it is about to take its n-th step.
struct Doomed<F> {
    life: F,
    steps: usize,
}

impl<F: Future + Unpin> Future for Doomed<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.steps == 0 {
            return Poll::Ready(None);
        }
        self.steps -= 1;
        Pin::new(&mut self.life).poll(context).map(Some)
    }
}

/// Runs until the n-th step. `None` when it died there.
async fn run_for_steps(rig: &RouteRig, steps: usize) -> Option<Ended> {
    let (_sender, stop) = shutdown();
    let life = pin!(rig.route().run(stop));
    Doomed { life, steps }.await
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_wrong_costs_nothing_wherever_it_was() {
    for list in LISTS {
        for mishap in [Mishap::Refused, Mishap::Lost] {
            for place in 0..12 {
                let rig = rig(list).with_mishaps(move |number| (number == place).then_some(mishap));
                assert!(matches!(rig.run().await, Ended::ReadAll));
                rig.assert_conserved();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_repeated_and_doubles_nothing() {
    for list in LISTS {
        for place in 0..4 {
            let rig = rig(list);
            rig.sink.script([vec![SinkAnswer::Accept; place], vec![SinkAnswer::Fail; 3]].concat());
            assert!(matches!(rig.run().await, Ended::ReadAll));
            rig.assert_conserved();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_doubles_its_own_batch_alone() {
    for list in LISTS {
        for place in 0..4 {
            let rig = rig(list);
            rig.sink.script([vec![SinkAnswer::Accept; place], vec![SinkAnswer::Lose]].concat());
            assert!(matches!(rig.run().await, Ended::ReadAll));
            rig.assert_all_arrived();
            let seen = rig.sink.seen();
            assert_eq!(seen.doubled(), seen.writes[place].0.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_between_write_and_commit_doubles_that_batch_alone() {
    for list in LISTS {
        for place in 0..4 {
            let mut rig = rig(list);
            rig.sink.script([vec![SinkAnswer::Accept; place], vec![SinkAnswer::Die]].concat());
            rig.run_through_a_death().await;
            let seen = rig.sink.seen();
            assert!(seen.doubled() <= seen.writes[place].0.len(), "{} doubled", seen.doubled());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_another_writer_spoilt_is_begun_again_from_what_is_stored() {
    for list in LISTS {
        let rig = rig(list);
        rig.sink.hold();
        let running = rig.start();
        rig.sink.called.notified().await;
        let mut other = rig.store.cursor("collector/sink");
        let saved = other.load().await.expect("a store").expect("a checkpoint");
        let mut checkpoint: ccfd::pipeline::checkpoint::Checkpoint = saved.cursor;
        checkpoint.delivered += 1;
        other.commit(&checkpoint, Vec::new()).await.expect("committed");
        rig.sink.release();
        assert!(matches!(running.end().await, Ended::ReadAll));
        rig.assert_all_arrived();
        assert!(rig.sink.seen().doubled() <= PAGE);
    }
}

/// The commit, too, is a few of these steps: some deaths leave it made, some not.
#[tokio::test(start_paused = true)]
async fn a_death_at_any_step_loses_nothing_and_doubles_one_batch_at_most() {
    for list in LISTS {
        let mut deaths = 0;
        loop {
            let mut rig = rig(list);
            let ended = run_for_steps(&rig, deaths).await;
            rig.restart().await;
            assert!(matches!(rig.run().await, Ended::ReadAll));
            rig.assert_all_arrived();
            let doubled = rig.sink.seen().doubled();
            assert!(doubled <= PAGE, "{doubled} doubled by a death at step {deaths}");
            if ended.is_some() {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 10, "{deaths} steps in all");
    }
}

#[tokio::test(start_paused = true)]
async fn deaths_at_every_start_lose_nothing() {
    for list in LISTS {
        let mut rig = rig(list);
        let mut batches = 0;
        for steps in (1..12).cycle().take(100) {
            if run_for_steps(&rig, steps).await.is_some() {
                break;
            }
            batches += 1;
            rig.restart().await;
        }
        assert!(matches!(rig.run().await, Ended::ReadAll));
        rig.assert_all_arrived();
        let handed_in: u32 = rig.sink.seen().rows.values().sum();
        assert!(handed_in as usize <= RECORDS as usize + batches * PAGE);
    }
}
