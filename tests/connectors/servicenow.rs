//! `.servicenow`, against an instance with a table of incidents and Elastic's application.

use std::sync::{Arc, Mutex};

use ccfd::connectors::{Retry, UNEXPECTED};
use serde_json::{Map, Value, json};

use super::{Made, made, not_made};
use crate::support::fake::{Fake, Reply, Request, Step};

const SECRETS: [(&str, &str); 2] = [("username", "ccfd"), ("password", "sekret-password")];
/// `ccfd:sekret-password`
const AUTHORIZATION: &str = "Basic Y2NmZDpzZWtyZXQtcGFzc3dvcmQ=";
pub const TABLE: &str = "/api/now/v2/table/incident";

type Incidents = Arc<Mutex<Vec<Map<String, Value>>>>;

/// An instance with its incidents.
pub struct Instance {
    pub server: Fake,
    incidents: Incidents,
}

impl Instance {
    pub fn start() -> Self {
        let incidents = Incidents::default();
        let kept = incidents.clone();
        Self { server: Fake::plain(move |request| answer(&mut kept.lock().unwrap(), request)), incidents }
    }

    pub(super) fn connector(&self) -> Made {
        self.connector_with(true)
    }

    pub(super) fn connector_with(&self, uses_table_api: bool) -> Made {
        let url = format!("{}/", self.server.url());
        made(".servicenow", json!({ "apiUrl": url, "usesTableApi": uses_table_api }), &SECRETS)
    }

    pub fn incidents(&self) -> Vec<Map<String, Value>> {
        let mut incidents = self.incidents.lock().unwrap().clone();
        incidents.retain(|incident| !incident.is_empty());
        incidents
    }

    /// As if an incident had been made and deleted: the next one has another number than that of another instance.
    pub fn skip_one(&self) {
        self.incidents.lock().unwrap().push(Map::new());
    }

    /// Deletes all incidents. What is left of each is its number, which no other one gets.
    pub fn delete_all(&self) {
        self.incidents.lock().unwrap().iter_mut().for_each(Map::clear);
    }
}

fn answer(incidents: &mut Vec<Map<String, Value>>, request: &Request) -> Reply {
    if request.header("authorization") != Some(AUTHORIZATION) {
        let error =
            json!({ "message": "User Not Authenticated", "detail": "Required to provide Auth information" });
        return Reply::json(401, &json!({ "error": error, "status": "failure" }));
    }
    let found =
        |id: &str, incidents: &[Map<String, Value>]| incidents.iter().position(|known| is_it(known, id));
    let segments = request.segments();
    let path: Vec<_> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("POST", ["api", "now", "v2", "table", "incident"]) => created(incidents, request.json()),
        ("GET", ["api", "now", "v2", "table", "incident"]) => {
            let query = request.query_field("sysparm_query").unwrap();
            let wanted = query.strip_prefix("ORDERBYDESCsys_created_on^correlation_id=").unwrap();
            let mut found: Vec<_> = incidents
                .iter()
                .filter(|known| known.get("correlation_id") == Some(&wanted.into()))
                .collect();
            found.reverse();
            Reply::json(200, &json!({ "result": found }))
        }
        (method, ["api", "now", "v2", "table", "incident", id]) => {
            let Some(at) = found(id, incidents) else {
                let error = json!({ "message": "No Record found", "detail": "Record doesn't exist or ACL restricts the record retrieval" });
                return Reply::json(404, &json!({ "error": error, "status": "failure" }));
            };
            if method == "PATCH" {
                change(&mut incidents[at], request.json());
            }
            Reply::json(200, &json!({ "result": incidents[at] }))
        }
        ("GET", ["api", "x_elas2_inc_int", "elastic_api", "health"]) => Reply::json(
            200,
            &json!({ "result": { "name": "Elastic", "scope": "x_elas2_inc_int", "version": "1.1" } }),
        ),
        ("POST", ["api", "now", "import", "x_elas2_inc_int_elastic_incident"]) => {
            imported(incidents, request.json())
        }
        ("GET", ["api", "now", "table", table @ ("sys_dictionary" | "sys_choice")]) => {
            let row = json!({ "table": table, "query": request.query_field("sysparm_query") });
            Reply::json(200, &json!({ "result": [row] }))
        }
        other => panic!("{other:?}"),
    }
}

fn is_it(known: &Map<String, Value>, id: &str) -> bool {
    known.get("sys_id").is_some_and(|known| known == id)
}

fn created(incidents: &mut Vec<Map<String, Value>>, fields: Value) -> Reply {
    let number = incidents.len() + 1;
    let mut incident = fields.as_object().unwrap().clone();
    for (name, text) in [
        ("sys_id", format!("{number:032x}")),
        ("number", format!("INC{number:07}")),
        ("sys_created_on", "2026-11-28 12:00:00".to_owned()),
        ("sys_updated_on", "2026-11-28 12:00:00".to_owned()),
        ("state", "1".to_owned()),
    ] {
        incident.insert(name.to_owned(), text.into());
    }
    incidents.push(incident.clone());
    Reply::json(201, &json!({ "result": incident }))
}

fn change(incident: &mut Map<String, Value>, fields: Value) {
    let mut notes = incident.get("work_notes").and_then(Value::as_array).cloned().unwrap_or_default();
    incident.extend(fields.as_object().unwrap().clone());
    notes.extend(fields.get("work_notes").cloned());
    incident.insert("work_notes".to_owned(), notes.into());
    incident.insert("sys_updated_on".to_owned(), "2026-11-29 01:02:03".into());
}

/// Rows of the application: each field with a prefix, and one that names the incident to change.
fn imported(incidents: &mut Vec<Map<String, Value>>, row: Value) -> Reply {
    let row = row.as_object().unwrap();
    let own =
        row.iter().filter_map(|(name, value)| Some((name.strip_prefix("u_")?.to_owned(), value.clone())));
    let fields: Map<String, Value> = own.collect();
    if fields.get("short_description") == Some(&"refuse this".into()) {
        let error = json!({ "status": "error", "error_message": "Invalid value for u_severity", "status_message": "x" });
        return Reply::json(201, &json!({ "import_set": "ISET1", "result": [error] }));
    }
    let id = match row.get("elastic_incident_id").and_then(Value::as_str) {
        Some(id) => {
            let Some(at) = incidents.iter().position(|known| is_it(known, id)) else {
                let error = json!({ "status": "error", "error_message": "No such incident" });
                return Reply::json(201, &json!({ "import_set": "ISET1", "result": [error] }));
            };
            change(&mut incidents[at], fields.into());
            id.to_owned()
        }
        None => {
            created(incidents, fields.into());
            incidents.last().unwrap()["sys_id"].as_str().unwrap().to_owned()
        }
    };
    Reply::json(201, &json!({ "import_set": "ISET1", "result": [{ "status": "inserted", "sys_id": id }] }))
}

pub fn push(incident: Value) -> Value {
    json!({ "subAction": "pushToService", "subActionParams": { "incident": incident } })
}

#[tokio::test]
async fn an_incident_is_made_and_returned_as_kibana_returns_it() {
    let instance = Instance::start();
    let incident =
        json!({ "short_description": "s", "description": "d", "severity": "2", "correlation_id": "c" });
    let pushed = instance.connector().run(push(incident)).await.unwrap();
    let id = format!("{:032x}", 1);
    let expected = json!({
        "title": "INC0000001", "id": id, "pushedDate": "2026-11-28T12:00:00.000Z",
        "url": format!("{}/nav_to.do?uri=incident.do?sys_id={id}", instance.server.url()),
    });
    assert_eq!(pushed, expected);
    let made = &instance.incidents()[0];
    for (name, text) in
        [("short_description", "s"), ("severity", "2"), ("caller_id", "ccfd"), ("opened_by", "ccfd")]
    {
        assert_eq!(made[name], text, "{name}");
    }
}

#[tokio::test]
async fn an_incident_that_is_known_is_changed_and_gets_comments() {
    let instance = Instance::start();
    let connector = instance.connector();
    connector.run(push(json!({ "short_description": "old", "correlation_id": "c" }))).await.unwrap();
    let mut params = push(json!({ "short_description": "new", "externalId": format!("{:032x}", 1) }));
    params["subActionParams"]["comments"] =
        json!([{ "commentId": "c1", "comment": "first" }, { "commentId": "c2", "comment": "second" }]);
    let pushed = connector.run(params).await.unwrap();
    let date = "2026-11-29T01:02:03.000Z";
    assert_eq!(pushed["pushedDate"], date);
    let comments =
        json!([{ "commentId": "c1", "pushedDate": date }, { "commentId": "c2", "pushedDate": date }]);
    assert_eq!(pushed["comments"], comments);
    let incidents = instance.incidents();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0]["short_description"], "new");
    assert_eq!(incidents[0]["work_notes"], json!(["first", "second"]));
}

#[tokio::test]
async fn of_an_incident_that_cannot_be_changed_it_is_known_whether_it_is_gone() {
    let instance = Instance::start();
    for uses_table_api in [true, false] {
        let connector = instance.connector_with(uses_table_api);
        let id = connector
            .run(push(json!({ "short_description": "s", "correlation_id": "c" })))
            .await
            .unwrap()["id"]
            .clone();
        let change = push(json!({ "short_description": "t", "externalId": id }));
        // A proxy has lost its way, and finds it again.
        let page = || Step::from(Reply::status(404).with_body("<html>nothing here</html>"));
        instance.server.script([page()]);
        assert!(!connector.run(change.clone()).await.unwrap_err().is_gone, "table {uses_table_api}");
        instance.server.script([page(), page()]);
        assert!(!connector.run(change.clone()).await.unwrap_err().is_gone, "table {uses_table_api}");
        let refused = json!({ "error": { "message": "Insufficient rights" }, "status": "failure" });
        instance.server.script([Reply::json(403, &refused).into()]);
        assert!(!connector.run(change.clone()).await.unwrap_err().is_gone, "table {uses_table_api}");
        instance.delete_all();
        let failure = connector.run(change).await.unwrap_err();
        assert!(failure.is_gone && failure.retry == Retry::No, "table {uses_table_api}: {failure}");
    }
}

#[tokio::test]
async fn elastics_application_gets_prefixed_fields() {
    let instance = Instance::start();
    let config = json!({ "apiUrl": instance.server.url(), "usesTableApi": false });
    let connector = made(".servicenow", config, &SECRETS);
    let incident =
        json!({ "short_description": "s", "correlation_id": "c", "additional_fields": { "u_team": "soc" } });
    let pushed = connector.run(push(incident)).await.unwrap();
    let changed = push(json!({ "short_description": "t", "externalId": pushed["id"] }));
    connector.run(changed).await.unwrap();
    let incidents = instance.incidents();
    assert_eq!((incidents.len(), &incidents[0]["short_description"]), (1, &json!("t")));
    assert_eq!(incidents[0]["team"], "soc");
    assert_eq!(instance.server.requests_to("elastic_api/health").len(), 2);
    let refused = push(json!({ "short_description": "refuse this", "correlation_id": "c" }));
    let failed = connector.run(refused).await.unwrap_err();
    let said = "[Action][ServiceNow]: Unable to create incident. Error: Invalid value for u_severity";
    assert_eq!((failed.message.as_str(), failed.service_message.as_deref()), (UNEXPECTED, Some(said)));
}

#[tokio::test]
async fn incidents_are_read_and_closed() {
    let instance = Instance::start();
    let connector = instance.connector();
    let pushed =
        connector.run(push(json!({ "short_description": "s", "correlation_id": "c" }))).await.unwrap();
    let read = json!({ "subAction": "getIncident", "subActionParams": { "externalId": pushed["id"] } });
    assert_eq!(connector.run(read).await.unwrap()["short_description"], "s");
    let close =
        |incident| json!({ "subAction": "closeIncident", "subActionParams": { "incident": incident } });
    for incident in [json!({ "correlation_id": "c" }), json!({ "externalId": pushed["id"] })] {
        let closed = connector.run(close(incident)).await.unwrap();
        assert_eq!((&closed["id"], &instance.incidents()[0]["state"]), (&pushed["id"], &json!("7")));
    }
    for incident in [json!({ "correlation_id": "unknown" }), json!({ "externalId": "unknown" })] {
        assert_eq!(connector.run(close(incident)).await, Ok(json!({})), "there is none to close");
    }
    let patched = instance.server.requests().iter().filter(|request| request.method == "PATCH").count();
    assert_eq!(patched, 1, "what is closed is not closed again");
}

#[tokio::test]
async fn fields_and_their_choices_are_read() {
    let instance = Instance::start();
    let connector = instance.connector();
    let fields = connector.run(json!({ "subAction": "getFields", "subActionParams": {} })).await.unwrap();
    assert_eq!(fields[0]["query"], "name=task^ORname=incident^internal_type=string");
    let params = json!({ "subAction": "getChoices", "subActionParams": { "fields": ["urgency", "impact"] } });
    let choices = connector.run(params).await.unwrap();
    let query = "name=task^ORname=incident^element=urgency^ORelement=impact^language=en";
    assert_eq!(choices[0]["query"], query);
    connector.test().await.unwrap();
}

#[tokio::test]
async fn an_id_stays_inside_the_path() {
    let instance = Instance::start();
    let read =
        json!({ "subAction": "getIncident", "subActionParams": { "externalId": "../sys_user/1?x=y" } });
    let failed = instance.connector().run(read).await.unwrap_err();
    assert!(failed.to_string().contains("No Record found"), "{failed}");
    assert_eq!(instance.server.requests()[0].segments()[5], "../sys_user/1?x=y");
}

#[tokio::test]
async fn failures_are_worded_as_kibana_words_them() {
    let instance = Instance::start();
    let wrong = [("username", "ccfd"), ("password", "another-password")];
    let connector = made(".servicenow", json!({ "apiUrl": instance.server.url() }), &wrong);
    let failed =
        connector.run(push(json!({ "short_description": "s", "correlation_id": "c" }))).await.unwrap_err();
    let said = "[Action][ServiceNow]: Unable to create incident. Error: Request failed with status code 401 Reason: User \
                Not Authenticated: Required to provide Auth information [status=401] [method=post] [endpoint=table]";
    assert_eq!((failed.message.as_str(), failed.service_message.as_deref()), (UNEXPECTED, Some(said)));
    assert_eq!(failed.retry, Retry::No);
    // An instance that sleeps.
    instance.server.script([Reply::status(200).with_body("<html>hibernating</html>").into()]);
    let failed =
        connector.run(push(json!({ "short_description": "s", "correlation_id": "c" }))).await.unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("There is an issue with your Service Now Instance. Please check 127.0.0.1.")
    );
    let additional = json!({ "short_description": "s", "additional_fields": { "u_a": "b" } });
    let failed = connector.run(push(additional)).await.unwrap_err();
    assert!(failed.to_string().contains("additional fields are not supported"), "{failed}");
}

#[test]
fn settings_and_secrets_are_strict() {
    let url = "http://127.0.0.1:1";
    for (config, secrets, why) in [
        (json!({}), &SECRETS[..], "[apiUrl]: expected value of type [string] but got [undefined]"),
        (
            json!({ "apiUrl": "http://10.0.0.1" }),
            &SECRETS[..],
            "error configuring connector action: target url",
        ),
        (json!({ "apiUrl": url, "isOAuth": true }), &SECRETS[..], "isOAuth = true is not supported"),
        (
            json!({ "apiUrl": url, "clientId": "x" }),
            &SECRETS[..],
            "should not be provided with isOAuth = false",
        ),
        (json!({ "apiUrl": url, "more": 1 }), &SECRETS[..], "[more]: definition for this key is missing"),
        (json!({ "apiUrl": url }), &[], "Either basic auth or OAuth credentials must be specified"),
        (json!({ "apiUrl": url }), &SECRETS[..1], "username and password must both be specified"),
        (
            json!({ "apiUrl": url }),
            &[("privateKey", "x")],
            "clientSecret and privateKey must both be specified",
        ),
        (
            json!({ "apiUrl": url }),
            &[("privateKey", "x"), ("clientSecret", "x")],
            "username must be provided when isOAuth = false",
        ),
        (
            json!({ "apiUrl": url }),
            &[SECRETS[0], SECRETS[1], ("privateKey", "x")],
            "should not be provided with isOAuth = false",
        ),
    ] {
        let refused = not_made(".servicenow", config.clone(), secrets);
        assert!(refused.contains(why), "{config}: {refused}");
    }
    let shown = made(".servicenow", json!({ "apiUrl": url }), &SECRETS).connector.config;
    let expected = json!({
        "apiUrl": url, "usesTableApi": true, "isOAuth": false, "userIdentifierValue": null, "clientId": null,
        "jwtKeyId": null,
    });
    assert_eq!(Value::from(shown), expected);
}
