use std::time::{Duration, SystemTime};

use ccfd::{
    pipeline::policy::{Action, Failure, judge},
    sinks::{SinkError, remote::RemoteErrorKind},
};

use super::{Rig, failure, named};
use crate::support::{
    fake::{Reply, Step},
    fake_azure::ingestion_error,
};

/// What a write makes of this answer.
async fn answered(rig: &Rig, reply: Reply) -> RemoteErrorKind {
    rig.azure.ingestion.server.script([Step::from(reply.with_header("x-ms-request-id", "r-1"))]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert!(error.to_string().ends_with("(request r-1)"), "{error}");
    named(error)
}

fn throttled(retry_after: Option<Duration>) -> RemoteErrorKind {
    RemoteErrorKind::Throttled { retry_after }
}

#[tokio::test]
async fn what_the_service_asks_to_wait_is_obeyed_within_bounds() {
    let rig = Rig::with("retry_after_max = \"1m\"");
    let busy = || ingestion_error(429, "TooManyRequests", "");
    let seconds = answered(&rig, busy().with_header("retry-after", "7")).await;
    assert_eq!(seconds, throttled(Some(Duration::from_secs(7))));
    let hours = answered(&rig, busy().with_header("retry-after", "7200")).await;
    assert_eq!(hours, throttled(Some(Duration::from_secs(60))));
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(40));
    let RemoteErrorKind::Throttled { retry_after: Some(wait) } =
        answered(&rig, busy().with_header("retry-after", &date)).await
    else {
        panic!("no wait");
    };
    assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(40), "{wait:?}");
    assert_eq!(answered(&rig, busy()).await, throttled(None));
    let unwell = answered(&rig, ingestion_error(503, "", "").with_header("retry-after", "3")).await;
    let wait = Some(Duration::from_secs(3));
    assert_eq!(unwell, RemoteErrorKind::Overloaded { status: 503, retry_after: wait });
    assert_eq!(rig.arrived(), <[&str; 0]>::default());
}

#[tokio::test]
async fn what_a_person_must_mend_parks_and_rejects_nothing() {
    let rig = Rig::new();
    let forbidden = ingestion_error(403, "OperationFailed", "someone@example.com has no access");
    let not_there =
        RemoteErrorKind::NotFound { what: "the endpoint, the data collection rule or the stream".to_owned() };
    for (reply, kind) in [
        (forbidden, RemoteErrorKind::Forbidden { code: "OperationFailed".to_owned() }),
        (ingestion_error(404, "NotFound", ""), not_there),
        (Reply::status(415), RemoteErrorKind::Refused { status: 415, code: "no code".to_owned() }),
    ] {
        let found = answered(&rig, reply).await;
        assert_eq!(found, kind);
        let error = SinkError::from(kind.of(ccfd::sinks::remote::Service::LogsIngestion));
        assert_eq!(judge(&Failure::Sink(error)).action, Action::Park);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let rig = Rig::new();
    let moved = Reply::status(302).with_header("location", "https://127.0.0.1:1/elsewhere");
    assert!(matches!(answered(&rig, moved).await, RemoteErrorKind::NotUnderstood(_)));
    assert_eq!(rig.azure.ingestion.server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let rig = Rig::new();
    rig.azure.ingestion.server.script([Step::from(Reply::status(500).with_body(vec![b' '; 1 << 20]))]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    assert!(matches!(named(error), RemoteErrorKind::NotUnderstood(_)));
}

#[tokio::test]
async fn without_an_answer_an_error_names_the_request_as_we_did() {
    let rig = Rig::new();
    rig.sink_is_warm().await;
    rig.azure.ingestion.server.script([Step::from(crate::support::fake::Fate::Lost)]);
    let error = failure(&*rig.sink, rig.events(["a"])).await;
    let requests = rig.azure.ingestion.server.requests();
    assert_eq!(error.request_id.as_deref(), requests[1].header("x-ms-client-request-id"));
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    assert!(!error.to_string().contains("streams"), "{error}");
}

#[tokio::test]
async fn another_success_than_204_counts_as_one() {
    let rig = Rig::new();
    rig.azure.ingestion.server.script(
        [200, 202].map(|status| Step::from(Reply::status(status).with_header("x-ms-request-id", "r-1"))),
    );
    for _ in 0..2 {
        rig.sink_is_warm().await;
    }
}
