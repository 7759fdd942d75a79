//! Cases that are sent with connectors which lead elsewhere since.

use std::thread;

use reqwest::Method;
use serde_json::json;

use super::{
    NOBODY,
    push::{api, push},
    pushes::{case, forget_attempts, let_it_work, title},
};
use crate::{connectors::servicenow::Instance, support::process::wait_until};

#[test]
fn what_connectors_know_of_an_instance_remains_when_one_of_them_leads_elsewhere() {
    let (here, elsewhere) = (Instance::start(), Instance::start());
    elsewhere.skip_one();
    let api = api(here.server.url(), NOBODY);
    let id = case(&api);
    for connector in ["sn", "again"] {
        assert_eq!(push(&api, &id, connector).0, 200);
    }
    let setting = |url: &str| format!("name = \"Incidents\"\n        config = {{ apiUrl = \"{url}/\" }}");
    let moves = |from: &Instance, to: &Instance| {
        forget_attempts(&api);
        api.place.replace(&setting(from.server.url()), &setting(to.server.url()));
    };
    moves(&here, &elsewhere);
    api.place.run_to(1, &["cases", "push", "1", "sn"]);
    api.place.run_to(0, &["cases", "push", "1", "sn", "--create"]);
    forget_attempts(&api);
    let (status, case) = push(&api, &id, "again");
    assert_eq!((status, title(&case)), (200, &json!("INC0000001")), "{case}");
    // It finds what it knew there.
    moves(&elsewhere, &here);
    api.place.run_to(0, &["cases", "push", "1", "sn"]);
    for instance in [here, elsewhere] {
        let incidents = instance.incidents();
        assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
    }
}

#[test]
fn a_push_whose_connector_gets_another_address_while_it_waits_is_known_at_that_address() {
    let (here, elsewhere) = (Instance::start(), Instance::start());
    elsewhere.skip_one();
    let api = api(here.server.url(), NOBODY);
    let id = case(&api);
    let set = |method: Method, instance: &Instance| {
        let mut body = json!({
            "name": "It moves", "config": { "apiUrl": instance.server.url() },
            "secrets": { "username": "ccfd", "password": "sekret-password" },
        });
        if method == Method::POST {
            body["connector_type_id"] = json!(".servicenow");
        }
        let (status, answer) = api.operate(method, "/api/actions/connector/moves", Some(&body));
        assert_eq!(status, 200, "{answer}");
    };
    set(Method::POST, &here);
    here.server.hold();
    thread::scope(|scope| {
        let first = scope.spawn(|| push(&api, &id, "sn"));
        wait_until("a first request", || !here.server.requests().is_empty());
        let second = scope.spawn(|| push(&api, &id, "moves"));
        let_it_work(&api, &id);
        set(Method::PUT, &elsewhere);
        here.server.release();
        for push in [first, second] {
            let (status, case) = push.join().unwrap();
            assert_eq!(status, 200, "{case}");
        }
    });
    let database = rusqlite::Connection::open(api.place.path("state/detect.db")).unwrap();
    let receivers = "SELECT count(DISTINCT receiver) FROM case_pushed";
    let receivers: i64 = database.query_row(receivers, [], |row| row.get(0)).unwrap();
    assert_eq!(receivers, 2);
    for instance in [here, elsewhere] {
        let incidents = instance.incidents();
        assert_eq!((incidents.len(), &incidents[0]["work_notes"]), (1, &json!(["first"])));
    }
}
