//! Completions with their messages: each is delivered once, with all of its messages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use ccfd::{
    pipeline::{backoff::RetryDelays, messages::MessageLimits, progress::RouteState, route::Ended},
    simulator::{Fault, NewRecord, SimulatedEndpoint, SimulatedList, SimulatorOptions},
};
use collectors::{IdHash, TransportError};
use serde_json::Value;

use crate::support::{
    route::{RouteRig, pass, records},
    sink::SinkAnswer,
    time::BEGIN,
    wire::PROJECT_KEY,
};

pub const LIMITS: MessageLimits = MessageLimits { bytes_max: 1 << 20, include_images: false };

/// A route of completions with their messages.
pub fn rig_of(options: SimulatorOptions) -> RouteRig {
    let mut rig = RouteRig::new(SimulatedList::Completions, options);
    rig.messages = Some(LIMITS);
    rig.sink.keep_records();
    rig
}

pub fn rig(count: u64) -> RouteRig {
    rig_of(records(SimulatedList::Completions, count))
}

/// The messages of every completion that arrived, by its id.
pub fn arrived(rig: &RouteRig) -> Vec<(String, Value)> {
    let records = rig.sink.seen().records.unwrap();
    let messages = |record: &Bytes| {
        let record: Value = serde_json::from_slice(record).unwrap();
        (record["id"].as_str().unwrap().to_owned(), record["ccfd_messages"].clone())
    };
    records.values().map(messages).collect()
}

/// How many requests for messages were answered.
pub fn asked(rig: &RouteRig) -> u64 {
    let counters = rig.simulator.requests();
    counters
        .iter()
        .filter(|((endpoint, _), _)| *endpoint == SimulatedEndpoint::Messages)
        .map(|(_, count)| count)
        .sum()
}

/// A completion with so many messages of this content, as they would be given in a file.
pub fn conversation(id: &str, messages: usize, content: &str, parts: &str) -> String {
    let mut lines =
        format!(r#"{{"object":"chat.completion","id":"{id}","created":{BEGIN},"choices":[]}}"#) + "\n";
    for index in 0..messages {
        lines += &format!(
            r#"{{"completion_id":"{id}","id":"{id}-{index}","role":"user","content":"{content}","content_parts":{parts},"name":null}}"#
        );
        lines.push('\n');
    }
    lines
}

pub fn given(lines: &str) -> SimulatorOptions {
    SimulatorOptions {
        records: vec![Bytes::copy_from_slice(lines.as_bytes())],
        ..SimulatorOptions::default()
    }
}

pub fn is_messages(target: &str) -> bool {
    target.contains("/messages?")
}

#[tokio::test(start_paused = true)]
async fn every_completion_arrives_once_with_its_messages_behind_what_was_received() {
    let rig = rig(250);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    for (id, messages) in arrived(&rig) {
        let messages = messages.as_array().unwrap();
        assert!((1..=3).contains(&messages.len()));
        for (index, message) in messages.iter().enumerate() {
            assert_eq!(message["id"], format!("{id}-{index}"));
        }
        let image = messages.get(1).map(|message| &message["content_parts"][1]["image_url"]["url"]);
        assert!(image.is_none_or(|url| url == "[image/png, 9 bytes, left out]"), "{image:?}");
        let received = rig.simulator.body_of(&id).unwrap();
        let record = &rig.sink.seen().records.unwrap()[&IdHash::of(&id)];
        assert!(record.starts_with(&received[..received.len() - 1]), "a byte of the completion was changed");
    }
    let status = rig.progress.status();
    assert_eq!((status.messages_requests, asked(&rig)), (250, 250));
    assert!(status.messages_missing.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_and_nothing_is_added_where_messages_are_not_wanted() {
    let mut rig = rig(30);
    rig.messages = None;
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert_eq!(asked(&rig), 0);
    assert!(arrived(&rig).iter().all(|(_, messages)| messages.is_null()));
}

#[tokio::test(start_paused = true)]
async fn a_long_conversation_is_read_to_its_end_in_its_order() {
    let rig = rig_of(given(&conversation("chatcmpl-1", 250, "Go on.", "null")));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let messages = &arrived(&rig)[0].1;
    let ids = messages.as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned());
    assert!(ids.eq((0..250).map(|index| format!("chatcmpl-1-{index}"))));
    assert_eq!(asked(&rig), 3);
}

#[tokio::test(start_paused = true)]
async fn images_are_kept_where_they_are_wanted() {
    let mut rig = rig(9);
    rig.messages = Some(MessageLimits { include_images: true, ..LIMITS });
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let with_image = arrived(&rig).into_iter().filter(|(_, messages)| {
        messages[1]["content_parts"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    });
    assert_eq!(with_image.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn images_of_many_megabytes_do_not_keep_the_conversation_around_them_from_arriving() {
    let image = format!(
        r#"[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{}"}}}}]"#,
        "A".repeat(3 << 20)
    );
    let small = conversation("chatcmpl-2", 1, "And this?", "null");
    let rig = rig_of(given(&(conversation("chatcmpl-1", 6, "What is this?", &image) + &small)));
    assert!(matches!(rig.run().await, Ended::ReadAll));
    for (id, messages) in arrived(&rig) {
        let count = if id == "chatcmpl-1" { 6 } else { 1 };
        assert_eq!(messages.as_array().map(Vec::len), Some(count), "{id}");
        assert!(messages.to_string().len() < 2_000, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_lists_do_messages_arrive_once() {
    for seed in 0..5 {
        let habits = "all".parse().unwrap();
        let rig = rig_of(SimulatorOptions { habits, seed, ..records(SimulatedList::Completions, 900) });
        assert!(matches!(rig.run().await, Ended::ReadAll));
        pass(1300).await;
        assert!(matches!(rig.run().await, Ended::ReadAll));
        assert_eq!(rig.sink.seen().doubled(), 0);
        assert!(arrived(&rig).len() > 500);
        assert!(arrived(&rig).iter().all(|(_, messages)| messages.is_array()), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_messages_are_read_commits_nothing_of_their_page_and_the_next_start_doubles_nothing() {
    let mut rig = rig(600);
    for stop in 0..40 {
        let running = rig.start();
        tokio::time::sleep(Duration::from_millis(13 * stop)).await;
        let asked = tokio::time::Instant::now();
        assert!(matches!(running.stop().await, Ended::Stopped | Ended::ReadAll));
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        let delivered = rig.checkpoint().await.map_or(0, |found| found.delivered);
        assert_eq!(delivered, rig.sink.seen().acknowledged(), "all that was written is committed");
        rig.restart().await;
    }
    assert!(matches!(rig.run().await, Ended::ReadAll));
    rig.assert_conserved();
    assert!(arrived(&rig).iter().all(|(_, messages)| messages.is_array()));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_while_messages_are_read_parks_and_costs_no_completion_its_messages() {
    let rig = rig(300).for_ever();
    let (simulator, key) = (rig.simulator.clone(), rig.key.clone());
    let seen = AtomicUsize::new(0);
    rig.wire.tamper(move |target| {
        if is_messages(target) && seen.fetch_add(1, Ordering::Relaxed) == 150 {
            // The new key is put in place a moment later.
            *key.lock().unwrap() = "not-yet".to_owned();
            simulator.script(vec![Fault::status(401, "invalid_api_key", &[])]);
        }
        Ok(target.to_owned())
    });
    let running = rig.start();
    pass(60).await;
    let status = rig.progress.status();
    assert_eq!(status.state, RouteState::Parked);
    assert!(status.error.is_some_and(|error| error.text.contains("not valid")));
    *rig.key.lock().unwrap() = PROJECT_KEY.to_owned();
    pass(2 * RetryDelays::default().parked.as_secs()).await;
    running.stop().await;
    rig.assert_conserved();
    assert!(arrived(&rig).iter().all(|(_, messages)| messages.is_array()));
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_any_answer_is_waited_out_and_costs_no_completion_its_messages() {
    let rig = rig(200).for_ever();
    let (begun, seen) = (tokio::time::Instant::now(), Arc::new(AtomicUsize::new(0)));
    rig.wire.tamper(move |target| {
        let down = begun.elapsed() < Duration::from_secs(3600);
        if seen.fetch_add(1, Ordering::Relaxed) > 40 && down {
            return Err(TransportError::Unreachable("connection refused".to_owned()));
        }
        Ok(target.to_owned())
    });
    let running = rig.start();
    pass(1800).await;
    assert_eq!(rig.progress.status().state, RouteState::BackingOff);
    assert_eq!(arrived(&rig).len(), 0, "a page waits until all of it has its messages");
    pass(2000).await;
    assert_eq!(rig.progress.status().state, RouteState::Live);
    running.stop().await;
    rig.assert_conserved();
    assert!(arrived(&rig).iter().all(|(_, messages)| messages.is_array()));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_can_be_written_no_more_messages_are_held_than_there_is_room_for() {
    let content = "x".repeat(50_000);
    let lines: String =
        (0..400).map(|index| conversation(&format!("c-{index}"), 1, &content, "null")).collect();
    let mut rig =
        rig_of(SimulatorOptions { habits: "shuffle".parse().unwrap(), ..given(&lines) }).page_by_page();
    rig.bytes_in_flight = 1 << 20;
    rig.sink.hold();
    let running = rig.start();
    pass(600).await;
    let held = asked(&rig);
    // A page of a hundred is five times the room: it is let through alone, and the next one waits.
    assert!((100..=130).contains(&held), "{held}");
    rig.sink.release();
    assert!(matches!(running.end().await, Ended::ReadAll));
    rig.assert_all_arrived();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_has_such_a_field_already_is_passed_on_as_it_came() {
    let rig = rig(0);
    let body = br#"{"id":"chatcmpl-1","created":1767225600,"ccfd_messages":"of a gateway"}"#;
    let body = Some(Bytes::from_static(body));
    rig.simulator.add(vec![NewRecord {
        list: SimulatedList::Completions,
        second: BEGIN,
        visible_at: BEGIN,
        body: body.clone(),
    }]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    assert_eq!(asked(&rig), 0);
    assert_eq!(rig.sink.seen().records.unwrap().into_values().next(), body);
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_refuses_is_kept_with_its_messages() {
    let rig = rig(3);
    rig.sink.script([SinkAnswer::Refuse(1)]);
    assert!(matches!(rig.run().await, Ended::ReadAll));
    let kept = std::fs::read_to_string(rig.rejects_dir().join("collector+sink.ndjson")).unwrap();
    assert!(kept.contains("ccfd_messages") && kept.contains("Answer briefly"), "{kept}");
}
