use super::super::classify::run_fault::RunFault::{self, Disk, Documents, Index, Passing};

#[test]
fn reasons_about_documents_are_distinguished_from_reasons_about_the_index() {
    for (message, fault) in [
        (
            "failed to parse field [n] of type [long] in document with id 'x'. Preview of field's value: 'y'",
            Documents,
        ),
        (
            "[1:81] object mapping for [a] tried to parse field [a] as object, but found a concrete value",
            Documents,
        ),
        ("[1:9] some words of a later version", Documents),
        ("[a]: version conflict, document already exists (current version [1]);[1:9] some words", Documents),
        ("mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed", Documents),
        ("Limit of total fields [1000] has been exceeded", Documents),
        ("Document contains at least one immense term in field=\"Model\" (whose UTF8 …)", Documents),
        ("mapper [n] cannot be changed from type [long] to [text]", Documents),
        ("closed;closed", Index("index_closed")),
        ("index [a] blocked by: [FORBIDDEN/8/index write (api)];", Index("index_blocked")),
        ("no such index [a] and [action.auto_create_index] ([false]) doesn't match", Index("index_missing")),
        ("only write ops with an op_type of create are allowed in data streams", Index("data_stream")),
        (
            "action [indices:data/write/bulk[s]] is unauthorized for API key id [k] of user [u] on indices [a]",
            Index("not_allowed"),
        ),
        ("pipeline with id [ids] does not exist", Index("pipeline_missing")),
        ("Failed to parse mapping [_doc]: No handler for type [flat_object]", Index("mapping_broken")),
        (
            "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has \
             read-only-allow-delete block];",
            Disk("flood_stage"),
        ),
        ("blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];", Passing("cluster_block")),
        ("rejected execution of coordinating operation", Passing("node_busy")),
        ("[a][0] primary shard is not active Timeout: [1m]", Passing("shard_not_active")),
        ("connect ECONNREFUSED 127.0.0.1:9200", Passing("connection")),
        ("no word of which was ever seen", RunFault::Unknown),
    ] {
        assert_eq!(RunFault::of(message), fault, "{message}");
    }
}

#[test]
fn what_a_document_holds_cannot_blame_the_index() {
    let message = "failed to parse field [n]. Preview of field's value: 'no such index; closed; timeout'";
    assert_eq!(RunFault::of(message), Documents);
    assert_ne!(
        RunFault::of("failed to parse field [n]. Preview of field's value: 'x;closed'"),
        Index("index_closed")
    );
}

#[test]
fn an_unknown_reason_parks_and_is_not_shown() {
    let kind = RunFault::of("a reason with somebody@example.com").kind("audit").unwrap();
    assert_eq!(kind.to_string(), "connector `audit` accepts no rows: unknown_reason");
}
