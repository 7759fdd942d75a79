//! The model that answers.

use super::*;

const AZURE: &str = "/openai/deployments/gpt/chat/completions?api-version=2026-01-01";

fn ask(target: &str, body: &Value) -> Reply {
    let request =
        Request { method: "POST".to_owned(), body: body.to_string().into(), ..Request::get(target, PROJECT) };
    simulator(options("")).answer(&request)
}

fn asked(model: &str, more: &Value) -> Value {
    let mut body = serde_json::json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn stream() -> Value {
    serde_json::json!({ "stream": true, "stream_options": { "include_usage": true } })
}

fn none() -> Value {
    serde_json::json!({})
}

fn events(reply: &Reply) -> Vec<Value> {
    let text = std::str::from_utf8(&reply.body).unwrap();
    let data = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    data.map(|data| serde_json::from_str(data).unwrap_or(Value::from(data))).collect()
}

#[test]
fn the_same_request_is_answered_the_same_whole_or_in_events() {
    let whole = json(&ask(CHAT, &asked("m", &none())));
    assert_eq!(whole, json(&ask(CHAT, &asked("m", &none()))));
    let usage = &whole["usage"];
    assert_eq!(
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap(),
        usage["total_tokens"].as_u64().unwrap()
    );
    let reply = ask(CHAT, &asked("m", &stream()));
    assert_eq!(
        (reply.header("content-type").unwrap(), reply.pace),
        ("text/event-stream; charset=utf-8", Some(std::time::Duration::ZERO))
    );
    let events = events(&reply);
    let text: String =
        events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert!(
        text.starts_with("Simulated answer ")
            && text.ends_with("to 1 messages: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20")
    );
    assert!(events[events.len() - 2]["usage"]["total_tokens"].is_u64());
    assert_eq!(events.last(), Some(&Value::from("[DONE]")));
}

#[test]
fn what_current_models_refuse_is_refused() {
    let refusal = |target, body: &Value| {
        let reply = ask(target, body);
        let error = &json(&reply)["error"];
        (
            reply.status,
            error["code"].as_str().unwrap_or_default().to_owned(),
            error["param"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let max = asked("m", &serde_json::json!({ "max_tokens": 5 }));
    for target in [CHAT, AZURE] {
        assert_eq!(refusal(target, &max), (400, "unsupported_parameter".to_owned(), "max_tokens".to_owned()));
    }
    let options = asked("m", &serde_json::json!({ "stream_options": { "include_usage": true } }));
    assert_eq!(refusal(CHAT, &options).2, "stream_options");
    assert_eq!(refusal(CHAT, &serde_json::json!({ "messages": [1] })).0, 400);
    assert_eq!(refusal(CHAT, &serde_json::json!({ "model": "m" })).2, "messages");
}

#[test]
fn azure_names_the_model_in_its_path_and_wants_a_version() {
    let body = serde_json::json!({ "messages": [{ "role": "user", "content": "hi" }] });
    assert_eq!(json(&ask(AZURE, &body))["model"], "gpt");
    assert_eq!(ask(AZURE.split('?').next().unwrap(), &body).status, 404);
    let request = Request { method: "POST".to_owned(), bearer: None, ..Request::get(AZURE, "") };
    assert_eq!(simulator(options("")).answer(&request).status, 401);
}

#[test]
fn the_name_of_a_model_says_how_it_misbehaves() {
    assert!(!ask(CHAT, &asked("m-slow", &none())).latency.is_zero());
    assert!(ask(CHAT, &asked("m-slow", &stream())).pace.is_some_and(|pace| !pace.is_zero()));
    for more in [none(), stream()] {
        let reply = ask(CHAT, &asked("m-cut", &more));
        assert_eq!(reply.cut, Some(reply.body.len() / 2));
    }
    assert_eq!(ask(CHAT, &asked("m-error", &none())).status, 500);
    let reply = ask(CHAT, &asked("m-error", &stream()));
    assert_eq!(
        (reply.status, &events(&reply).last().unwrap()["error"]["code"]),
        (200, &Value::from("server_error"))
    );
}
