//! Cases sent to a Kibana, for which another ccfd stands in: it has the same API.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, NOBODY};
use crate::support::{
    fake::{Fake, Fate, Reply, Request},
    http,
    process::{Place, wait_until},
};

/// A daemon whose cases go to the Kibana at this address.
fn sender(kibana: &Api, url: &str) -> Api {
    let key = kibana.key("sender", &["--scope", "manage"]);
    let place = Place::new(NOBODY).with("KIBANA_KEY", &key);
    let config = format!(
        r#"{}
        [sink.soc]
        type = "kibana_index"
        url = "{url}"
        timeout = "5s"
        auth = {{ api_key = {{ env = "KIBANA_KEY" }} }}
        [sink.soc.retry]
        first = "100ms"
        max = "1s"
        parked = "1s"
        [cases]
        target = "kibana"
        sink = "soc"
        search_lag = "1s"
        "#,
        place.config()
    );
    place.write("ccfd.toml", &config);
    Api::at(place)
}

/// The cases of an API, the oldest first.
fn cases(api: &Api) -> Vec<Value> {
    let path = "/api/cases/_find?perPage=100&sortField=createdAt&sortOrder=asc";
    let (status, found) = api.operate(Method::GET, path, None);
    assert_eq!(status, 200, "{found}");
    let mut cases = found["cases"].as_array().unwrap().clone();
    for case in &mut cases {
        let id = case["id"].as_str().unwrap();
        *case = api.operate(Method::GET, &format!("/api/cases/{id}"), None).1;
    }
    cases
}

/// Waits until all cases are sent.
fn wait_until_sent(api: &Api, count: u64) {
    wait_until("all cases to be sent", || {
        let route = api.daemon.route("cases/soc");
        route["delivered"] == count && route["waiting"].is_null()
    });
}

#[test]
fn a_case_that_is_created_and_worked_on_here_is_there_too() {
    let kibana = Api::start();
    let api = sender(&kibana, &kibana.daemon.url);
    api.place.run_to(0, &["cases", "create", "A leaked key", "--severity", "high", "--tag", "keys"]);
    let id = cases(&api)[0]["id"].as_str().unwrap().to_owned();
    let alert = json!({
        "type": "alert", "alertId": ["a-1", "a-2"], "index": [".alerts-1", ".alerts-1"], "rule": { "id": "r", "name": "A rule" },
        "owner": "cases",
    });
    assert_eq!(api.operate(Method::POST, &format!("/api/cases/{id}/comments"), Some(&alert)).0, 200);
    api.place.run_to(0, &["cases", "comment", "1", "asked the owner", "--by", "ann"]);
    let has_all = |case: &Value| case["totalAlerts"] == 2 && case["totalComment"] == 2;
    wait_until("all of the case to be there", || cases(&kibana).first().is_some_and(has_all));
    let there = &cases(&kibana)[0];
    assert_eq!((&there["title"], &there["severity"]), (&json!("A leaked key"), &json!("high")));
    assert_eq!(there["tags"], json!([format!("ccfd:{id}"), "keys"]));
    api.place.run_to(0, &["cases", "close", "1", "--as", "benign", "--note", "a test key"]);
    let is_closed = |case: &Value| case["status"] == "closed" && case["totalComment"] == 3;
    wait_until("the case to be closed there, with its note", || is_closed(&cases(&kibana)[0]));
    let there = cases(&kibana);
    assert_eq!(there.len(), 1, "{there:?}");
    let said = format!("in Kibana    case {}", there[0]["id"].as_str().unwrap());
    wait_until("the case to say where it is", || {
        api.place.run_to(0, &["cases", "show", "1"]).stdout.contains(&said)
    });
}

/// Passes requests on.
fn gateway(url: &str) -> Fake {
    let url = url.to_owned();
    Fake::plain(move |request| forwarded(&url, request))
}

fn forwarded(url: &str, request: &Request) -> Reply {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let names = ["authorization", "kbn-xsrf", "content-type"];
    let headers: Vec<(&str, &str)> =
        names.iter().filter_map(|name| Some((*name, request.header(name)?))).collect();
    let (status, body) =
        http::send(method, &format!("{url}{}{query}", request.path), &headers, request.body.to_vec());
    Reply::json(status, &body)
}

#[test]
fn answers_that_are_lost_and_refusals_that_pass_make_nothing_twice() {
    let kibana = Api::start();
    let gateway = gateway(&kibana.daemon.url);
    let conflict = json!({ "statusCode": 409, "error": "Conflict", "message": "changed" });
    let busy = json!({ "statusCode": 429, "error": "Too Many Requests", "message": "later" });
    // The search arrives; the case is created, and nobody hears of it.
    gateway.script([Fate::Arrives.into(), Fate::Lost.into(), Reply::json(429, &busy).into()]);
    gateway.script_for(
        "/comments",
        [
            Fate::Arrives.into(),
            Fate::CutAfter(3).into(),
            Reply::json(503, &json!({})).into(),
            Reply::status(502).into(),
        ],
    );
    let api = sender(&kibana, gateway.url());
    api.place.run_to(0, &["cases", "create", "One"]);
    api.place.run_to(0, &["cases", "comment", "1", "seen"]);
    wait_until("the comment to be there", || {
        cases(&kibana).first().is_some_and(|case| case["totalComment"] == 1)
    });
    api.place.run_to(0, &["cases", "create", "Two"]);
    wait_until_sent(&api, 2);
    // The status changes between a look and a change.
    gateway.script([
        Fate::Arrives.into(),
        Fate::Arrives.into(),
        Fate::Arrives.into(),
        Reply::json(409, &conflict).into(),
        Fate::Arrives.into(),
        // With this status Kibana says that a case is like that already; a firewall says something else.
        Reply::status(406).with_body("<html>Not Acceptable</html>").into(),
    ]);
    api.place.run_to(0, &["cases", "close", "1", "--as", "benign"]);
    wait_until("the case to be closed there", || {
        cases(&kibana).iter().any(|case| case["title"] == "One" && case["status"] == "closed")
    });
    let there = cases(&kibana);
    assert_eq!(there.len(), 2, "{there:?}");
    assert_eq!(there[0]["totalComment"], 1, "{there:?}");
}

#[test]
fn a_key_that_may_only_read_parks_with_what_to_do_and_a_repaired_one_resumes() {
    let kibana = Api::start();
    let reader = kibana.key("reader", &["--scope", "read"]);
    let Api { daemon, place } = sender(&kibana, &kibana.daemon.url);
    drop(daemon);
    let place = place.with("KIBANA_KEY", &reader);
    place.run_to(0, &["cases", "create", "One"]);
    let api = Api::at(place);
    api.daemon.wait_for_state("cases/soc", "parked");
    let error = api.daemon.route("cases/soc")["error"].clone();
    assert!(error["advice"].as_str().unwrap().contains("Cases: All"), "{error}");
    let shown = api.place.run_to(0, &["cases", "show", "1"]).stdout;
    assert!(shown.contains("in Kibana    waiting: Kibana: not allowed (status 403"), "{shown}");
    let Api { daemon, place } = api;
    drop(daemon);
    let manager = kibana.key("manager", &["--scope", "manage"]);
    let api = Api::at(place.with("KIBANA_KEY", &manager));
    wait_until_sent(&api, 1);
    assert_eq!(cases(&kibana).len(), 1);
}

#[test]
fn words_of_a_refusal_that_is_about_no_case_are_not_shown() {
    let kibana = Api::start();
    let gateway = gateway(&kibana.daemon.url);
    let refusal = json!({
        "statusCode": 415, "error": "Unsupported Media Type", "message": "cannot read \"A leaked key\"",
    });
    gateway.script([Reply::json(415, &refusal).into()]);
    let api = sender(&kibana, gateway.url());
    api.place.run_to(0, &["cases", "create", "A leaked key"]);
    wait_until("a refusal", || {
        let shown = api.place.run_to(0, &["cases", "show", "1", "--json"]).stdout;
        assert!(!shown.contains("cannot read"), "{shown}");
        shown.contains("status 415, Unsupported Media Type")
    });
    wait_until_sent(&api, 1);
}

#[test]
fn a_reload_names_the_route_that_sends_cases() {
    let kibana = Api::start();
    let api = sender(&kibana, &kibana.daemon.url);
    let reload = || api.place.run_to(0, &["reload"]).stdout;
    assert!(!reload().contains("cases/soc"), "nothing has changed");
    for (from, to, said) in [
        ("search_lag = \"1s\"", "search_lag = \"2s\"", "restarted: cases/soc"),
        ("target = \"kibana\"", "target = \"local\"", "ended: cases/soc"),
        ("target = \"local\"", "target = \"kibana\"", "started: cases/soc"),
    ] {
        api.place.replace(from, to);
        let reloaded = reload();
        assert!(reloaded.contains(said), "{reloaded}");
    }
}

#[test]
fn a_gateway_that_hangs_for_one_case_holds_up_no_other() {
    let kibana = Api::start();
    let (url, hangs) = (kibana.daemon.url.clone(), Arc::new(AtomicBool::new(false)));
    let gateway = {
        let hangs = hangs.clone();
        Fake::plain(move |request| {
            let is_it = request.method == "POST" && request.path.ends_with("/comments");
            let fate = if is_it && hangs.load(Ordering::Relaxed) { Fate::Hangs } else { Fate::Arrives };
            match fate {
                Fate::Hangs => Reply::status(200).with_fate(fate),
                _ => forwarded(&url, request),
            }
        })
    };
    let api = sender(&kibana, gateway.url());
    api.place.run_to(0, &["cases", "create", "One"]);
    wait_until_sent(&api, 1);
    hangs.store(true, Ordering::Relaxed);
    api.place.run_to(0, &["cases", "comment", "1", "seen"]);
    wait_until("the comment to be on its way", || {
        gateway.requests_to("/comments").iter().any(|request| request.method == "POST")
    });
    api.place.run_to(0, &["cases", "create", "Two"]);
    wait_until("the other case to be there", || cases(&kibana).len() == 2);
    assert_eq!(cases(&kibana)[0]["totalComment"], 0);
    hangs.store(false, Ordering::Relaxed);
    wait_until_sent(&api, 2);
    assert_eq!(cases(&kibana)[0]["totalComment"], 1);
}

/// A page of a list of comments, of which the last is this one.
fn long_page(request: &Request, last: &Value) -> Reply {
    const COMMENTS: usize = 10_150;
    let field = |name: &str| {
        let given = request.query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        given.unwrap_or_default().to_owned()
    };
    let page: usize = field("page").parse().unwrap();
    if page * 100 > 10_000 {
        let message = "The number of documents is too high.";
        return Reply::json(400, &json!({ "statusCode": 400, "error": "Bad Request", "message": message }));
    }
    let comment = |place: usize| {
        let number = if field("sortOrder") == "asc" { place } else { COMMENTS - 1 - place };
        match number == COMMENTS - 1 && !last.is_null() {
            true => last.clone(),
            false => json!({
                "id": number.to_string(), "version": "1", "type": "user", "comment": format!("comment {number}"),
            }),
        }
    };
    let comments: Vec<Value> = ((page - 1) * 100..(page * 100).min(COMMENTS)).map(comment).collect();
    Reply::json(200, &json!({ "comments": comments, "page": page, "per_page": 100, "total": COMMENTS }))
}

#[test]
fn of_a_case_with_more_comments_than_kibana_shows_from_one_end_the_other_end_is_read() {
    let kibana = Api::start();
    let (url, is_lost) = (kibana.daemon.url.clone(), AtomicBool::new(false));
    let gateway = Fake::plain(move |request| {
        if request.path.ends_with("/comments/_find") {
            // The real answer matters only where the last comment is.
            let is_last = request.query.contains("page=1&") && request.query.contains("sortOrder=desc");
            let truth = is_last.then(|| forwarded(&url, request).body);
            let truth: Value = truth.map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap());
            return long_page(request, &truth["comments"][0]);
        }
        let answer = forwarded(&url, request);
        // The comment arrives, and nobody hears of it.
        let is_comment = request.method == "POST" && request.path.ends_with("/comments");
        match is_comment && !is_lost.swap(true, Ordering::Relaxed) {
            true => answer.with_fate(Fate::Lost),
            false => answer,
        }
    });
    let api = sender(&kibana, gateway.url());
    api.place.run_to(0, &["cases", "create", "One"]);
    api.place.run_to(0, &["cases", "comment", "1", "seen"]);
    wait_until("the comment to be there", || {
        cases(&kibana).first().is_some_and(|case| case["totalComment"] == 1)
    });
    wait_until_sent(&api, 1);
    assert_eq!(cases(&kibana)[0]["totalComment"], 1);
    let found = gateway.requests_to("/comments/_find");
    assert!(found.iter().any(|request| request.query.contains("sortOrder=desc")));
    assert!(found.iter().all(|request| !request.query.contains("page=101&")));
}

#[test]
fn a_check_names_the_privilege_that_the_key_lacks() {
    let kibana = Api::start();
    let gateway = gateway(&kibana.daemon.url);
    let Api { daemon, place } = sender(&kibana, gateway.url());
    drop(daemon);
    let check = |place: &Place| {
        let findings = place.run(&["check", "--json"]).stdout;
        let findings: Vec<Value> = serde_json::from_str(&findings).unwrap();
        findings.into_iter().find(|finding| finding["what"] == "cases").unwrap()
    };
    let lag = check(&place);
    assert_eq!(lag["level"], "warn", "{lag}");
    assert!(lag["text"].as_str().unwrap().contains("is shorter than the `timeout` of sink"), "{lag}");
    place.replace("search_lag = \"1s\"", "search_lag = \"60s\"");
    let found = check(&place);
    assert_eq!(found["level"], "ok", "{found}");
    assert!(found["text"].as_str().unwrap().contains("the key sees 0 cases"), "{found}");
    let message = "Unauthorized to find case with owners: \"cases\"";
    let forbidden = json!({ "statusCode": 403, "error": "Forbidden", "message": message });
    gateway.script_for("/api/cases/_find", [Reply::json(403, &forbidden).into()]);
    let found = check(&place);
    assert_eq!(found["level"], "fail", "{found}");
    assert!(found["advice"].as_str().unwrap().contains("\"Cases: All\""), "{found}");
}

#[test]
fn what_was_refused_is_sent_again_by_a_command() {
    let kibana = Api::start();
    let gateway = gateway(&kibana.daemon.url);
    let api = sender(&kibana, gateway.url());
    api.place.run_to(0, &["cases", "create", "One"]);
    wait_until_sent(&api, 1);
    let too_long = json!({ "statusCode": 400, "error": "Bad Request", "message": "no such \u{1b}text" });
    gateway.script_for("/comments", [Fate::Arrives.into(), Reply::json(400, &too_long).into()]);
    api.place.run_to(0, &["cases", "comment", "1", "seen"]);
    wait_until("a refusal", || api.daemon.route("cases/soc")["refused"] == 1);
    let shown = api.place.run_to(0, &["cases", "show", "1"]).stdout;
    assert!(shown.contains("  refused    comment ") && shown.contains("(status 400): no such"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let status = api.place.run_to(0, &["status"]).stdout;
    assert!(status.contains("refused: 1 case, the last #1: "), "{status}");
    assert!(!status.contains("no such"), "{status}");
    api.place.run_to(2, &["cases", "resend"]);
    api.place.run_to(2, &["cases", "resend", "7"]);
    let said = api.place.run_to(0, &["cases", "resend", "1"]).stderr;
    assert!(said.contains("#1 One: to be sent again"), "{said}");
    wait_until_sent(&api, 1);
    assert_eq!(cases(&kibana)[0]["totalComment"], 1);
    api.place.run_to(0, &["cases", "resend", "--all"]);
}

#[test]
fn changes_and_removals_of_comments_follow_and_what_the_kibana_does_not_have_is_left_out() {
    let kibana = Api::start();
    let api = sender(&kibana, &kibana.daemon.url);
    let none = json!({ "id": "none", "name": "none", "type": ".none", "fields": null });
    let field = json!({ "key": "env", "label": "Environment", "type": "text", "required": false });
    let configuration = json!({
        "owner": "cases", "closure_type": "close-by-user", "connector": none, "customFields": [field],
    });
    assert_eq!(api.operate(Method::POST, "/api/cases/configure", Some(&configuration)).0, 200);
    let case = json!({
        "title": "One", "description": "d", "tags": [], "owner": "cases", "connector": none,
        "settings": { "syncAlerts": false }, "assignees": [{ "uid": "ann" }],
        "customFields": [{ "key": "env", "type": "text", "value": "test" }],
    });
    let (status, made) = api.operate(Method::POST, "/api/cases", Some(&case));
    assert_eq!(status, 200, "{made}");
    wait_until_sent(&api, 1);
    let there = &cases(&kibana)[0];
    assert_eq!((&there["assignees"], &there["customFields"]), (&json!([{ "uid": "ann" }]), &json!([])));
    let shown = api.place.run_to(0, &["cases", "show", "1"]).stdout;
    assert!(shown.contains("without customFields") && shown.contains("refused    customFields: "), "{shown}");
    api.place.run_to(0, &["cases", "comment", "1", "first"]);
    let comment =
        |kibana: &Api| cases(kibana)[0]["comments"][0]["comment"].as_str().unwrap_or_default().to_owned();
    wait_until("the comment to be there", || comment(&kibana).starts_with("first"));
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/cases/{id}/comments");
    let known = api.operate(Method::GET, &path, None).1[0].clone();
    let change = json!({
        "id": known["id"], "version": known["version"], "type": "user", "comment": "second", "owner": "cases",
    });
    assert_eq!(api.operate(Method::PATCH, &path, Some(&change)).0, 200);
    wait_until("the comment to be changed there", || comment(&kibana).starts_with("second"));
    let path = format!("{path}/{}", known["id"].as_str().unwrap());
    assert_eq!(api.operate(Method::DELETE, &path, None).0, 204);
    wait_until("the comment to be removed there", || cases(&kibana)[0]["totalComment"] == 0);
}
