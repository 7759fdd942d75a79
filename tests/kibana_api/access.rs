//! Who is let in, and what each scope allows in which space.

use std::io::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, NOBODY, Who, envelope};
use crate::support::{http::send, process::Place};

/// Every route: the scope that it needs, a valid body, and what the response says to a caller without the scope.
fn routes() -> Vec<(Method, &'static str, Option<Value>, &'static str, &'static str)> {
    let connector = json!({ "name": "a", "connector_type_id": ".no-such" });
    let change = json!({ "name": "a" });
    let space = json!({ "id": "green", "name": "Green" });
    let params = json!({ "params": {} });
    vec![
        (Method::GET, "/api/actions/connectors", None, "read", "get actions"),
        (Method::GET, "/internal/actions/connectors", None, "read", "get actions"),
        (Method::GET, "/api/actions/connector/x", None, "read", "get actions"),
        (
            Method::POST,
            "/api/actions/connector",
            Some(connector.clone()),
            "manage",
            "create a \".no-such\" action",
        ),
        (Method::POST, "/api/actions/connector/x", Some(connector), "manage", "create a \".no-such\" action"),
        (Method::PUT, "/api/actions/connector/x", Some(change), "manage", "update actions"),
        (Method::DELETE, "/api/actions/connector/x", None, "manage", "delete actions"),
        (Method::POST, "/api/actions/connector/x/_execute", Some(params), "run", "execute actions"),
        (Method::GET, "/api/v1/usage?by=day", None, "read", "get usage"),
        (Method::POST, "/api/spaces/space", Some(space.clone()), "manage", "create spaces"),
        (Method::PUT, "/api/spaces/space/green", Some(space), "manage", "update spaces"),
        (Method::DELETE, "/api/spaces/space/green", None, "manage", "delete spaces"),
    ]
}

/// Routes for everyone who is known.
const FOR_ALL: [&str; 5] = [
    "/api/actions/connector_types",
    "/api/actions/connector/_oauth_callback",
    "/api/actions/connector/_oauth_callback_script",
    "/api/spaces/space",
    "/api/spaces/space/default",
];

#[test]
fn nobody_is_let_in_without_a_key_or_the_token() {
    let api = Api::start();
    let key = api.key("k", &["--scope", "manage"]);
    let half = &key[..key.len() / 2];
    let unknown = "ApiKey eDp5";
    let wrong = [
        None,
        Some("Bearer wrong".to_owned()),
        Some(format!("Basic {key}")),
        Some(format!("Bearer {key}")),
        Some(key.clone()),
        Some(format!("ApiKey {half}")),
        Some(format!("ApiKey {}", api.daemon.token)),
        Some(unknown.to_owned()),
    ];
    let known = routes().into_iter().map(|(method, path, ..)| (method, path));
    let known = known.chain(FOR_ALL.map(|path| (Method::GET, path)));
    for (method, path) in known.chain([(Method::GET, "/api/actions/nothing")]) {
        for authorization in &wrong {
            for prefix in ["", "/s/default", "/s/nothing"] {
                let mut headers = vec![("kbn-xsrf", "true")];
                headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
                let url = format!("{}{prefix}{path}", api.daemon.url);
                let answer = send(method.clone(), &url, &headers, Vec::new());
                let wanted = envelope(401, "Unauthorized", "Unauthorized");
                assert_eq!(answer, wanted, "{method} {prefix}{path} {authorization:?}");
            }
        }
    }
}

#[test]
fn a_key_allows_what_its_scopes_say_and_the_rest_is_refused_by_name() {
    let api = Api::start();
    let keys = ["read", "run", "manage"].map(|scope| (scope, api.key(scope, &["--scope", scope])));
    for (method, path, body, needed, what) in routes() {
        for (scope, key) in &keys {
            let answer = api.send(&Who::Key(key), method.clone(), path, body.as_ref());
            let refused = envelope(403, "Forbidden", &format!("Unauthorized to {what}"));
            let allowed = *scope == needed || *scope == "manage";
            assert_eq!(answer == refused, !allowed, "{method} {path} with {scope}: {answer:?}");
            assert!(
                !allowed || ![401, 403, 500].contains(&answer.0),
                "{method} {path} with {scope}: {answer:?}"
            );
        }
        let answer = api.operate(method.clone(), path, body.as_ref());
        assert!(![401, 403, 500].contains(&answer.0), "{method} {path}: {answer:?}");
    }
    for path in FOR_ALL {
        for (scope, key) in &keys {
            assert_eq!(api.send(&Who::Key(key), Method::GET, path, None).0, 200, "{path} with {scope}");
        }
    }
    let both = api.key("both", &["--scope", "read", "--scope", "run"]);
    assert_eq!(api.send(&Who::Key(&both), Method::GET, "/api/actions/connectors", None).0, 200);
    let params = json!({ "params": {} });
    let run = api.send(&Who::Key(&both), Method::POST, "/api/actions/connector/x/_execute", Some(&params));
    assert_eq!(run, envelope(404, "Not Found", "Saved object [action/x] not found"));
}

#[test]
fn a_key_for_one_space_is_for_no_other() {
    let api = Api::start();
    api.create_space("red");
    api.create_space("blue");
    let key = api.key("red only", &["--scope", "manage", "--space", "red"]);
    let key = Who::Key(&key);
    let get = |path: &str| api.send(&key, Method::GET, path, None);
    assert_eq!(get("/s/red/api/actions/connectors").0, 200);
    let refused = envelope(403, "Forbidden", "Unauthorized to get actions");
    // A space that does not exist is refused in the same words: nobody learns which ones there are.
    for other in ["", "/s/default", "/s/blue", "/s/nothing"] {
        assert_eq!(get(&format!("{other}/api/actions/connectors")), refused, "{other}");
    }
    assert_eq!(get("/api/spaces/space/red").0, 200);
    let refused = envelope(403, "Forbidden", "Unauthorized to get blue space");
    assert_eq!(get("/api/spaces/space/blue"), refused);
    let (status, listed) = get("/api/spaces/space");
    assert_eq!((status, listed.as_array().unwrap().len(), &listed[0]["id"]), (200, 1, &json!("red")));
    let refused = envelope(403, "Forbidden", "Unauthorized to delete spaces");
    assert_eq!(api.send(&key, Method::DELETE, "/api/spaces/space/red", None), refused);
}

#[test]
fn a_name_that_was_made_to_lead_here_is_refused_in_the_envelope() {
    let api = Api::start();
    let bearer = format!("Bearer {}", api.daemon.token);
    let url = format!("{}/api/actions/connectors", api.daemon.url);
    let asked =
        |host: &str| send(Method::GET, &url, &[("authorization", &bearer), ("host", host)], Vec::new());
    let (status, answer) = asked("evil.example");
    assert_eq!((status, &answer["statusCode"]), (421, &json!(421)));
    assert_eq!(asked("localhost").0, 200);
}

#[test]
fn a_key_is_enough_where_other_machines_reach_the_address() {
    let place = Place::new(NOBODY)
        .with("CCFD__ADMIN__LISTEN", "0.0.0.0:0")
        .with("ADMIN_TOKEN", "chosen")
        .with("CCFD__ADMIN__TOKEN", "{ env = \"ADMIN_TOKEN\" }");
    let mut api = Api::at(place);
    api.daemon.url = api.daemon.url.replace("0.0.0.0", "127.0.0.1");
    let key = api.key("k", &["--scope", "read"]);
    let get = |path: &str| api.send(&Who::Key(&key), Method::GET, path, None).0;
    assert_eq!((get("/api/actions/connectors"), get("/api/v1/status")), (200, 401));
}

#[test]
fn a_change_needs_the_header_that_no_page_of_another_site_can_send() {
    let api = Api::start();
    let bearer = format!("Bearer {}", api.daemon.token);
    let url = format!("{}/api/actions/connector/x", api.daemon.url);
    let delete = |more: &[(&str, &str)]| {
        let headers = [&[("authorization", bearer.as_str())], more].concat();
        send(Method::DELETE, &url, &headers, Vec::new())
    };
    let refused = envelope(400, "Bad Request", "Request must contain a kbn-xsrf header.");
    assert_eq!(delete(&[]), refused);
    assert_eq!(delete(&[("kbn-xsrf", "anything")]).0, 404);
    assert_eq!(delete(&[("kbn-version", "9.4.3")]).0, 404);
}

#[test]
fn who_is_refused_while_sending_much_still_reads_why() {
    let api = Api::start();
    let url = format!("{}/api/actions/connector", api.daemon.url);
    let mut body = b"{\"name\":\"".to_vec();
    body.write_all(&vec![b'x'; 8 << 20]).unwrap();
    let answer = send(Method::POST, &url, &[("kbn-xsrf", "true")], body);
    assert_eq!(answer, envelope(401, "Unauthorized", "Unauthorized"));
}
