//! Cases sent to other systems with connectors: created there, changed under the id that they got, and unchanged here if that
//! fails.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, NOBODY, cases::created};
use crate::{
    connectors::servicenow::Instance,
    support::{
        fake::{Fake, Fate, Reply},
        process::Place,
    },
};

/// A daemon with a connector of each of three types, the first to this instance and the second to this receiver.
pub fn api(instance: &str, receiver: &str) -> Api {
    let place = Place::new(NOBODY).with("SN_USER", "ccfd").with("SN_PASSWORD", "sekret-password");
    let config = format!(
        r#"{}
        [connectors]
        allowed_hosts = ["127.0.0.1"]
        [connector.sn]
        type = ".servicenow"
        name = "Incidents"
        config = {{ apiUrl = "{instance}/" }}
        secrets = {{ username = {{ env = "SN_USER" }}, password = {{ env = "SN_PASSWORD" }} }}
        [connector.again]
        type = ".servicenow"
        name = "The same instance"
        config = {{ apiUrl = "{instance}/" }}
        secrets = {{ username = {{ env = "SN_USER" }}, password = {{ env = "SN_PASSWORD" }} }}
        [connector.hook]
        type = ".webhook"
        config = {{ url = "{receiver}/case", hasAuth = false }}
        [connector.notes]
        type = ".index"
        config = {{ index = "notes" }}
        "#,
        place.config()
    );
    place.write("ccfd.toml", &config);
    Api::at(place)
}

pub fn push(api: &Api, case: &str, connector: &str) -> (u16, Value) {
    api.operate(Method::POST, &format!("/api/cases/{case}/connector/{connector}/_push"), None)
}

pub fn comment(api: &Api, case: &str, text: &str) {
    let body = json!({ "type": "user", "comment": text, "owner": "cases" });
    let (status, answer) = api.operate(Method::POST, &format!("/api/cases/{case}/comments"), Some(&body));
    assert_eq!(status, 200, "{answer}");
}

pub fn read(api: &Api, case: &str) -> Value {
    api.operate(Method::GET, &format!("/api/cases/{case}"), None).1
}

fn retitle(api: &Api, case: &str, title: &str) {
    let version = read(api, case)["version"].clone();
    let body = json!({ "cases": [{ "id": case, "version": version, "title": title }] });
    assert_eq!(api.operate(Method::PATCH, "/api/cases", Some(&body)).0, 200);
}

#[test]
fn a_case_becomes_an_incident_and_is_changed_under_the_id_that_it_has_there() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let id = created(&api, "A leaked key")["id"].as_str().unwrap().to_owned();
    comment(&api, &id, "first");
    let (status, case) = push(&api, &id, "sn");
    assert_eq!(status, 200, "{case}");
    let sent = &case["external_service"];
    let made = instance.incidents();
    assert_eq!((made.len(), &made[0]["short_description"]), (1, &json!("A leaked key")));
    assert_eq!(made[0]["work_notes"], json!(["first"]));
    assert_eq!((&sent["connector_id"], &sent["connector_name"]), (&json!("sn"), &json!("Incidents")));
    assert_eq!((&sent["external_id"], &sent["external_title"]), (&made[0]["sys_id"], &json!("INC0000001")));
    assert!(sent["external_url"].as_str().unwrap().starts_with(instance.server.url()), "{sent}");
    retitle(&api, &id, "A revoked key");
    comment(&api, &id, "second");
    let pushed = api.place.run_to(0, &["cases", "push", "1", "sn", "--by", "bob"]);
    assert!(pushed.stderr.contains("sent with Incidents, there INC0000001"), "{pushed:?}");
    let changed = instance.incidents();
    assert_eq!((changed.len(), &changed[0]["short_description"]), (1, &json!("A revoked key")));
    assert_eq!(changed[0]["work_notes"], json!(["first", "second"]), "a comment is sent once");
    let path = format!("/api/cases/{id}/user_actions/_find?types=pushed&sortOrder=asc");
    let (_, history) = api.operate(Method::GET, &path, None);
    assert_eq!(history["total"], 2, "{history}");
    let last = &history["userActions"][1];
    assert_eq!(
        (&last["action"], &last["created_by"]["username"]),
        (&json!("push_to_service"), &json!("bob"))
    );
    assert_eq!(last["payload"]["externalService"]["external_title"], "INC0000001");
}

#[test]
fn a_case_that_is_not_sent_is_as_it_was_and_says_why() {
    let instance = Instance::start();
    let api = api(instance.server.url(), NOBODY);
    let case = created(&api, "t");
    let id = case["id"].as_str().unwrap();
    let before = read(&api, id);
    let refusal =
        json!({ "error": { "message": "Insufficient rights", "detail": "ACL" }, "status": "failure" });
    instance.server.script([Reply::json(403, &refusal).into()]);
    let (status, answer) = push(&api, id, "sn");
    assert_eq!(status, 424, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.starts_with("The case was not sent: ") && message.contains("Insufficient rights"),
        "{message}"
    );
    assert_eq!(read(&api, id), before);
    instance.server.script([Reply::json(403, &refusal).into()]);
    let failed = api.place.run_to(1, &["cases", "push", "1", "sn"]);
    assert!(failed.stderr.contains("Insufficient rights"), "{failed:?}");
    assert_eq!((read(&api, id), instance.incidents().len()), (before, 0));
}

#[test]
fn each_connector_knows_the_case_by_its_own_id_and_gets_each_comment_once() {
    let (instance, receiver) = (Instance::start(), Fake::plain(|_| Reply::status(200)));
    let api = api(instance.server.url(), receiver.url());
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    comment(&api, &id, "first");
    comment(&api, &id, "second");
    // It looks for the incident, makes and reads it, adds a comment, and cannot add the next one.
    let steps = (0..4).map(|_| Fate::Arrives.into()).chain([Reply::status(503).into()]);
    instance.server.script(steps);
    assert_eq!(push(&api, &id, "sn").0, 424);
    assert_eq!(push(&api, &id, "sn").0, 200);
    comment(&api, &id, "third");
    assert_eq!(push(&api, &id, "hook").0, 200);
    let (status, case) = push(&api, &id, "sn");
    assert_eq!((status, &case["external_service"]["connector_id"]), (200, &json!("sn")), "{case}");
    let incidents = instance.incidents();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["work_notes"], json!(["first", "second", "third"]));
}

#[test]
fn a_receiver_of_webhooks_gets_the_case_and_knows_it_by_its_id() {
    let receiver = Fake::plain(|_| Reply::status(200));
    let api = api(NOBODY, receiver.url());
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    let (status, case) = push(&api, &id, "hook");
    assert_eq!((status, &case["external_service"]["external_id"]), (200, &json!(id)), "{case}");
    retitle(&api, &id, "u");
    assert_eq!(push(&api, &id, "hook").0, 200);
    let requests = receiver.requests();
    let [first, second] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((&first.json()["id"], &first.json()["external_service"]), (&json!(id), &Value::Null));
    let again = second.json();
    assert_eq!((&again["title"], &again["external_service"]["external_id"]), (&json!("u"), &json!(id)));
    let key = |request: &crate::support::fake::Request| request.header("idempotency-key").unwrap().to_owned();
    assert_ne!(key(first), key(second), "what has changed is no repeat");
    assert!(key(first).starts_with(&id));
}

#[test]
fn only_a_connector_of_the_space_that_knows_cases_sends_one() {
    let api = api(NOBODY, NOBODY);
    api.create_space("soc");
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    let before = read(&api, &id);
    let (status, answer) = push(&api, &id, "notes");
    assert_eq!(
        (status, &answer["message"]),
        (400, &json!("Cases cannot be sent with a connector of type .index."))
    );
    let new = json!({
        "name": "n", "connector_type_id": ".webhook", "config": { "url": "http://127.0.0.1:9/", "hasAuth": false },
    });
    let (status, made) = api.operate(Method::POST, "/s/soc/api/actions/connector/of-soc", Some(&new));
    assert_eq!(status, 200, "{made}");
    for (case, connector) in [(id.as_str(), "of-soc"), (&id, "nothing"), ("nowhere", "hook")] {
        let (status, answer) = push(&api, case, connector);
        assert_eq!(status, 404, "{case} {connector}: {answer}");
    }
    assert_eq!(read(&api, &id), before);
    for (arguments, said) in [
        (&["1", "of-soc"][..], "no connector `of-soc` in space `default`"),
        (&["1", "notes"], "connector of type .index"),
        (&["2", "hook"], "no case `2`"),
    ] {
        let refused = api.place.run_to(2, &[&["cases", "push"], arguments].concat());
        assert!(refused.stderr.contains(said), "{refused:?}");
    }
}
