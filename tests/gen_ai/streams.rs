use std::time::Duration;

use ccfd::{
    config::{AllowedHosts, Environment, OutgoingSettings, Proxy},
    connectors::{StreamEnding, StreamTiming, outgoing::Outgoing},
};
use futures::StreamExt as _;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Advisor, QUESTION, question, simulated,
    upstream::{Upstream, proxy},
};

pub const FIRST: &[u8] = b"data: {\"model\":\"m\",\"choices\":[],\"usage\":null}\n\n";
pub const LAST: &[u8] = b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2,\"total_tokens\":6}}\n\ndata: [DONE]\n\n";

/// A connector that reaches a server only through this proxy.
fn behind(proxy: std::net::SocketAddr, url: &str) -> Advisor {
    let settings = OutgoingSettings {
        allowed_hosts: AllowedHosts::only(["127.0.0.1"]).unwrap(),
        proxy: Some(Proxy::Url(format!("http://{proxy}").parse().unwrap())),
        ..OutgoingSettings::default()
    };
    let outgoing = Outgoing::new(settings, Environment::default());
    Advisor::through(&json!({ "apiProvider": "OpenAI", "apiUrl": url }), outgoing)
}

#[tokio::test]
async fn a_chunk_arrives_before_the_other_side_has_written_the_next() {
    let forwarding = proxy(false);
    for through_proxy in [false, true] {
        let upstream = Upstream::of_events(&[FIRST, LAST]);
        let advisor = if through_proxy {
            behind(forwarding.address, &upstream.url())
        } else {
            Advisor::at(&upstream.url())
        };
        let mut passed = advisor.stream(QUESTION).await.unwrap();
        assert_eq!(passed.content_type, "text/event-stream");
        upstream.allow(1);
        assert_eq!(passed.bytes.next().await.unwrap().unwrap(), FIRST);
        upstream.allow(usize::MAX);
        let (rest, is_cut, end) = passed.read_to_end().await;
        assert_eq!((&rest[..], is_cut), (LAST, false));
        assert_eq!(
            (end.ending, end.usage.prompt, end.usage.total),
            (StreamEnding::Complete, Some(4), Some(6))
        );
    }
}

#[tokio::test]
async fn the_events_of_a_model_pass_unchanged() {
    let (_simulated, url) = simulated();
    let (bytes, is_cut, end) = Advisor::at(&url).stream(&question("m")).await.unwrap().read_to_end().await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("data: {") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!((end.ending, end.usage.total.is_some(), is_cut), (StreamEnding::Complete, true, false));
}

#[tokio::test]
async fn an_error_or_a_cut_among_the_events_is_passed_on_and_known() {
    let (_simulated, url) = simulated();
    let (bytes, is_cut, end) =
        Advisor::at(&url).stream(&question("m-error")).await.unwrap().read_to_end().await;
    assert!(String::from_utf8(bytes).unwrap().contains("\"server_error\""));
    assert_eq!((end.ending, is_cut), (StreamEnding::Failed, false));
    let (_, is_cut, end) = Advisor::at(&url).stream(&question("m-cut")).await.unwrap().read_to_end().await;
    assert_eq!((end.ending, is_cut), (StreamEnding::Cut, true));
    assert_eq!((end.usage.model.as_deref(), end.usage.total), (Some("m-cut"), None), "unknown is not zero");
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_request() {
    let mut upstream = Upstream::of_events(&[FIRST, LAST]);
    let mut passed = Advisor::at(&upstream.url()).stream(QUESTION).await.unwrap();
    upstream.allow(1);
    _ = passed.bytes.next().await;
    drop(passed.bytes);
    let end = passed.end.await.unwrap();
    assert_eq!((end.ending, end.usage.model.as_deref()), (StreamEnding::ReaderLeft, Some("m")));
    upstream.is_left().await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let upstream = Upstream::of_events(&[FIRST, LAST]);
    let advisor = Advisor::at(&upstream.url());
    let given = json!({ "body": QUESTION, "stream": true, "timeout": 200 });
    let ccfd::connectors::RunOutput::Stream { mut bytes, end, .. } =
        advisor.execute("stream", given).await.unwrap()
    else {
        panic!("no stream")
    };
    upstream.allow(1);
    assert!(bytes.next().await.unwrap().is_ok());
    assert!(bytes.next().await.unwrap().is_err());
    assert_eq!(end.unwrap().await.unwrap().ending, StreamEnding::Cut);
}

#[tokio::test]
async fn only_a_proxy_that_holds_answers_back_is_recognised_as_one() {
    let (_simulated, url) = simulated();
    for model in ["m-slow", "m-late"] {
        for holds_back in [false, true] {
            let proxy = proxy(holds_back);
            let begun = Instant::now();
            let passed = behind(proxy.address, &url).stream(&question(model)).await.unwrap();
            let timing = StreamTiming::since(begun, passed.bytes).await;
            assert!(timing.end > Duration::from_secs(1) && timing.events > 20, "{timing:?}");
            assert_eq!(timing.is_held_back(), holds_back, "{model}: {timing:?}");
        }
    }
}
