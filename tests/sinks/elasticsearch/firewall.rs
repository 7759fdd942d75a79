//! A firewall or proxy in front of the cluster that answers in its place.

use ccfd::{
    pipeline::policy::{Action, Failure, judge},
    sinks::{Sink, SinkError, remote::RemoteErrorKind},
};

use super::{INDEX, batch, failure, failure_of_all, sink_at};
use crate::support::{
    chaos::Whim,
    fake::{Reply, Step},
    fake_elastic::Elastic,
};

const INTERCEPTED: RemoteErrorKind = RemoteErrorKind::Intercepted { status: 403 };

fn page(status: u16) -> Step {
    Reply::status(status).with_body("<html>Request blocked</html>").into()
}

#[tokio::test]
async fn a_row_that_trips_a_rule_is_found_and_the_others_arrive() {
    let elastic = Elastic::plain();
    elastic.forbid("evil");
    let sink = sink_at(elastic.server.url());
    let receipt = sink.write(batch(&["a", "evil-1", "b", "c", "evil-2"])).await.unwrap();
    let mut refused: Vec<_> = receipt.refused.iter().map(|one| (one.index, one.kind)).collect();
    refused.sort_unstable();
    assert_eq!((receipt.accepted, refused), (3, vec![(1, "refused"), (4, "refused")]));
    assert_eq!(receipt.refused[0].reason, "status 403, from a proxy or firewall instead of the service");
    assert_eq!(elastic.documents(INDEX).len(), 3);
}

#[tokio::test]
async fn alone_it_is_refused_where_one_that_passed_before_passes() {
    let elastic = Elastic::plain();
    elastic.forbid("evil");
    let sink = sink_at(elastic.server.url());
    assert_eq!(failure_of_all(&sink, batch(&["evil"])).await, INTERCEPTED, "nothing passed yet");
    sink.write(batch(&["a"])).await.unwrap();
    assert_eq!(sink.write(batch(&["evil"])).await.unwrap().refused.len(), 1);
    let many: Vec<String> = (0..20).map(|number| format!("evil-{number}")).collect();
    let ids: Vec<&str> = many.iter().map(String::as_str).chain(["b"]).collect();
    let receipt = sink.write(batch(&ids)).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (1, 20));
}

#[tokio::test]
async fn a_proxy_that_asks_for_its_own_password_is_blamed_itself() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.limit(Some((0, Whim::Page(407))));
    assert_eq!(failure_of_all(&sink, batch(&["a", "b"])).await, RemoteErrorKind::Intercepted { status: 407 });
}

#[tokio::test]
async fn where_everything_is_answered_so_the_route_parks_and_nothing_is_refused() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    sink.write(batch(&["a"])).await.unwrap();
    elastic.limit(Some((0, Whim::Page(403))));
    for rows in [batch(&["b"]), batch(&["b", "c", "d"])] {
        let kind = failure_of_all(&sink, rows).await;
        assert_eq!(kind, INTERCEPTED);
        let error = SinkError::from(kind.of(ccfd::sinks::remote::Service::Elasticsearch));
        let judged = judge(&Failure::Sink(error));
        assert_eq!(judged.action, Action::Park);
        assert!(judged.advice.contains("a proxy or firewall responds instead"), "{}", judged.advice);
    }
    elastic.limit(None);
    assert_eq!(sink.write(batch(&["b", "c", "d"])).await.unwrap().accepted, 3);
}

#[tokio::test]
async fn a_page_that_comes_once_refuses_no_row() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    sink.write(batch(&["a"])).await.unwrap();
    elastic.server.script_for("_bulk", [page(403)]);
    let receipt = sink.write(batch(&["b"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (1, 0));
}

#[tokio::test]
async fn who_asks_for_credentials_in_http_alone_is_answered_with_advice_on_them() {
    let elastic = Elastic::plain();
    let asks = Reply::status(401).with_header("www-authenticate", "Basic realm=\"OpenSearch Security\"");
    elastic.server.script_for("_bulk", [asks.with_body("Unauthorized").into()]);
    let (error, _) = failure(&sink_at(elastic.server.url()), batch(&["a"])).await;
    assert!(matches!(error.kind, RemoteErrorKind::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_in_the_words_of_aws_is_its_own_and_says_what_to_do() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    sink.write(batch(&["a"])).await.unwrap();
    for denial in [
        r#"{"Message":"User: anonymous is not authorized to perform: es:ESHttpPost because no resource-based policy allows it"}"#,
        r#"{"message":"The security token included in the request is invalid."}"#,
    ] {
        elastic.server.script_for("_bulk", [Reply::status(403).with_body(denial).into()]);
        let kind = failure_of_all(&sink, batch(&["b", "c"])).await;
        assert_eq!(kind, RemoteErrorKind::PolicyDenied { status: 403 });
        let judged = judge(&Failure::Sink(kind.of(ccfd::sinks::remote::Service::Elasticsearch).into()));
        assert_eq!(judged.action, Action::Park);
        assert!(judged.advice.contains("does not sign requests"), "{}", judged.advice);
    }
    let of_a_firewall = Reply::status(403).with_body(r#"{"message":"Forbidden"}"#);
    elastic.server.script_for("_bulk", [of_a_firewall.into()]);
    assert_eq!(sink.write(batch(&["b", "c"])).await.unwrap().accepted, 2, "taken in halves");
}
