//! Runs through the daemon and at the command line.

use std::process::Stdio;

use reqwest::{Client, Method, Proxy};
use serde_json::json;

use super::{
    QUESTION, question, simulated,
    streams::{FIRST, LAST},
    upstream::{Upstream, proxy},
};
use crate::{
    kibana_api::{Api, NOBODY},
    support::process::Place,
};

/// A place with a connector in its settings; `more` is said of all connectors.
fn place(url: &str, more: &str) -> Place {
    let place = Place::new(NOBODY);
    let section = format!(
        "\n[connectors]\nallowed_hosts = [\"127.0.0.1\"]\n{more}\n[connector.advice]\ntype = \".gen-ai\"\n\
         config = {{ apiProvider = \"OpenAI\", apiUrl = \"{url}\", defaultModel = \"m-slow\" }}\n\
         secrets = {{ apiKey = {{ env = \"OPENAI_API_KEY\" }} }}\n"
    );
    place.write("ccfd.toml", &(place.config() + &section));
    place
}

#[tokio::test]
async fn a_chunk_reaches_a_client_before_the_model_has_written_the_next() {
    let forwarding = proxy(false);
    let through = Proxy::http(format!("http://{}", forwarding.address)).unwrap();
    let clients = [
        Client::builder().no_proxy().build().unwrap(),
        Client::builder().no_proxy().proxy(through).build().unwrap(),
    ];
    for client in clients {
        let upstream = Upstream::of_events(&[FIRST, LAST]);
        let api = Api::at(place(&upstream.url(), ""));
        let params =
            json!({ "subAction": "stream", "subActionParams": { "body": QUESTION, "stream": true } });
        let request = client
            .post(format!("{}/api/actions/connector/advice/_execute", api.daemon.url))
            .bearer_auth(&api.daemon.token)
            .header("kbn-xsrf", "true")
            .header("content-type", "application/json")
            .body(json!({ "params": params }).to_string());
        let mut answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        upstream.allow(1);
        assert_eq!(answer.chunk().await.unwrap().unwrap(), FIRST);
        upstream.allow(usize::MAX);
        let mut rest = Vec::new();
        while let Some(chunk) = answer.chunk().await.unwrap() {
            rest.extend_from_slice(&chunk);
        }
        assert_eq!(rest, LAST);
        let (status, usage) = api.operate(Method::GET, "/api/v1/usage?by=user", None);
        let expected = json!([{
            "key": "admin token", "runs": 1, "failed": 0, "prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6,
            "unknown": 0,
        }]);
        assert_eq!((status, &usage["usage"]), (200, &expected));
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_and_its_run_is_recorded() {
    let mut upstream = Upstream::of_events(&[FIRST, LAST]);
    let api = Api::at(place(&upstream.url(), ""));
    let params = json!({ "subAction": "stream", "subActionParams": { "body": QUESTION, "stream": true } });
    let request = Client::builder().no_proxy().build().unwrap();
    let request = request
        .post(format!("{}/api/actions/connector/advice/_execute", api.daemon.url))
        .bearer_auth(&api.daemon.token)
        .header("kbn-xsrf", "true")
        .header("content-type", "application/json")
        .body(json!({ "params": params }).to_string());
    let mut answer = request.send().await.unwrap();
    upstream.allow(1);
    assert_eq!(answer.chunk().await.unwrap().unwrap(), FIRST);
    drop(answer);
    upstream.is_left().await;
    let (_, usage) = api.operate(Method::GET, "/api/v1/usage?by=model", None);
    let row = &usage["usage"][0];
    assert_eq!(
        (&row["key"], &row["failed"], &row["total_tokens"]),
        (&json!("m"), &json!(1), &json!(null)),
        "{usage}"
    );
}

#[test]
fn a_test_names_a_proxy_that_holds_answers_back() {
    let (_simulated, url) = simulated();
    for holds_back in [false, true] {
        let proxy = proxy(holds_back);
        let place = place(&url, &format!("proxy = \"http://{}\"\n", proxy.address));
        let tested = place.run_to(0, &["connectors", "test", "advice"]);
        assert!(tested.stderr.contains("answered in "), "{tested:?}");
        assert_eq!(tested.stderr.contains("a proxy holds answers back"), holds_back, "{tested:?}");
        let shown = place.run_to(0, &["connectors", "show", "advice"]);
        assert!(shown.stderr.contains("`ccfd usage --by connector`"), "{shown:?}");
        let used = place.run_to(0, &["usage", "--by", "model", "--json"]).stdout;
        assert!(used.contains("\"model\":\"m-slow\",\"runs\":1,\"failed\":0,"), "{used}");
    }
}

#[test]
fn a_test_of_a_model_that_fails_in_the_middle_fails() {
    let (_simulated, url) = simulated();
    let place = place(&url, "");
    place.replace("m-slow", "m-error");
    let tested = place.run_to(1, &["connectors", "test", "advice"]);
    assert!(tested.stderr.contains("the answer ended with an error"), "{tested:?}");
    let given = json!({ "subAction": "run", "subActionParams": { "body": question("m") } }).to_string();
    let done = place.run_to(0, &["connectors", "run", "advice", "--params", &given]);
    assert!(done.stdout.contains("Simulated answer "), "{done:?}");
    let used = place.run_to(0, &["usage", "--by", "user", "--csv"]).stdout;
    assert!(used.lines().nth(1).is_some_and(|row| row.contains(",2,1,")), "{used}");
}

#[test]
fn a_run_that_sent_nothing_has_no_unknown_tokens() {
    let (_simulated, url) = simulated();
    let place = place(&url, "");
    let run = |action: &str, given: serde_json::Value| {
        let params = json!({ "subAction": action, "subActionParams": given }).to_string();
        place.run(&["connectors", "run", "advice", "--params", &params]);
    };
    run("nothing", json!({}));
    run("run", json!({ "more": 1 }));
    run("getDashboard", json!({ "dashboardId": "x" }));
    place.replace(&url, "http://127.0.0.1:1/v1/chat/completions");
    run("run", json!({ "body": question("m") }));
    let used = place.run_to(0, &["usage", "--json"]).stdout;
    assert!(used.contains("\"runs\":4,\"failed\":3,") && used.contains("\"unknown\":0,"), "{used}");
}

#[test]
fn a_run_at_the_command_line_is_kept_although_nobody_reads_its_stream_any_longer() {
    let upstream = Upstream::of_events(&[FIRST, LAST]);
    let place = place(&upstream.url(), "");
    let params = json!({ "subAction": "stream", "subActionParams": { "body": QUESTION, "stream": true } });
    let mut command = place.command(&["connectors", "run", "advice", "--params", &params.to_string()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    upstream.allow(usize::MAX);
    child.wait().unwrap();
    let shown = place.run_to(0, &["usage", "--json"]).stdout;
    let kept: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((kept.len(), &kept[0]["runs"]), (1, &json!(1)), "{shown}");
}
