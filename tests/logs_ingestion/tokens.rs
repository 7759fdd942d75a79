use std::{collections::BTreeSet, time::Duration};

use ccfd::sinks::{
    Sink,
    counters::{SinkCounters, TokenCounters},
    remote::{RemoteErrorKind, Service},
};
use collectors::RequestOutcome;
use futures::future::join_all;

use super::{Rig, failure};
use crate::support::{
    fake::{Fate, Reply, Step},
    fake_azure::{Azure, CLIENT_SECRET, entra_error, ingestion_error},
};

/// How long a token lives here, in seconds.
const LIFE: i64 = 3599;

fn unauthorized() -> Step {
    ingestion_error(401, "InvalidToken", "").into()
}

/// The tokens that writes were sent with, in order.
fn used(rig: &Rig) -> Vec<String> {
    let requests = rig.azure.ingestion.server.requests();
    requests.iter().map(|request| request.header("authorization").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn writes_at_the_same_time_share_one_token() {
    let rig = Rig::new();
    join_all((0..8).map(|_| rig.sink_is_warm())).await;
    assert_eq!(rig.azure.entra.count(), 1);
    assert_eq!(used(&rig).len(), 8);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_write_continues() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    rig.azure.entra.revoke();
    rig.sink_is_warm().await;
    assert_eq!((rig.azure.entra.count(), rig.arrived().len()), (2, 2));
}

#[tokio::test]
async fn writes_that_are_refused_together_ask_for_one_new_token() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    rig.azure.entra.revoke();
    join_all((0..8).map(|_| rig.sink_is_warm())).await;
    assert_eq!(rig.azure.entra.count(), 2);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_ends_the_write() {
    let rig = Rig::new();
    rig.azure.ingestion.server.script([unauthorized(), unauthorized()]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert_eq!(error.kind, RemoteErrorKind::Unauthorized { code: "InvalidToken".to_owned() });
    assert_eq!((rig.azure.entra.count(), rig.azure.ingestion.server.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_token_near_its_end_is_replaced_while_writes_continue_with_it() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    rig.pass(LIFE * 3 / 4 - 10);
    rig.sink_is_warm().await;
    assert_eq!(rig.azure.entra.server.requests().len(), 1, "asked too early");
    rig.pass(20);
    rig.azure.entra.server.hold();
    rig.sink_is_warm().await;
    rig.azure.entra.server.requested(2).await;
    rig.sink_is_warm().await;
    assert_eq!(used(&rig).into_iter().collect::<BTreeSet<_>>().len(), 1, "a write waited for the new one");
    rig.azure.entra.server.release();
    let replaced = async {
        while used(&rig).into_iter().collect::<BTreeSet<_>>().len() < 2 {
            rig.sink_is_warm().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), replaced).await.unwrap();
    assert_eq!(rig.azure.entra.server.requests().len(), 2);
}

#[tokio::test]
async fn a_token_serves_until_it_expires_while_no_new_one_is_to_be_had() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    let down = || Step::from(entra_error(503, "temporarily_unavailable", 90033));
    rig.azure.entra.server.script((0..100).map(|_| down()));
    rig.pass(LIFE * 3 / 4 + 1);
    for _ in 0..4 {
        rig.sink_is_warm().await;
    }
    // One attempt a minute, not one a write.
    rig.azure.entra.server.requested(2).await;
    rig.pass(LIFE / 4 - 20);
    rig.sink_is_warm().await;
    rig.azure.entra.server.requested(3).await;
    rig.pass(40);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert_eq!(error.service, Service::Entra);
    assert_eq!(error.kind, RemoteErrorKind::Overloaded { status: 503, retry_after: None });
    assert_eq!(used(&rig).into_iter().collect::<BTreeSet<_>>().len(), 1);
}

/// More failures in a row than any size of a call is given.
const OUTAGE: usize = 20;

#[tokio::test]
async fn an_outage_of_the_issuer_sends_no_rows_in_vain_and_makes_no_call_smaller() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    rig.azure.entra.revoke();
    rig.azure.entra.server.script(vec![Reply::status(503).into(); OUTAGE]);
    rig.azure.ingestion.server.forget();
    let ids: Vec<String> = (0..50).map(|number| format!("audit_log-{number}")).collect();
    for _ in 0..OUTAGE {
        let error = failure(&*rig.sink, rig.events(ids.clone())).await;
        assert_eq!(error.service, Service::Entra);
    }
    let calls = rig.azure.ingestion.server.requests().len();
    assert_eq!(calls, 1, "the first one shows that the token is worth nothing");
    assert_eq!(rig.sink.write(rig.events(ids)).await.unwrap().accepted, 50);
    assert_eq!(rig.azure.ingestion.server.requests().len(), calls + 1, "all of it in one call");
}

#[tokio::test]
async fn a_wrong_secret_is_reported_by_its_error_number_without_the_text_of_the_response() {
    let azure = Azure::start();
    let said = Reply::json(
        401,
        &serde_json::json!({
            "error": "invalid_client", "error_codes": [7_000_215],
            "error_description": format!("AADSTS7000215: {CLIENT_SECRET} of someone@example.com is wrong"),
            "correlation_id": "00000000-0000-0000-0000-000000000002",
        }),
    );
    azure.entra.server.script([Step::from(said)]);
    let endpoint = azure.ingestion.server.url().to_owned();
    let rig = Rig::at(azure, &endpoint, "");
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert_eq!(
        error.to_string(),
        "Entra ID: not authenticated (status 401, AADSTS7000215) (request 00000000-0000-0000-0000-000000000002)"
    );
    assert!(!format!("{error:?}").contains("example.com"));
    // The next write requests a new token, with the secret read again.
    rig.sink_is_warm().await;
}

#[tokio::test]
async fn answers_that_are_no_token_are_distinguished() {
    let rig = Rig::new();
    let asked = |step: Step| {
        rig.azure.entra.server.script([step]);
        failure(&*rig.sink, rig.events(["a"]))
    };
    let page = Reply::status(502).with_body("<html>proxy</html>");
    let kind = asked(page.into()).await.kind;
    assert_eq!(kind, RemoteErrorKind::Overloaded { status: 502, retry_after: None });
    let slow = entra_error(429, "slow_down", 50196).with_header("retry-after", "9");
    let kind = asked(slow.into()).await.kind;
    assert_eq!(kind, RemoteErrorKind::Throttled { retry_after: Some(Duration::from_secs(9)) });
    let kind = asked(entra_error(400, "unauthorized_client", 700_016).into()).await.kind;
    assert_eq!(kind, RemoteErrorKind::Refused { status: 400, code: "AADSTS700016".to_owned() });
    let kind = asked(Reply::status(200).with_body("welcome").into()).await.kind;
    assert!(matches!(kind, RemoteErrorKind::NotUnderstood(_)), "{kind}");
    let kind = asked(Fate::Lost.into()).await.kind;
    assert!(matches!(kind, RemoteErrorKind::Unreachable(_)), "{kind}");
    assert_eq!(rig.arrived(), <[&str; 0]>::default());
}

#[tokio::test]
async fn requests_and_tokens_are_counted_by_what_came_of_them() {
    let rig = Rig::new();
    assert_eq!(
        rig.sink.counters().tokens,
        Some(TokenCounters::default()),
        "zero is shown before the first one"
    );
    rig.azure.entra.server.script([entra_error(400, "invalid_client", 7_000_215).into()]);
    rig.azure.ingestion.server.script([unauthorized(), Fate::Lost.into()]);
    rig.sink.write(rig.events(["a"])).await.unwrap_err();
    rig.sink.write(rig.events(["a"])).await.unwrap_err();
    rig.sink_is_warm().await;
    let SinkCounters { requests, tokens } = rig.sink.counters();
    let wanted = [
        (RequestOutcome::Answered(204), 1),
        (RequestOutcome::Answered(401), 1),
        (RequestOutcome::Unreachable, 1),
    ];
    assert_eq!(requests.into_iter().collect::<Vec<_>>(), wanted);
    assert_eq!(tokens, Some(TokenCounters { issued: 2, failed: 1 }));
}

#[tokio::test]
async fn one_token_serves_many_writes_whatever_day_the_local_clock_shows() {
    for hours in [3, -3, 24 * 365] {
        let rig = Rig::new();
        rig.pass(hours * 3_600);
        for _ in 0..20 {
            rig.sink_is_warm().await;
        }
        assert_eq!(rig.azure.entra.server.requests().len(), 1, "with a clock {hours} hours off");
        rig.pass(LIFE + 1);
        rig.sink_is_warm().await;
        assert_eq!(rig.azure.entra.server.requests().len(), 2, "it ends all the same");
    }
}
