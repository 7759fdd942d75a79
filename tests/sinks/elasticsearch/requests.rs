//! Requests that fail as a whole: what it means, and what is halved.

use std::time::Duration;

use ccfd::sinks::{Sink, remote::RemoteErrorKind};
use collectors::RequestOutcome;

use super::{INDEX, batch, batch_of, event, failure, failure_of_all, sink, sink_at};
use crate::support::{
    fake::{Fate, Reply, Step},
    fake_elastic::{Elastic, elastic_error},
};

fn poison() -> Step {
    elastic_error(400, "parse_exception", "a preview: 'somebody@example.com'").into()
}

#[tokio::test]
async fn a_status_says_who_must_act() {
    let elastic = Elastic::plain();
    let sink = sink(&format!("urls = [\"{}\"]\nretry_after_max = \"90s\"", elastic.server.url()));
    let security = |status: u16| elastic_error(status, "security_exception", "secret");
    let asked = |seconds: &str| Reply::status(429).with_header("retry-after", seconds);
    let code = || "security_exception".to_owned();
    let waits = |seconds| Some(Duration::from_secs(seconds));
    for (reply, wanted) in [
        (security(401), RemoteErrorKind::Unauthorized { code: code() }),
        (security(403), RemoteErrorKind::Forbidden { code: code() }),
        (asked("7"), RemoteErrorKind::Throttled { retry_after: waits(7) }),
        (asked("999"), RemoteErrorKind::Throttled { retry_after: waits(90) }),
        (Reply::status(500), RemoteErrorKind::Overloaded { status: 500, retry_after: None }),
        (Reply::status(503), RemoteErrorKind::Overloaded { status: 503, retry_after: None }),
        (
            elastic_error(404, "index_not_found_exception", ""),
            RemoteErrorKind::NotFound { what: format!("index \"{INDEX}\"") },
        ),
        (
            elastic_error(403, "cluster_block_exception", ""),
            RemoteErrorKind::PlaceAtFault {
                place: format!("index \"{INDEX}\""),
                code: "cluster_block_exception".to_owned(),
            },
        ),
        (Reply::status(302), RemoteErrorKind::Refused { status: 302, code: "no code".to_owned() }),
    ] {
        elastic.server.script_for("_bulk", [reply.into()]);
        assert_eq!(failure_of_all(&sink, batch(&["a"])).await, wanted);
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_or_cut_is_asked_for_again_and_doubles_nothing() {
    for fate in [Fate::Lost, Fate::CutAfter(20)] {
        let elastic = Elastic::plain();
        let sink = sink_at(elastic.server.url());
        elastic.server.script_for("_bulk", [fate.into()]);
        let kind = failure_of_all(&sink, batch(&["a", "b"])).await;
        assert!(matches!(kind, RemoteErrorKind::Unreachable(_)), "{kind:?}");
        let receipt = sink.write(batch(&["a", "b"])).await.unwrap();
        assert_eq!((receipt.accepted, receipt.already_there), (0, 2));
    }
}

#[tokio::test]
async fn a_page_of_something_else_is_no_answer() {
    let elastic = Elastic::plain();
    elastic.server.script_for("_bulk", [Reply::status(200).with_body("<html>log in</html>").into()]);
    let kind = failure_of_all(&sink_at(elastic.server.url()), batch(&["a"])).await;
    assert!(matches!(kind, RemoteErrorKind::NotUnderstood(_)), "{kind:?}");
    assert!(!kind.to_string().contains("log in"));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_and_the_next_ones_are_smaller() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.server.script_for("_bulk", [Reply::status(413).into()]);
    assert_eq!(sink.write(batch(&["a", "b", "c", "d"])).await.unwrap().accepted, 4);
    assert_eq!(sink.write(batch(&["e", "f", "g", "h"])).await.unwrap().accepted, 4);
    let sent: Vec<usize> =
        elastic.server.requests_to("_bulk").iter().map(|request| request.content().unwrap().len()).collect();
    assert!(sent[1..].iter().all(|bytes| *bytes <= sent[0] / 2), "{sent:?}");
}

#[tokio::test]
async fn a_row_that_is_too_large_alone_is_refused_and_the_others_pass() {
    let elastic = Elastic::plain();
    let too_large = || Step::from(Reply::status(413));
    elastic.server.script_for("_bulk", [too_large(), too_large()]);
    let large = event("a").replace("owner", &"x".repeat(2 << 20));
    let receipt = sink_at(elastic.server.url()).write(batch_of([large, event("b")])).await.unwrap();
    let refused = &receipt.refused[0];
    assert_eq!((receipt.accepted, refused.index, refused.kind), (1, 0, "too_large"));
}

#[tokio::test]
async fn the_row_that_poisons_a_request_is_found_by_halving() {
    let elastic = Elastic::plain();
    // All four, the second half behind a good first one, and its first row.
    let good = || Step::from(Fate::Arrives);
    elastic.server.script_for("_bulk", [poison(), good(), poison(), poison()]);
    let receipt = sink_at(elastic.server.url()).write(batch(&["a", "b", "c", "d"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused.len()), (3, 1));
    let refused = &receipt.refused[0];
    assert_eq!((refused.index, refused.kind), (2, "refused"));
    assert!(refused.reason.contains("somebody@example.com"));
}

#[tokio::test]
async fn when_every_request_is_refused_it_is_not_the_rows() {
    let elastic = Elastic::plain();
    elastic.server.script_for("_bulk", std::iter::repeat_with(poison).take(1_000));
    let ids: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let kind = failure_of_all(&sink_at(elastic.server.url()), batch(&ids)).await;
    assert_eq!(kind, RemoteErrorKind::Refused { status: 400, code: "parse_exception".to_owned() });
    let asked = elastic.server.requests_to("_bulk").len();
    assert!(asked < 40, "{asked} requests");
}

#[tokio::test]
async fn an_id_that_would_poison_a_request_is_never_sent() {
    let elastic = Elastic::plain();
    let long = "x".repeat(513);
    let receipt = sink_at(elastic.server.url()).write(batch(&["a", &long, "b"])).await.unwrap();
    assert_eq!((receipt.accepted, receipt.refused[0].index), (2, 1));
    assert_eq!(elastic.server.requests_to("_bulk").len(), 1);
}

#[tokio::test]
async fn what_is_left_after_a_failed_half_is_all_that_was_not_acknowledged() {
    let elastic = Elastic::plain();
    let good = || Step::from(Fate::Arrives);
    elastic.server.script_for("_bulk", [poison(), good(), Reply::status(503).into()]);
    let (error, left) = failure(&sink_at(elastic.server.url()), batch(&["a", "b", "c", "d"])).await;
    assert!(matches!(error.kind, RemoteErrorKind::Overloaded { status: 503, .. }));
    assert_eq!(left, Some(vec![2, 3]));
}

#[tokio::test]
async fn requests_are_counted_by_what_came_of_them() {
    let elastic = Elastic::plain();
    let sink = sink_at(elastic.server.url());
    elastic.server.script_for("_bulk", [Reply::status(503).into(), Fate::Lost.into()]);
    failure_of_all(&sink, batch(&["a"])).await;
    failure_of_all(&sink, batch(&["a"])).await;
    sink.write(batch(&["a"])).await.unwrap();
    let requests = sink.counters().requests;
    assert_eq!(requests.values().sum::<u64>(), elastic.server.requests().len() as u64);
    let of = |outcome| requests.get(&outcome).copied();
    assert_eq!((of(RequestOutcome::Answered(503)), of(RequestOutcome::Unreachable)), (Some(1), Some(1)));
}
