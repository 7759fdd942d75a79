use ccfd::{
    deploy::sentinel::{SentinelProfile, transform},
    tables::{
        self, ALERTS, AUDIT_LOGS, CHAT_COMPLETIONS, CONNECTOR_RUNS, Column, ColumnKind, HEALTH, SchemaDrift,
        Table,
        object::{Nulls, Objects},
        row,
    },
};
use serde_json::{Value as Json, json};

use super::kql::{NOW, Value, project};
use crate::support::vendor_table;

const EVENTS: [&str; 6] = [
    r#"{"object":"organization.audit_log","id":"a-1","type":"api_key.created","effective_at":1770979925,
        "project":{"id":"proj_1","name":"Search"},"api_key.created":{"id":"key_1","data":{"scopes":["a.b"]}},
        "actor":{"type":"session","session":{"user":{"id":"u","email":"user@example.com"},"ip_address":"192.0.2.1"}}}"#,
    r#"{"id":"a-2","type":"user.added","effective_at":0,"actor":{"type":"api_key","api_key":{"id":"key_2"}}}"#,
    r#"{"id":"a-3","type":"logout.succeeded","effective_at":253402300799,"actor":null,"logout.succeeded":{}}"#,
    r#"{"id":"a-4","type":"odd.one","effective_at":5,"actor":"someone","project":["p"],"odd.one":[1,"x",null]}"#,
    r#"{"id":"a-5","type":"odd.two","effective_at":5,"actor":{"type":{"kind": 7}},"odd.two":"text"}"#,
    r#"{"id":"a-6","effective_at":5}"#,
];

const COMPLETIONS: [&str; 3] = [
    r#"{"object":"chat.completion","id":"c-1","model":"gpt-x","created":1756317555,"request_id":"req_1",
        "tool_choice":{"type": "function"},"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7},
        "seed":-1971541699951901963,"top_p":0.25,"temperature":1,"presence_penalty":0.0,"frequency_penalty":-1e-2,
        "system_fingerprint":"fp","input_user":"u","service_tier":"default","tools":[{"type":"function"}],
        "metadata":{"k":"v"},"choices":[{"index":0,"finish_reason":"stop"},{"index":1}],
        "response_format":{"type":"text"},"ccfd_messages":[{"id":"c-1-0","role":"user","content":"Why?"}]}"#,
    r#"{"object":"chat.completion","id":"c-2","created":7,"tool_choice":"auto","tools":null,"choices":[],"seed":null,
        "ccfd_messages":{"missing":"deleted"}}"#,
    r#"{"id":"c-3","created":7}"#,
];

const ROWS: [&str; 2] = [
    r#"{"id":"r-1","at":1770979925,"route":"acme/sentinel","collector":"acme","kind":"audit_logs","status":"Failure",
        "description":"parked: 401; provide a new key","reason":"unauthorized","details":{"Delivered":3}}"#,
    r#"{"id":"r-2","at":7,"route":"acme/sentinel","collector":"acme","kind":"audit_logs","status":"Success"}"#,
];

/// The row that the rule receives: every declared field, null where nothing was sent.
fn received(fields: &[&[Column]], record: &str) -> Json {
    let mut sent = Vec::new();
    let objects = Objects::new(fields.iter().copied(), "acme", Nulls::LeftOut);
    objects.write(record.as_bytes(), &mut SchemaDrift::default(), &mut sent);
    let sent: Json = serde_json::from_slice(&sent).unwrap();
    let declared = fields.iter().copied().flatten();
    declared
        .map(|field| (field.name.to_string(), sent.get(&*field.name).cloned().unwrap_or_default()))
        .collect()
}

/// A column of a row as KQL holds it.
fn held(column: &Column, value: &tables::ColumnValue<'_>) -> Value {
    Value::Json(match value {
        tables::ColumnValue::Time(second) => return Value::Time(*second),
        tables::ColumnValue::Null if column.kind == ColumnKind::String => json!(""),
        tables::ColumnValue::Null => Json::Null,
        tables::ColumnValue::Text(text) => json!(text),
        tables::ColumnValue::Long(number) => json!(number),
        tables::ColumnValue::Real(number) => json!(number),
        tables::ColumnValue::Json(text) => serde_json::from_str(text).unwrap(),
    })
}

/// Whole numbers are reals where a real is declared, and a string column has no null.
fn typed(column: &Column, value: Value) -> Value {
    match (column.kind, value) {
        (ColumnKind::Real, Value::Json(Json::Number(number))) => Value::Json(json!(number.as_f64())),
        (ColumnKind::String, Value::Json(Json::Null)) => Value::Json(json!("")),
        (_, value) => value,
    }
}

fn agree(table: &Table, records: &[&str]) {
    for record in records {
        let mapped = row::map(table, "acme", record.as_bytes(), &mut SchemaDrift::default());
        let made = project(&transform(table, SentinelProfile::Table), &received(&[&table.stream], record));
        assert_eq!(made.len(), table.columns.len());
        for ((column, mapped), (name, made)) in table.columns.iter().zip(&mapped).zip(made) {
            assert_eq!(name, column.name);
            assert_eq!(typed(column, made), held(column, mapped), "{name} of {record}");
        }
    }
}

#[test]
fn the_audit_transform_makes_of_the_stream_the_row_that_other_sinks_get() {
    agree(&AUDIT_LOGS, &EVENTS);
}

#[test]
fn the_completions_transform_makes_of_the_stream_the_row_that_other_sinks_get() {
    agree(&CHAT_COMPLETIONS, &COMPLETIONS);
}

#[test]
fn the_transform_of_health_makes_of_the_stream_the_row_that_other_sinks_get() {
    agree(&HEALTH, &ROWS);
}

#[test]
fn the_transform_of_alerts_makes_of_the_stream_the_row_that_other_sinks_get() {
    let alerts = [
        r#"{"id":"a-1","at":1770979925,"rule":"r","title":"t","severity":"High","risk_score":99,"start":1770979900,"end":1770979910,"event_count":3,"group":{"Actor":"a@b"},"record_ids":["1","2"],"notify":1,"historical":0,"change":7,"is_update":0,"changed":1770979925}"#,
        r#"{"id":"a-2","at":7,"group":{},"merged_into":"a-1","withdrawn":1}"#,
    ];
    agree(&ALERTS, &alerts);
}

#[test]
fn the_transform_of_runs_makes_of_the_stream_the_row_that_other_sinks_get() {
    let runs = [
        r#"{"id":"r-1","created":1770979925,"connector_id":"advice","connector_type":".gen-ai","space_id":"default","caller_kind":"api_key","caller_name":"ci","outcome":"done","duration_ms":1500,"model":"m","prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#,
        r#"{"id":"r-2","created":7,"connector_id":"hook","outcome":"failed","duration_ms":0,"model":null,"total_tokens":null}"#,
    ];
    agree(&CONNECTOR_RUNS, &runs);
}

#[test]
fn the_transform_of_a_table_that_came_at_run_time_makes_of_the_stream_the_row_that_other_sinks_get() {
    let tables = vendor_table::tables();
    let records = [
        r#"{"id":"v-1","seen":1770979925,"rule":{"severity":"high"}}"#,
        r#"{"id":"v-2","seen":7,"rule":null}"#,
        r#"{"id":"v-3","seen":7}"#,
    ];
    agree(tables.named("VendorAlerts_CL").unwrap(), &records);
}

#[test]
fn a_row_without_time_is_dated_by_its_arrival() {
    let row = received(&[&AUDIT_LOGS.stream], r#"{"id":"a"}"#);
    let made = project(&transform(&AUDIT_LOGS, SentinelProfile::Table), &row);
    assert_eq!(made[0], ("TimeGenerated".to_owned(), Value::Time(NOW)));
    assert_eq!(made[3], ("EffectiveAt".to_owned(), Value::Json(Json::Null)));
}

#[test]
fn an_event_of_an_agent_has_what_the_completion_has() {
    let fields = [&*CHAT_COMPLETIONS.stream, &CHAT_COMPLETIONS.stream_asim];
    let row = received(&fields, COMPLETIONS[0]);
    let made = project(&transform(&CHAT_COMPLETIONS, SentinelProfile::Asim), &row);
    let at = |name: &str| made.iter().find(|(own, _)| own == name).unwrap().1.clone();
    for name in ["TimeGenerated", "EventStartTime", "EventEndTime"] {
        assert_eq!(at(name), Value::Time(1_756_317_555), "{name}");
    }
    let wanted = [
        ("EventUid", json!("c-1")),
        ("EventVendor", json!("OpenAI")),
        ("EventProduct", json!("OpenAI API Platform")),
        ("EventSchema", json!("AgentEvent")),
        ("EventCount", json!(1)),
        ("EventType", json!("ChatCompletion")),
        ("InputTokensUsed", json!(3)),
        ("OutputTokensUsed", json!(4)),
        ("EventFinishReasons", json!(["stop"])),
        ("EventRequestSeed", json!(-1_971_541_699_951_901_963_i64)),
        ("ToolName", json!(r#"{"type":"function"}"#)),
    ];
    for (name, value) in wanted {
        assert_eq!(at(name), Value::Json(value), "{name}");
    }
    let Value::Json(additional) = at("AdditionalFields") else { panic!("a bag") };
    assert_eq!(
        (&additional["metadata"], &additional["connector_name"]),
        (&json!({ "k": "v" }), &json!("acme"))
    );
}
