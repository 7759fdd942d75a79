use ccfd::connectors::Retry;
use serde_json::{Value, json};

use super::{Advisor, QUESTION, question, simulated};

#[tokio::test]
async fn an_answer_is_returned_as_it_is_with_its_tokens() {
    let (_simulated, url) = simulated();
    let advisor = Advisor::at(&url);
    for action in ["run", "test", "stream"] {
        let (answer, usage) = advisor.answer(action, json!({ "body": QUESTION })).await.unwrap();
        assert_eq!(answer["model"], "gpt-4.1", "the default model");
        assert_eq!(answer["usage"]["total_tokens"].as_u64(), usage.total);
        assert_eq!((usage.model.as_deref(), usage.total.is_some()), (Some("gpt-4.1"), true));
    }
}

#[tokio::test]
async fn messages_are_answered_with_a_text() {
    let (_simulated, url) = simulated();
    let given = json!({ "messages": [{ "role": "user", "content": "hi" }], "model": "m" });
    let (answer, usage) = Advisor::at(&url).answer("invokeAI", given).await.unwrap();
    assert!(answer["message"].as_str().unwrap().starts_with("Simulated answer "), "{answer}");
    assert_eq!(answer["usage"]["total_tokens"].as_u64(), usage.total);
    assert_eq!(answer.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn azure_is_asked_under_its_own_path() {
    let (simulated, _) = simulated();
    let url = format!(
        "http://{}/openai/deployments/gpt/chat/completions?api-version=2026-01-01",
        simulated.address
    );
    let advisor = Advisor::of(&json!({ "apiProvider": "Azure OpenAI", "apiUrl": url }));
    let (answer, usage) = advisor.answer("run", json!({ "body": QUESTION })).await.unwrap();
    assert_eq!((&answer["model"], usage.total.is_some()), (&json!("gpt"), true));
    let (bytes, _, end) = advisor.stream(QUESTION).await.unwrap().read_to_end().await;
    assert!(String::from_utf8(bytes).unwrap().ends_with("data: [DONE]\n\n") && end.usage.total.is_some());
}

#[tokio::test]
async fn what_the_model_refuses_is_said_and_not_tried_again() {
    let (_simulated, url) = simulated();
    let body = QUESTION.replacen('{', "{\"max_tokens\":5,", 1);
    let refused = Advisor::at(&url).reason(&body).await;
    assert_eq!(refused.retry, Retry::No);
    let message = refused.service_message.unwrap();
    assert!(
        message.starts_with(
            "Status code: 400. Message: API Error: Bad Request - Unsupported parameter: 'max_tokens'"
        ),
        "{message}"
    );
    let failed = Advisor::at(&url).reason(&question("m-error")).await;
    assert_eq!(failed.retry, Retry::Yes);
    let unparsable = Advisor::at(&url).reason("no json").await;
    assert!(unparsable.service_message.unwrap().contains("could not parse the JSON body"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_that_may_pass() {
    let (_simulated, url) = simulated();
    let failed = Advisor::at(&url).reason(&question("m-cut")).await;
    assert_eq!(failed.retry, Retry::Yes);
    let message = failed.service_message.unwrap();
    assert!(
        message.starts_with("Status code: undefined. Message: Unexpected API Error: ECONNRESET - "),
        "{message}"
    );
}

#[tokio::test]
async fn a_run_ends_after_the_time_that_it_names() {
    let (_simulated, url) = simulated();
    let given = json!({ "body": question("m-slow"), "timeout": 50 });
    let failed = Advisor::at(&url).answer("run", given).await.map(drop).expect_err("too slow");
    let message = failed.service_message.unwrap();
    assert!(message.ends_with("ECONNABORTED - timeout of 50 ms exceeded"), "{message}");
}

#[tokio::test]
async fn a_sub_action_that_is_unknown_or_malformed_is_named_and_nothing_is_sent() {
    let advisor = Advisor::at("http://127.0.0.1:9/v1/chat/completions");
    let said = |action, given: Value| {
        let advisor = &advisor;
        async move {
            let failed = advisor.execute(action, given).await.map(drop).expect_err("refused");
            assert_eq!(
                (failed.retry, &*failed.message),
                (Retry::No, "an error occurred while running the action")
            );
            failed.service_message.unwrap()
        }
    };
    assert_eq!(
        said("invokeAsyncIterator", json!({})).await,
        "Sub action \"invokeAsyncIterator\" is not registered. Connector id: advice. Connector name: OpenAI. Connector type: .gen-ai"
    );
    assert_eq!(
        said("run", json!({ "body": {} })).await,
        "Request validation failed (Error: [body]: expected value of type [string] but got [Object])"
    );
    let (dashboard, _) = advisor.answer("getDashboard", json!({ "dashboardId": "x" })).await.unwrap();
    assert_eq!(dashboard, json!({ "available": false }));
}
