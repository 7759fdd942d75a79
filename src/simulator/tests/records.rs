//! What is stored, generated, given and changed.

use super::*;

/// Two audit events, a completion and a message in the recorded key order; the numbers do not fit a double.
const GIVEN: &str = r#"{"object":"organization.audit_log","id":"audit_log-1","type":"login.succeeded","effective_at":1769990000,"actor":null}
{"id":"audit_log-2","effective_at":1769990000,"type":"role.bound_to_resource","x":1.10}

{"object":"chat.completion","id":"chatcmpl-1","created":4102444800,"seed":-1971541699951901963,"metadata":{"a":"b"},"choices":[]}
{"completion_id":"chatcmpl-1","id":"chatcmpl-1-0","role":"user","content":"Hi","content_parts":null,"name":null}
"#;

fn given() -> Simulator {
    simulator(SimulatorOptions { records: vec![Bytes::from_static(GIVEN.as_bytes())], ..options("") })
}

fn send(simulator: &Simulator, method: &str, body: &'static str) -> Reply {
    let path = format!("{CHAT}/chatcmpl-1");
    let body = Bytes::from_static(body.as_bytes());
    simulator.answer(&Request { method: method.to_owned(), body, ..Request::get(&path, PROJECT) })
}

#[test]
fn given_records_are_served_byte_for_byte_and_nothing_else() {
    let simulator = given();
    let lines: Vec<_> = GIVEN.lines().collect();
    for (target, line) in [
        (AUDIT.to_owned(), lines[0]),
        (format!("{AUDIT}?tenant_only=true"), lines[1]),
        (CHAT.to_owned(), lines[3]),
        (format!("{CHAT}/chatcmpl-1/messages"), lines[4]),
    ] {
        let id = serde_json::from_str::<Value>(line).unwrap()["id"].clone();
        let whole =
            format!(r#"{{"object":"list","data":[{line}],"first_id":{id},"last_id":{id},"has_more":false}}"#);
        assert_eq!(get(&simulator, &target).body, whole, "{target}");
    }
}

#[test]
fn a_line_that_cannot_be_served_is_named() {
    for (content, line, word) in [
        ("{\"id\":\"a\",\"created\":1}\n\nnot json", 3, "no JSON object"),
        (r#"{"created":1}"#, 1, "no id"),
        (r#"{"id":"a"}"#, 1, "none of effective_at"),
    ] {
        let options = SimulatorOptions {
            records: vec![Bytes::new(), Bytes::from_static(content.as_bytes())],
            ..options("")
        };
        let error = Simulator::new(options, Hand::new().clock()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line {line} of input 2")) && error.contains(word), "{error}");
    }
}

#[test]
fn new_metadata_leaves_every_other_byte_alone() {
    let simulator = given();
    let before = simulator.body_of("chatcmpl-1").unwrap();
    let reply = send(&simulator, "POST", r#"{"metadata":{"case":"é 7"}}"#);
    let expected = String::from_utf8_lossy(&before).replace(r#"{"a":"b"}"#, r#"{"case":"é 7"}"#);
    assert_eq!((reply.status, &reply.body[..]), (200, expected.as_bytes()));
    assert_eq!(send(&simulator, "GET", "").body, expected);
    for wrong in ["", r#"{"metadata":{"a":1}}"#, r#"{"metadata":null}"#] {
        assert_eq!(send(&simulator, "POST", wrong).status, 400);
    }
}

#[test]
fn a_deleted_completion_is_gone_from_everywhere() {
    let simulator = given();
    let gone = send(&simulator, "DELETE", "");
    assert_eq!(
        json(&gone),
        serde_json::json!({"object":"chat.completion.deleted","id":"chatcmpl-1","deleted":true})
    );
    for method in ["GET", "POST", "DELETE"] {
        let reply = send(&simulator, method, r#"{"metadata":{}}"#);
        assert_eq!((reply.status, json(&reply)["error"]["param"].as_str()), (404, Some("completion_id")));
    }
    assert!(
        ids(&page(&simulator, CHAT)).is_empty() && simulator.issued(SimulatedList::Completions).is_empty()
    );
    assert_eq!(get(&simulator, &format!("{CHAT}/chatcmpl-1/messages")).status, 404);
}

#[test]
fn messages_are_paged_in_either_order() {
    let simulator = simulator(SimulatorOptions { completions: 3, ..options("") });
    let all: Vec<_> = simulator.issued(SimulatedList::Completions);
    let path = format!("{CHAT}/{}/messages", all[2].0);
    let ascending = walk_by_last_id(&simulator, &format!("{path}?limit=1"));
    let expected: Vec<_> = (0..3).map(|index| format!("{}-{index}", all[2].0)).collect();
    assert_eq!(ascending, expected);
    let mut descending = walk_by_last_id(&simulator, &format!("{path}?limit=2&order=desc"));
    descending.reverse();
    assert_eq!(descending, expected);
    assert_eq!(get(&simulator, &format!("{path}?after=other")).status, 400);
}

#[test]
fn messages_can_be_gone_or_forbidden_or_broken_while_the_list_shows_their_completions() {
    for (habit, statuses) in [
        ("messages-gone", [404, 200, 200, 200, 200]),
        ("messages-broken", [500, 200, 200, 200, 200]),
        ("messages-forbidden", [401; 5]),
    ] {
        let simulator = simulator(SimulatorOptions { completions: 5, ..options(habit) });
        let ids: Vec<_> =
            simulator.issued(SimulatedList::Completions).into_iter().map(|(id, _)| id).collect();
        let status = |id: &String| get(&simulator, &format!("{CHAT}/{id}/messages")).status;
        assert_eq!(ids.iter().map(status).collect::<Vec<_>>(), statuses, "{habit}");
        assert_eq!(super::ids(&page(&simulator, CHAT)).len(), 5);
    }
}

#[test]
fn the_same_seed_gives_the_same_records_of_the_recorded_shape() {
    let make = |seed| {
        let simulator =
            simulator(SimulatorOptions { audit_logs: 2_000, completions: 500, seed, ..options("all") });
        let ids = [SimulatedList::AuditLogs, SimulatedList::Completions].map(|list| simulator.issued(list));
        (
            ids.clone(),
            ids.map(|ids| ids.iter().map(|(id, _)| simulator.body_of(id).unwrap()).collect::<Vec<_>>()),
        )
    };
    let (ids, [events, completions]) = make(7);
    assert_eq!((&ids, &events), (&make(7).0, &make(7).1[0]));
    assert_ne!(ids, make(8).0);

    let mean = events.iter().map(Bytes::len).sum::<usize>() / events.len();
    assert!((500..=600).contains(&mean), "{mean} bytes on average");
    let sizes = || completions.iter().map(Bytes::len);
    assert!(
        sizes().all(|bytes| (600..=1_500).contains(&bytes)),
        "{:?} to {:?}",
        sizes().min(),
        sizes().max()
    );
    let events: Vec<Value> = events.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
    assert!(events.iter().any(|event| event["actor"].is_null()));
    assert!(events.iter().any(|event| event["actor"]["type"] == "api_key"));
    assert!(events.iter().any(|event| event["type"].as_str().unwrap().starts_with("tenant.")));
    assert!(events.iter().any(|event| event.get("api_key.created").is_some()));
    assert!(completions.iter().all(|body| serde_json::from_slice::<Value>(body).unwrap()["seed"].is_i64()));
}

#[test]
fn crowded_seconds_hold_more_than_a_page() {
    let largest = |habits| {
        let simulator = simulator(SimulatorOptions { completions: 3_000, ..options(habits) });
        let mut held = std::collections::BTreeMap::<i64, usize>::new();
        simulator
            .issued(SimulatedList::Completions)
            .iter()
            .for_each(|(_, second)| *held.entry(*second).or_default() += 1);
        held.into_values().max().unwrap()
    };
    assert!((180..=1_208).contains(&largest("crowded")));
    assert!(largest("") < 100);
}

#[test]
fn a_late_record_appears_when_its_time_has_come() {
    let hand = Hand::new();
    let simulator =
        Simulator::new(SimulatorOptions { completions: 400, ..options("late") }, hand.clock()).unwrap();
    let pushed = simulator.push_completion(NOW - 100, NOW + 300);
    let visible = || walk_by_last_id(&simulator, &format!("{CHAT}?limit=100"));
    assert!(!visible().contains(&pushed));
    assert_eq!(get(&simulator, &format!("{CHAT}/{pushed}")).status, 404);
    hand.forward(20 * 60);
    assert!(visible().contains(&pushed) && visible().len() == 401);
}

#[test]
fn a_pushed_event_is_of_the_kind_that_was_asked_for() {
    let simulator = simulator(options(""));
    let plain: BTreeSet<_> = (0..60).map(|second| simulator.push_audit(second, NOW)).collect();
    let tenant = simulator.push_tenant(NOW, NOW);
    assert_eq!(
        ids(&page(&simulator, &format!("{AUDIT}?limit=100"))).into_iter().collect::<BTreeSet<_>>(),
        plain
    );
    assert_eq!(ids(&page(&simulator, &format!("{AUDIT}?tenant_only=true"))), [tenant]);
}

#[test]
fn extreme_options_are_refused_or_harmless() {
    let make = |options| {
        Simulator::new(options, Hand::new().clock())
            .map(|simulator| simulator.issued(SimulatedList::AuditLogs))
    };
    assert_eq!(make(SimulatorOptions { audit_logs: u64::MAX, ..options("") }), Err(OptionsError::TooMany));
    let spread = std::time::Duration::MAX;
    let old = make(SimulatorOptions { audit_logs: 10, spread, ..options("all") }).unwrap();
    assert!(old.len() == 10 && old.iter().all(|(_, second)| *second <= NOW));
    assert_eq!(make(SimulatorOptions { live_per_second: f64::NAN, ..options("") }), Ok(Vec::new()));
}

#[test]
fn live_traffic_appears_as_the_clock_moves() {
    let hand = Hand::new();
    let simulator =
        Simulator::new(SimulatorOptions { live_per_second: 2.5, ..options("") }, hand.clock()).unwrap();
    let count = || {
        simulator.issued(SimulatedList::AuditLogs).len() + simulator.issued(SimulatedList::Completions).len()
    };
    assert_eq!(count(), 0);
    hand.forward(10);
    assert_eq!(count(), 25);
    let seconds = seconds(&page(&simulator, CHAT), "created");
    assert!(seconds.iter().all(|second| (NOW + 1..=NOW + 10).contains(second)));
}

#[test]
fn a_given_body_without_id_is_served_as_it_is() {
    let simulator = simulator(options(""));
    let body = Some(Bytes::from_static(br#"{"id":7,"created":"soon"}"#));
    let added = simulator.add(vec![NewRecord {
        list: SimulatedList::Completions,
        second: NOW,
        visible_at: NOW,
        body,
    }]);
    assert_eq!(added, [None]);
    assert!(
        get(&simulator, CHAT)
            .body
            .starts_with(br#"{"object":"list","data":[{"id":7,"created":"soon"}],"first_id":null"#)
    );
}
