//! Messages that cannot be read: the completion is delivered with the reason, and nothing waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ccfd::{
    pipeline::{messages::MessageLimits, progress::RouteState, route::Ended},
    simulator::{SimulatedEndpoint, SimulatedList, SimulatorOptions},
};
use serde_json::{Value, json};

use super::messages::{LIMITS, arrived, asked, conversation, given, is_messages, rig, rig_of};
use crate::support::{
    route::{RouteRig, pass, records},
    time::BEGIN,
};

fn with_habit(habit: &str, count: u64) -> RouteRig {
    let habits = format!("ties,shuffle,newest,{habit}").parse().unwrap();
    rig_of(SimulatorOptions { habits, ..records(SimulatedList::Completions, count) })
}

/// Of the completions that arrived: how many have messages, and how many this in their place.
fn counted(rig: &RouteRig, reason: &Value) -> (usize, usize) {
    let arrived = arrived(rig);
    let with = arrived.iter().filter(|(_, messages)| messages.is_array()).count();
    (with, arrived.iter().filter(|(_, messages)| messages == reason).count())
}

fn missing(rig: &RouteRig, reason: &str) -> u64 {
    rig.progress.status().messages_missing.get(reason).copied().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_was_deleted_after_it_was_listed_says_so_and_holds_up_none() {
    let rig = with_habit("messages-gone", 200);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    assert_eq!(counted(&rig, &json!({"missing":"deleted"})), (160, 40));
    assert_eq!((missing(&rig, "deleted"), asked(&rig)), (40, 200), "old ones are believed at once");
}

#[tokio::test(start_paused = true)]
async fn a_young_completion_that_is_not_known_yet_is_asked_for_once_more() {
    let rig = rig(0);
    let id = rig.simulator.push_completion(BEGIN - 30, BEGIN - 30);
    let seen = AtomicUsize::new(0);
    rig.wire.tamper(move |target| {
        let first = is_messages(target) && seen.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(if first { target.replace(&id, "not-yet") } else { target.to_owned() })
    });
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert_eq!((counted(&rig, &Value::Null), asked(&rig)), ((1, 0), 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_without_the_permission_delivers_every_completion_and_does_not_ask_for_each() {
    let rig = with_habit("messages-forbidden", 500).for_ever();
    let running = rig.start();
    pass(100).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    rig.assert_conserved();
    assert_eq!(counted(&rig, &json!({"missing":"forbidden"})), (0, 500));
    assert_eq!(missing(&rig, "forbidden"), 500);
    assert!(asked(&rig) < 100, "{}", asked(&rig));
    // With the permission, those that come then have their messages.
    rig.simulator.set_habits("ties".parse().unwrap());
    rig.simulator.push_completion(rig.world.now(), rig.world.now());
    pass(100).await;
    assert_eq!(counted(&rig, &json!({"missing":"forbidden"})), (1, 500));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_not_list_either_parks() {
    let rig = with_habit("messages-forbidden", 50).for_ever();
    let (simulator, seen) = (rig.simulator.clone(), Arc::new(AtomicUsize::new(0)));
    rig.wire.tamper(move |target| {
        if is_messages(target) {
            seen.store(1, Ordering::Relaxed);
        } else if seen.load(Ordering::Relaxed) == 1 {
            simulator.script(vec![ccfd::simulator::Fault::status(403, "missing_scope", &[])]);
        }
        Ok(target.to_owned())
    });
    let running = rig.start();
    pass(60).await;
    assert_eq!(rig.progress.status().state, RouteState::Parked);
    assert_eq!(arrived(&rig).len(), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn completions_on_which_the_api_always_fails_are_given_up_while_the_list_answers() {
    let rig = with_habit("messages-broken", 40);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    assert_eq!(counted(&rig, &json!({"missing":"unavailable"})), (32, 8));
    let tries = rig.simulator.requests()[&(SimulatedEndpoint::Messages, 500)];
    assert_eq!(tries, 8 * 20);
}

/// Whatever a gateway says to requests for many messages, fewer are requested, and every one arrives.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_refuses_many_messages_at_a_time_leaves_none_out() {
    for habit in ["large-throttled", "large-refused", "large-timeouts"] {
        let rig = with_habit(habit, 300);
        assert!(matches!(rig.run().await, Ended::ReadAll), "{habit}");
        rig.assert_conserved();
        assert_eq!(counted(&rig, &Value::Null), (300, 0), "{habit}");
        // Each limit that is tried costs a round of eight, and their witnesses.
        assert!(asked(&rig) < 300 + 3 * 16, "{habit}: {}", asked(&rig));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_beyond_the_bound_are_missing_as_a_whole_and_say_what_the_bound_is() {
    let large = conversation("chatcmpl-1", 120, &"x".repeat(1_000), "null");
    let lines = large + &conversation("chatcmpl-2", 2, "short", "null");
    let mut rig = rig_of(given(&lines));
    rig.messages = Some(MessageLimits { bytes_max: 50_000, ..LIMITS });
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert_eq!(counted(&rig, &json!({"missing":"too_large","bytes_max":50_000})), (1, 1));
    assert_eq!(asked(&rig), 2, "what is beyond the bound is not read on");
}

#[tokio::test(start_paused = true)]
async fn a_list_of_messages_that_leads_back_to_its_beginning_ends() {
    let rig = rig_of(given(&conversation("chatcmpl-1", 250, "Go on.", "null")));
    rig.wire.tamper(|target| {
        let plain = target.split("&after=").next().unwrap_or(target);
        Ok(if is_messages(target) { plain.to_owned() } else { target.to_owned() })
    });
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert_eq!(counted(&rig, &json!({"missing":"unending"})), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_for_however_often_it_is_met() {
    let rig = rig(30).for_ever();
    let (simulator, begun) = (rig.simulator.clone(), tokio::time::Instant::now());
    rig.wire.tamper(move |target| {
        if is_messages(target) && begun.elapsed() < Duration::from_secs(7200) {
            let wait = [("retry-after", "20")];
            simulator.script(vec![ccfd::simulator::Fault::status(429, "rate_limit_exceeded", &wait)]);
        }
        Ok(target.to_owned())
    });
    let running = rig.start();
    pass(8000).await;
    running.stop().await;
    rig.assert_conserved();
    assert_eq!(counted(&rig, &Value::Null), (30, 0));
}
