//! Every error of these paths has Kibana's envelope and says what Kibana says.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, envelope};
use crate::support::http::send;

#[test]
fn a_path_or_a_method_that_does_not_exist_is_refused_in_the_envelope() {
    let api = Api::start();
    let unknown = [
        "/api/actions/nothing",
        "/api/actions/connector/a/b",
        "/api/actions/connector/a/_execute/b",
        "/api/spaces/nothing",
        "/s/default",
        "/s/default/nothing",
        "/s/default/api/nothing",
        "/s/default/api/v1/status",
        "/s/default/s/default/api/actions/connectors",
    ];
    for path in unknown {
        assert_eq!(api.operate(Method::GET, path, None), envelope(404, "Not Found", "Not Found"), "{path}");
    }
    for (method, path) in [
        (Method::PUT, "/api/actions/connectors"),
        (Method::PATCH, "/api/actions/connector/x"),
        (Method::GET, "/api/actions/connector/x/_execute"),
        (Method::DELETE, "/s/default/api/spaces/space"),
    ] {
        let wanted = envelope(405, "Method Not Allowed", "Method Not Allowed");
        assert_eq!(api.operate(method.clone(), path, None), wanted, "{method} {path}");
    }
    let bearer = format!("Bearer {}", api.daemon.token);
    let url = format!("{}/api/v1/nothing", api.daemon.url);
    let elsewhere = send(Method::GET, &url, &[("authorization", &bearer)], Vec::new());
    assert_eq!(elsewhere, (404, Value::String(String::new())), "other paths are not Kibana's");
}

#[test]
fn an_id_may_be_percent_encoded_and_need_not_be_one() {
    let api = Api::start();
    for (path, id) in [("no%2Dsuch", "no-such"), ("a%2Fb", "a/b"), ("%F0%9F%98%80", "😀"), ("a b", "a b")] {
        let wanted = envelope(404, "Not Found", &format!("Saved object [action/{id}] not found"));
        assert_eq!(api.operate(Method::GET, &format!("/api/actions/connector/{path}"), None), wanted);
    }
    let (status, answer) = api.operate(Method::GET, "/api/actions/connector/%FF", None);
    assert_eq!((status, &answer["statusCode"]), (400, &json!(400)));
    let body = json!({ "name": "a", "connector_type_id": ".index" });
    for id in ["a%20b", "x".repeat(37).as_str()] {
        let (status, answer) =
            api.operate(Method::POST, &format!("/api/actions/connector/{id}"), Some(&body));
        assert_eq!(status, 400);
        assert!(answer["message"].as_str().unwrap().starts_with("[request params.id]: "), "{answer}");
    }
}

#[test]
fn a_body_that_is_no_json_object_is_refused_by_what_it_is() {
    let api = Api::start();
    let bearer = format!("Bearer {}", api.daemon.token);
    let url = format!("{}/api/actions/connector", api.daemon.url);
    let post = |kind: Option<&str>, body: &str| {
        let mut headers = vec![("authorization", bearer.as_str()), ("kbn-xsrf", "true")];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        send(Method::POST, &url, &headers, body.as_bytes().to_vec())
    };
    let json = Some("application/json");
    for broken in ["{", "{\"name\":}", "\u{1}", "{} {}"] {
        let wanted = envelope(400, "Bad Request", "Invalid request payload JSON format");
        assert_eq!(post(json, broken), wanted, "{broken}");
    }
    for (body, found) in
        [("", "null"), ("null", "null"), ("[]", "Array"), ("1", "number"), ("\"x\"", "string")]
    {
        let message = format!("[request body]: expected a plain object value, but found [{found}] instead.");
        assert_eq!(post(json, body), envelope(400, "Bad Request", &message), "{body}");
        assert_eq!(post(None, body), envelope(400, "Bad Request", &message), "{body}");
    }
    let wanted = envelope(415, "Unsupported Media Type", "Unsupported Media Type");
    assert_eq!(post(Some("text/plain"), "{}"), wanted);
    assert_eq!(post(Some("application/x-www-form-urlencoded"), "name=a"), wanted);
    let deep = "[".repeat(10_000);
    assert_eq!(post(json, &deep).0, 400);
}

#[test]
fn a_field_of_the_wrong_shape_is_named() {
    let api = Api::start();
    let post = |body: Value| api.operate(Method::POST, "/api/actions/connector", Some(&body));
    let refused = |message: &str| envelope(400, "Bad Request", message);
    let undefined = |name: &str| {
        refused(&format!("[request body.{name}]: expected value of type [string] but got [undefined]"))
    };
    assert_eq!(post(json!({})), undefined("name"));
    assert_eq!(post(json!({ "name": "a" })), undefined("connector_type_id"));
    let both = |more: Value| {
        let mut body = json!({ "name": "a", "connector_type_id": ".index" });
        body.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        post(body)
    };
    let blank = |name: &str| refused(&format!("[request body.{name}]: value '' is not valid"));
    assert_eq!(both(json!({ "name": " " })), blank("name"));
    assert_eq!(both(json!({ "connector_type_id": "" })), blank("connector_type_id"));
    assert_eq!(both(json!({ "config": { "index": "" } })), blank("config.index"));
    assert_eq!(both(json!({ "secrets": { "key": "\t" } })), blank("secrets.key"));
    let wrong = "[request body.config]: expected value of type [object] but got [string]";
    assert_eq!(both(json!({ "config": "x" })), refused(wrong));
    assert_eq!(
        both(json!({ "more": 1 })),
        refused("[request body.more]: definition for this key is missing")
    );
    let unknown = json!({ "name": "a", "connector_type_id": ".no-such" });
    assert_eq!(post(unknown), refused("Action type \".no-such\" is not registered."));
    let wrong = "[request query.more]: definition for this key is missing";
    assert_eq!(api.operate(Method::GET, "/api/actions/connector_types?more=1", None), refused(wrong));
    let run = |body: Value| api.operate(Method::POST, "/api/actions/connector/x/_execute", Some(&body));
    let wrong = "[request body.params]: expected value of type [object] but got [undefined]";
    assert_eq!(run(json!({})), refused(wrong));
}

#[test]
fn what_does_not_exist_is_not_found() {
    let api = Api::start();
    let wanted = envelope(404, "Not Found", "Saved object [action/x] not found");
    let path = "/api/actions/connector/x";
    assert_eq!(api.operate(Method::GET, path, None), wanted);
    assert_eq!(api.operate(Method::PUT, path, Some(&json!({ "name": "a" }))), wanted);
    assert_eq!(api.operate(Method::DELETE, path, None), wanted);
    let run = api.operate(Method::POST, &format!("{path}/_execute"), Some(&json!({ "params": {} })));
    assert_eq!(run, wanted);
    let wanted = envelope(404, "Not Found", "Saved object [space/nothing] not found");
    assert_eq!(api.operate(Method::GET, "/s/nothing/api/actions/connectors", None), wanted);
}

#[test]
fn the_pages_of_an_authorization_are_a_page_and_a_script() {
    let api = Api::start();
    let callback = "/api/actions/connector/_oauth_callback";
    let query = "?error=%3Cscript%3Ealert(1)%3C/script%3E&state=evil-state";
    let (status, page) = api.operate(Method::GET, &format!("{callback}{query}"), None);
    let page = page.as_str().unwrap();
    assert_eq!(status, 200);
    assert!(page.contains("<html") && !page.contains("alert") && !page.contains("evil-state"), "{page}");
    let (status, script) = api.operate(Method::GET, &format!("/s/default{callback}_script"), None);
    assert_eq!(status, 200);
    assert!(script.as_str().unwrap().contains("oauth_flow_completed"), "{script}");
}

#[test]
fn the_connector_of_the_system_is_listed_and_nobody_touches_it() {
    let api = Api::start();
    let (_, types) = api.operate(Method::GET, "/api/actions/connector_types?feature_id=alerting", None);
    let cases: Vec<&Value> = types.as_array().unwrap().iter().filter(|one| one["id"] == ".cases").collect();
    let wanted = json!({
        "id": ".cases", "name": "Cases", "enabled": true, "enabled_in_config": true, "enabled_in_license": true,
        "minimum_license_required": "platinum", "supported_feature_ids": ["uptime", "alerting", "siem"],
        "is_system_action_type": true, "is_deprecated": false, "source": "stack",
    });
    assert_eq!(cases, [&wanted]);
    let id = "system-connector-.cases";
    let (_, listed) = api.operate(Method::GET, "/internal/actions/connectors", None);
    let wanted = json!({
        "id": id, "name": "Cases", "connector_type_id": ".cases", "is_preconfigured": false, "is_deprecated": false,
        "is_system_action": true, "is_connector_type_deprecated": false, "referenced_by_count": 0,
    });
    assert_eq!(listed, json!([wanted]));
    let (_, listed) = api.operate(Method::GET, "/api/actions/connectors", None);
    assert_eq!(listed, json!([]), "as in Kibana, where scripts change what is listed here");
    let path = format!("/api/actions/connector/{id}");
    let (new, change) =
        (json!({ "name": "x", "connector_type_id": ".cases" }), json!({ "name": "x", "config": {} }));
    let bad = |message: &str| envelope(400, "Bad Request", message);
    let forbidden = bad("System action creation is forbidden. Action type: .cases.");
    assert_eq!(api.operate(Method::POST, "/api/actions/connector", Some(&new)), forbidden);
    let gone = envelope(404, "Not Found", &format!("Connector {id} not found"));
    assert_eq!(api.operate(Method::GET, &path, None), gone);
    let message = format!("System action {id} can not be updated.");
    assert_eq!(api.operate(Method::PUT, &path, Some(&change)), bad(&message));
    let message = format!("System action {id} can not be deleted.");
    assert_eq!(api.operate(Method::DELETE, &path, None), bad(&message));
    let run = json!({ "params": {} });
    let refused = bad("Execution of system action is not allowed");
    assert_eq!(api.operate(Method::POST, &format!("{path}/_execute"), Some(&run)), refused);
}
