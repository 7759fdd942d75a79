use super::super::classify::*;
use crate::{config::OpType, sinks::Receipt};

/// An answer with these items, each a status and, for a failure, its type and reason.
fn body(items: &[(u16, &str, &str)]) -> String {
    let item = |(status, kind, reason): &(u16, &str, &str)| {
        let error = match *kind {
            "" => String::new(),
            kind => format!(r#","error":{{"type":"{kind}","reason":"{reason}"}}"#),
        };
        format!(r#"{{"create":{{"status":{status}{error}}}}}"#)
    };
    let errors = items.iter().any(|(_, kind, _)| !kind.is_empty());
    format!(r#"{{"errors":{errors},"items":[{}]}}"#, items.iter().map(item).collect::<Vec<_>>().join(","))
}

fn of(items: &[(u16, &str, &str)]) -> Answered {
    read(body(items).as_bytes(), items.len(), false, OpType::Create).unwrap()
}

/// What becomes of a lone row.
fn verdict(status: u16, kind: &str, reason: &str) -> Answered {
    of(&[(status, kind, reason)])
}

#[test]
fn the_error_type_shows_a_faulty_row_and_refuses_that_row_alone() {
    for (kind, reason) in [
        ("mapper_parsing_exception", "failed to parse field [X]. Preview of field's value: 'secret'"),
        ("document_parsing_exception", "[1:2] failed to parse"),
        ("strict_dynamic_mapping_exception", "mapping set to strict"),
        ("illegal_argument_exception", "Limit of total fields [1000] has been exceeded"),
        ("illegal_argument_exception", "Document contains at least one immense term in field"),
    ] {
        let answered = of(&[(201, "", ""), (400, kind, reason)]);
        assert_eq!((answered.receipt.accepted, &answered.left, answered.fault), (1, &vec![], None), "{kind}");
        let refused = &answered.receipt.refused[0];
        assert_eq!(
            (refused.index, refused.kind, &*refused.reason),
            (1, "refused", &*format!("{kind}: {reason}"))
        );
    }
}

#[test]
fn nothing_is_rejected_when_the_index_or_the_cluster_is_at_fault() {
    for (status, kind, reason, wanted) in [
        (400, "index_closed_exception", "closed", ItemFault::Place("index_closed_exception".into())),
        (400, "invalid_index_name_exception", "", ItemFault::Place("invalid_index_name_exception".into())),
        (403, "cluster_block_exception", "FORBIDDEN/8", ItemFault::Place("cluster_block_exception".into())),
        (404, "index_not_found_exception", "", ItemFault::Missing),
        (403, "security_exception", "", ItemFault::Forbidden("security_exception".into())),
        (
            429,
            "cluster_block_exception",
            "TOO_MANY_REQUESTS/12",
            ItemFault::StorageFull("cluster_block_exception".into()),
        ),
        (429, "es_rejected_execution_exception", "", ItemFault::Throttled),
        (503, "unavailable_shards_exception", "", ItemFault::Overloaded(503)),
        (503, "circuit_breaking_exception", "", ItemFault::Throttled),
        (429, "rejected_execution_exception", "", ItemFault::Throttled),
        (503, "process_cluster_event_timeout_exception", "", ItemFault::Overloaded(503)),
    ] {
        let answered = verdict(status, kind, reason);
        assert_eq!((&answered.receipt, &answered.left), (&Receipt::default(), &vec![0]), "{kind}");
        assert_eq!(answered.fault, Some(wanted));
    }
}

#[test]
fn where_the_words_do_not_tell_the_row_is_in_doubt() {
    let place = |kind: &str| ItemFault::Place(kind.to_owned());
    for (status, kind, reason, is_final, fault) in [
        (
            400,
            "illegal_argument_exception",
            "pipeline with id [x] does not exist",
            true,
            place("illegal_argument_exception"),
        ),
        (400, "never_heard_of_exception", "", true, place("never_heard_of_exception")),
        (500, "fail_processor_exception", "", false, ItemFault::Overloaded(500)),
        (503, "exception", "", false, ItemFault::Overloaded(503)),
        (408, "", "", false, ItemFault::Overloaded(408)),
        (429, "http_exception", "", false, ItemFault::Throttled),
    ] {
        let answered = verdict(status, kind, reason);
        assert_eq!((&answered.receipt, &answered.left), (&Receipt::default(), &vec![]), "{kind}");
        let reason = format!("status {status}, {kind}: {reason}");
        assert_eq!(answered.doubts, [DoubtfulRow { row: 0, is_final, reason, fault }]);
    }
}

#[test]
fn of_several_faults_the_one_that_needs_a_person_is_reported() {
    let throttled = (429, "es_rejected_execution_exception", "");
    let answered = of(&[throttled, (400, "index_closed_exception", ""), throttled, (201, "", "")]);
    assert_eq!(answered.left, [0, 1, 2]);
    assert_eq!(answered.fault, Some(ItemFault::Place("index_closed_exception".into())));
    assert_eq!(answered.receipt.accepted, 1);
}

#[test]
fn an_id_that_is_there_is_no_failure_when_creating() {
    let conflict = (409, "version_conflict_engine_exception", "document already exists");
    assert_eq!(of(&[conflict]).receipt, Receipt { already_there: 1, ..Receipt::default() });
    let answered = read(body(&[conflict]).as_bytes(), 1, false, OpType::Index).unwrap();
    assert_eq!((answered.left, answered.fault), (vec![0], Some(ItemFault::Overloaded(409))));
}

#[test]
fn replaced_documents_were_there_already() {
    let body = r#"{"errors":false,"items":[{"index":{"status":200}},{"index":{"status":201}}]}"#;
    let receipt = read(body.as_bytes(), 2, false, OpType::Index).unwrap().receipt;
    assert_eq!((receipt.accepted, receipt.already_there), (1, 1));
}

#[test]
fn an_answer_without_errors_means_the_same_by_its_summary_as_item_by_item() {
    let taken = body(&[(201, "", ""), (201, "", "")]);
    let timed = taken.replace(r#"{"errors""#, r#"{"took":3,"errors""#);
    let glance = at_a_glance(taken.as_bytes(), 2).unwrap();
    assert_eq!(at_a_glance(timed.as_bytes(), 2).unwrap(), glance);
    let spread = taken.replace("]}", "] }");
    assert!(at_a_glance(spread.as_bytes(), 2).is_none());
    assert_eq!(glance, read(spread.as_bytes(), 2, false, OpType::Create).unwrap());
}

#[test]
fn a_document_in_the_failure_store_is_counted() {
    let body = r#"{"errors":false,"items":[{"create":{"status":201,"failure_store":"used"}},{"create":{"status":201}}]}"#;
    let answered = read(body.as_bytes(), 2, false, OpType::Create).unwrap();
    assert_eq!((answered.receipt.accepted, answered.in_failure_store), (2, 1));
}

#[test]
fn an_answer_that_does_not_speak_of_every_row_is_none() {
    let one = body(&[(201, "", "")]);
    assert_eq!(read(one.as_bytes(), 2, false, OpType::Create).unwrap_err(), "1 item for 2 rows");
    for cut in ["", "{}", "<html>secret</html>", r#"{"errors":false,"items":[{"create":{"status":201}}"#] {
        let why = read(cut.as_bytes(), 1, false, OpType::Create).unwrap_err();
        assert!(why.starts_with("not a response to _bulk") && !why.contains("secret"), "{why}");
    }
}
