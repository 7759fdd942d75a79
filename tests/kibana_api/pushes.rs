//! A case that is sent several times at once, by a process that is killed, and after its incident was deleted.

use std::thread;

use serde_json::{Value, json};

use super::{
    Api, NOBODY,
    cases::created,
    push::{api, comment, push, read},
    stopped::claims,
};
use crate::{
    connectors::servicenow::{Instance, TABLE},
    support::{
        fake::{Fate, Reply, Step},
        process::{Running, wait_until},
    },
};

/// A case with a comment.
pub fn case(api: &Api) -> String {
    let id = created(api, "A leaked key")["id"].as_str().unwrap().to_owned();
    comment(api, &id, "first");
    id
}

/// As after half a minute: the one push that holds up others does so no more.
pub fn expire_claims(api: &Api) {
    let database = rusqlite::Connection::open(api.place.path("state/detect.db")).unwrap();
    assert_eq!(database.execute("UPDATE case_pushing SET until = 0", []).unwrap(), 1);
}

/// Lets a daemon work: it answers so many requests one after the other.
pub fn let_it_work(api: &Api, id: &str) {
    for _ in 0..50 {
        read(api, id);
    }
}

pub fn title(case: &Value) -> &Value {
    &case["external_service"]["external_title"]
}

#[test]
fn pushes_of_a_new_case_at_the_same_time_by_several_processes_make_one_incident() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    instance.server.hold();
    let command = || api.place.start(&["cases", "push", "1", "sn"]);
    let commands: Vec<Running> = (0..2).map(|_| command()).collect();
    wait_until("a first request", || !instance.server.requests().is_empty());
    thread::scope(|scope| {
        let pushes: Vec<_> = (0..6).map(|_| scope.spawn(|| push(&api, &id, "sn"))).collect();
        let_it_work(&api, &id);
        let requests = instance.server.requests().len();
        instance.server.release();
        assert_eq!(requests, 1, "the others wait for the first");
        for push in pushes {
            let (status, case) = push.join().unwrap();
            assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
        }
    });
    for command in commands {
        let ended = command.wait();
        assert!(ended.code == Some(0) && ended.stderr.contains("there INC0000001"), "{ended:?}");
    }
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
}

#[test]
fn two_connectors_to_one_instance_make_one_incident_of_a_case() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    instance.server.hold();
    thread::scope(|scope| {
        let first = scope.spawn(|| push(&api, &id, "sn"));
        wait_until("a first request", || !instance.server.requests().is_empty());
        let second = scope.spawn(|| push(&api, &id, "again"));
        let_it_work(&api, &id);
        let requests = instance.server.requests().len();
        instance.server.release();
        assert_eq!(requests, 1, "the second waits for the first");
        for push in [first, second] {
            let (status, case) = push.join().unwrap();
            assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
        }
    });
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
}

#[test]
fn a_push_that_was_killed_holds_up_the_next_one_until_its_claim_expires() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    // It has looked for the incident, and makes it.
    instance.server.script([Fate::Arrives.into(), Fate::Hangs.into()]);
    let killed = api.place.start(&["cases", "push", "1", "sn"]);
    wait_until("the incident", || instance.incidents().len() == 1);
    drop(killed);
    thread::scope(|scope| {
        let next = scope.spawn(|| push(&api, &id, "sn"));
        let_it_work(&api, &id);
        assert_eq!(instance.server.requests().len(), 2, "the first may be alive");
        expire_claims(&api);
        let (status, case) = next.join().unwrap();
        assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
    });
    assert_eq!(instance.incidents().len(), 1);
}

/// The first push looks for the incident, and this becomes of its creation.
fn a_push_whose_creation_ends(step: Step, incidents: usize) {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    instance.server.script([Fate::Arrives.into(), step]);
    assert_eq!(push(&api, &id, "sn").0, 424);
    assert_eq!((instance.incidents().len(), &read(&api, &id)["external_service"]), (incidents, &Value::Null));
    thread::scope(|scope| {
        let next = scope.spawn(|| push(&api, &id, "sn"));
        let_it_work(&api, &id);
        assert_eq!(instance.server.requests().len(), 2, "the instance may still make it");
        expire_claims(&api);
        let (status, case) = next.join().unwrap();
        assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
    });
    assert_eq!(instance.incidents().len(), 1);
}

#[test]
fn a_push_whose_answer_was_lost_holds_up_the_next_one_which_finds_what_has_arrived() {
    a_push_whose_creation_ends(Fate::Lost.into(), 1);
    for status in [408, 500, 502, 504] {
        a_push_whose_creation_ends(Reply::status(status).into(), 0);
    }
}

#[test]
fn a_push_whose_creation_was_refused_holds_up_no_other() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    instance.server.script([Fate::Arrives.into(), Reply::status(503).into()]);
    assert_eq!((push(&api, &id, "sn").0, claims(&api)), (424, 0));
}

#[test]
fn an_incident_that_was_deleted_there_is_created_again_only_when_somebody_asks_for_it() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    assert_eq!(push(&api, &id, "sn").0, 200);
    instance.delete_all();
    let before = read(&api, &id);
    let (status, answer) = push(&api, &id, "sn");
    assert_eq!(status, 424, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("`ccfd cases push --create`"), "{answer}");
    let failed = api.place.run_to(1, &["cases", "push", "1", "sn"]);
    assert!(failed.stderr.contains("`ccfd cases push --create`"), "{failed:?}");
    assert_eq!((read(&api, &id), instance.incidents().len()), (before, 0));
    // The second time there is nothing to create.
    for _ in 0..2 {
        let created = api.place.run_to(0, &["cases", "push", "1", "sn", "--create"]);
        assert!(created.stderr.contains("there INC0000002"), "{created:?}");
    }
    comment(&api, &id, "second");
    let (status, case) = push(&api, &id, "sn");
    assert_eq!((status, title(&case)), (200, &json!("INC0000002")), "{case}");
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first", "second"])));
}

#[test]
fn an_incident_that_an_unfinished_push_has_made_can_be_created_again_too() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    // It looks for the incident and makes it, and cannot read it.
    let steps = (0..2).map(|_| Fate::Arrives.into()).chain([Reply::status(503).into()]);
    instance.server.script(steps);
    assert_eq!(push(&api, &id, "sn").0, 424);
    instance.delete_all();
    let (status, answer) = push(&api, &id, "sn");
    assert_eq!(status, 424, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("--create"), "{answer}");
    api.place.run_to(0, &["cases", "push", "1", "sn", "--create"]);
    let (status, case) = push(&api, &id, "sn");
    assert_eq!((status, title(&case)), (200, &json!("INC0000002")), "{case}");
    assert_eq!(instance.incidents().len(), 1);
}

#[test]
fn an_incident_that_one_connector_has_created_again_is_changed_by_the_other_and_gets_no_comment_twice() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    for connector in ["sn", "again"] {
        assert_eq!(push(&api, &id, connector).0, 200);
    }
    instance.delete_all();
    for connector in ["sn", "again"] {
        let created = api.place.run_to(0, &["cases", "push", "1", connector, "--create"]);
        assert!(created.stderr.contains("there INC0000002"), "{created:?}");
    }
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
}

/// As after a month: nothing is known any more of what attempts have done.
pub fn forget_attempts(api: &Api) {
    let database = rusqlite::Connection::open(api.place.path("state/detect.db")).unwrap();
    database.execute("DELETE FROM run_part", []).unwrap();
}

#[test]
fn a_comment_is_sent_once_by_several_connectors_however_long_ago_that_was() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    assert_eq!(push(&api, &id, "sn").0, 200);
    forget_attempts(&api);
    comment(&api, &id, "second");
    // The first push of this one, and then another one of the first.
    for connector in ["again", "sn"] {
        let (status, case) = push(&api, &id, connector);
        assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
        forget_attempts(&api);
        comment(&api, &id, connector);
    }
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first", "second", "again"])));
}

#[test]
fn an_incident_that_only_a_gateway_misses_is_not_created_again_and_gets_no_comment_twice() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    assert_eq!(push(&api, &id, "sn").0, 200);
    let path = format!("{TABLE}/{}", instance.incidents()[0]["sys_id"].as_str().unwrap());
    let of_a_gateway = json!({ "error": { "code": 404, "message": "x", "status": "NOT_FOUND" } });
    // A search shows the incident.
    let of_an_index = json!({ "error": { "message": "No Record found" }, "status": "failure" });
    for missing in [of_a_gateway, of_an_index] {
        forget_attempts(&api);
        instance.server.script_for(&path, (0..2).map(|_| Reply::json(404, &missing).into()));
        api.place.run_to(1, &["cases", "push", "1", "sn", "--create"]);
        let created = api.place.run_to(0, &["cases", "push", "1", "sn", "--create"]);
        assert!(created.stderr.contains("there INC0000001"), "{created:?}");
    }
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
}

#[test]
fn a_case_with_more_comments_than_one_run_takes_is_sent_whole() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    case(&api);
    let database = rusqlite::Connection::open(api.place.path("state/detect.db")).unwrap();
    let copy = "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 1001)
                INSERT INTO case_attachment (uid, case_id, type, owner, version, comment, created_at, created_by)
                SELECT uid || n, case_id, type, owner, version, 'more ' || n, created_at, created_by
                FROM case_attachment JOIN more";
    assert_eq!(database.execute(copy, []).unwrap(), 1_001);
    let sent = api.place.run_to(0, &["cases", "push", "1", "sn"]);
    assert!(sent.stderr.contains("there INC0000001"), "{sent:?}");
    let incidents = instance.incidents();
    assert_eq!(incidents.len(), 1);
    let notes = incidents[0]["work_notes"].as_array().unwrap();
    assert_eq!((notes.len(), &notes[1_001]), (1_002, &json!("more 1001")));
}

#[test]
fn pushes_that_wait_leave_room_for_everything_else() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = case(&api);
    instance.server.hold();
    let statuses = thread::scope(|scope| {
        let pushes: Vec<_> = (0..70).map(|_| scope.spawn(|| push(&api, &id, "sn").0)).collect();
        wait_until("pushes that are refused", || {
            pushes.iter().filter(|push| push.is_finished()).count() == 54
        });
        let_it_work(&api, &id);
        instance.server.release();
        pushes.into_iter().map(|push| push.join().unwrap()).collect::<Vec<_>>()
    });
    let count = |status| statuses.iter().filter(|known| **known == status).count();
    assert_eq!((count(200), count(429)), (16, 54), "{statuses:?}");
    assert_eq!(instance.incidents().len(), 1);
}
