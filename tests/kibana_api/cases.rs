use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, Who, envelope};
use crate::support::{http, python::Python};

fn new(title: &str) -> Value {
    json!({
        "title": title, "description": "d", "tags": [], "owner": "cases", "settings": { "syncAlerts": false },
        "connector": { "id": "none", "name": "none", "type": ".none", "fields": null },
    })
}

pub fn created(api: &Api, title: &str) -> Value {
    let (status, case) = api.operate(Method::POST, "/api/cases", Some(&new(title)));
    assert_eq!(status, 200, "{case}");
    case
}

#[test]
fn a_public_client_works_on_cases_by_each_of_its_methods() {
    let Some(python) = Python::shared() else { return };
    let api = Api::start();
    api.create_space("soc");
    let key = api.key("everything", &["--scope", "manage"]);
    let found = python.run("cases.py", &[&api.daemon.url, &key, "soc"]);
    let found = found.as_object().unwrap();
    let failed: Vec<_> = found.iter().filter(|(_, holds)| **holds != json!(true)).collect();
    assert!(failed.is_empty() && found.len() > 40, "{failed:?} of {}", found.len());
}

#[test]
fn what_is_missing_or_wrong_is_said_as_kibana_says_it() {
    let api = Api::start();
    let post = |body: Value| api.operate(Method::POST, "/api/cases", Some(&body));
    let (status, answer) = post(json!({ "title": "t", "tags": [], "owner": "cases" }));
    assert_eq!(status, 400);
    assert_eq!(
        answer["message"],
        "Invalid value \"undefined\" supplied to \"description\",Invalid value \"undefined\" supplied to \
         \"connector\",Invalid value \"undefined\" supplied to \"settings\""
    );
    for (member, value) in [
        ("title", json!(1)),
        ("tags", json!("t")),
        ("owner", json!("nobody")),
        ("severity", json!("worst")),
        ("unheard_of", json!(1)),
        ("category", json!(" ")),
        ("customFields", json!([{ "key": "k", "type": "text", "value": "v" }])),
    ] {
        let mut body = new("t");
        body[member] = value;
        assert_eq!(post(body).0, 400, "{member}");
    }
    let missing = envelope(404, "Not Found", "Saved object [cases/nowhere] not found");
    assert_eq!(api.operate(Method::GET, "/api/cases/nowhere", None), missing);
    assert_eq!(api.operate(Method::DELETE, "/api/cases?ids=%5B%22nowhere%22%5D", None), missing);
    for ids in ["nowhere", "%5B%5D"] {
        assert_eq!(api.operate(Method::DELETE, &format!("/api/cases?ids={ids}"), None).0, 400, "{ids}");
    }
    for query in ["perPage=101", "status=shut", "sortField=x", "page=x", "unheard_of=1", "from=yesterday"] {
        assert_eq!(api.operate(Method::GET, &format!("/api/cases/_find?{query}"), None).0, 400, "{query}");
    }
    let case = created(&api, "t");
    let same = json!({ "cases": [{ "id": case["id"], "version": case["version"], "title": "t" }] });
    assert_eq!(api.operate(Method::PATCH, "/api/cases", Some(&same)).0, 406);
}

#[test]
fn a_part_of_a_path_that_is_no_text_is_refused_in_the_envelope_of_all_errors() {
    let api = Api::start();
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    for (method, path) in [
        (Method::GET, "comments/%FF"),
        (Method::DELETE, "comments/%FF"),
        (Method::GET, "files/%FF"),
        (Method::POST, "connector/%FF/_push"),
    ] {
        let answer = api.operate(method, &format!("/api/cases/{id}/{path}"), None);
        assert_eq!(answer, envelope(400, "Bad Request", "Bad Request"), "{path}");
    }
}

#[test]
fn the_routes_that_the_client_does_not_know_answer() {
    let api = Api::start();
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    let get = |path: &str| {
        let (status, answer) = api.operate(Method::GET, path, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    let counts = json!({ "count_open_cases": 1, "count_in_progress_cases": 0, "count_closed_cases": 0 });
    assert_eq!(get("/api/cases/status"), counts);
    assert_eq!(get(&format!("/api/cases/{id}/user_actions"))[0]["type"], "create_case");
    assert_eq!(get(&format!("/api/cases/{id}/comments")), json!([]));
    assert_eq!(get(&format!("/s/default/api/cases/{id}"))["comments"], json!([]));
    assert_eq!(get("/api/cases/alerts/a-1"), json!([]));
}

#[test]
fn a_key_that_may_only_read_changes_nothing() {
    let api = Api::start();
    let key = api.key("reader", &["--scope", "read"]);
    let who = Who::Key(&key);
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    assert_eq!(api.send(&who, Method::GET, &format!("/api/cases/{id}"), None).0, 200);
    let comment = json!({ "type": "user", "comment": "c", "owner": "cases" });
    for (method, path, body) in [
        (Method::POST, "/api/cases".to_owned(), Some(new("t"))),
        (Method::DELETE, format!("/api/cases?ids=%5B%22{id}%22%5D"), None),
        (Method::POST, format!("/api/cases/{id}/comments"), Some(comment)),
        (Method::DELETE, format!("/api/cases/{id}/comments"), None),
        (Method::POST, format!("/api/cases/{id}/connector/x/_push"), None),
        (Method::POST, "/api/cases/configure".to_owned(), Some(json!({ "owner": "cases" }))),
    ] {
        assert_eq!(api.send(&who, method, &path, body.as_ref()).0, 403, "{path}");
    }
}

#[test]
fn a_file_comes_back_and_a_broken_form_is_refused() {
    let api = Api::start();
    let id = created(&api, "t")["id"].as_str().unwrap().to_owned();
    let url = format!("{}/api/cases/{id}/files", api.daemon.url);
    let bearer = format!("Bearer {}", api.daemon.token);
    let body = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x.html\"\r\n\
                content-type: text/html\r\n\r\n<script>\r\n--b--\r\n";
    let headers = [
        ("authorization", bearer.as_str()),
        ("kbn-xsrf", "true"),
        ("content-type", "multipart/form-data; boundary=b"),
    ];
    let (status, case) = http::send(Method::POST, &url, &headers, body.into());
    assert_eq!(status, 200, "{case}");
    let file = case["comments"][0]["externalReferenceId"].as_str().unwrap();
    let (status, content) = http::send(Method::GET, &format!("{url}/{file}"), &headers[..1], Vec::new());
    assert_eq!((status, content), (200, json!("<script>")));
    for broken in [
        "",
        "--b\r\n",
        "--b--\r\n",
        "--b\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b--\r\n",
    ] {
        let (status, answer) = http::send(Method::POST, &url, &headers, broken.into());
        assert_eq!(status, 400, "{broken:?}: {answer}");
    }
    let json = [headers[0], headers[1], ("content-type", "application/json")];
    assert_eq!(http::send(Method::POST, &url, &json, body.into()).0, 415);
}
