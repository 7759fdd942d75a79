use super::*;

fn shape(table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|c| format!("{} {:?}", c.name, c.kind)).collect();
    columns.join(", ")
}

/// The row of a record, by column name.
fn row<'a>(table: &'a Table, record: &'a str) -> impl Fn(&str) -> ColumnValue<'a> {
    let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
    let row = row::map(table, "acme", record.as_bytes(), &mut SchemaDrift::default());
    move |name| row[names.iter().position(|own| *own == name).unwrap()].clone()
}

fn string(text: &str) -> ColumnValue<'_> {
    ColumnValue::Text(text.into())
}

#[test]
fn the_audit_log_has_exactly_the_published_columns() {
    assert_eq!(
        shape(&AUDIT_LOGS),
        "TimeGenerated DateTime, Id String, EventType String, EffectiveAt DateTime, ActorType String, \
         ActorApiKey Dynamic, ActorSession Dynamic, Project Dynamic, EventDetails Dynamic, ConnectorName String"
    );
}

#[test]
fn chat_completions_have_the_published_columns_and_the_messages_behind_them() {
    assert_eq!(
        shape(&CHAT_COMPLETIONS),
        "TimeGenerated DateTime, Id String, ObjectType String, CreatedAt DateTime, Model String, \
         RequestId String, ServiceTier String, SystemFingerprint String, Choices Dynamic, Usage Dynamic, \
         Metadata Dynamic, ToolChoice String, Tools Dynamic, Temperature Real, TopProbability Real, \
         FrequencyPenalty Real, PresencePenalty Real, Seed Long, InputUser String, ResponseFormat Dynamic, \
         ConnectorName String, Messages Dynamic"
    );
}

#[test]
fn health_has_the_columns_of_sentinels_own_table() {
    assert_eq!(
        shape(&HEALTH),
        "TimeGenerated DateTime, OperationName String, SentinelResourceId String, SentinelResourceName String, \
         SentinelResourceType String, SentinelResourceKind String, Status String, Description String, Reason String, \
         WorkspaceId String, RecordId String, ExtendedProperties Dynamic"
    );
}

#[test]
fn runs_of_connectors_have_these_columns() {
    assert_eq!(
        shape(&CONNECTOR_RUNS),
        "TimeGenerated DateTime, RunId String, ConnectorId String, ConnectorType String, SpaceId String, \
         CallerKind String, CallerName String, Outcome String, Sent String, DurationMs Long, Model String, PromptTokens Long, \
         CompletionTokens Long, TotalTokens Long"
    );
}

#[test]
fn alerts_have_what_a_scheduled_rule_maps() {
    assert_eq!(
        shape(&ALERTS),
        "TimeGenerated DateTime, AlertId String, RuleSlug String, RuleId String, Title String, Description String, \
         Reason String, Severity String, Level String, RiskScore Long, Status String, Disposition String, JudgedBy String, \
         JudgedAt DateTime, Note String, StartTime DateTime, EndTime DateTime, EventCount Long, GroupKey Dynamic, \
         Entities Dynamic, FieldValues Dynamic, UserName String, UserId String, Address String, RecordIds Dynamic, \
         Tactics Dynamic, Techniques Dynamic, Tags Dynamic, References Dynamic, FalsePositives Dynamic, \
         ConnectorNames Dynamic, SourceTables Dynamic, Historical Long, Staging Long, Notify Long, NotifyReason String, \
         SuppressedCount Long, MergedInto String, Withdrawn Long, ChangedTime DateTime, Change Long, IsUpdate Long"
    );
}

#[test]
fn every_table_has_the_column_by_which_its_rows_are_known() {
    for table in &Tables::built_in() {
        let key = table.columns.iter().find(|column| column.name == table.key);
        assert!(key.is_some_and(|key| key.from == Origin::Field("id".into())), "{}", table.name);
    }
}

#[test]
fn an_audit_event_fills_its_columns() {
    let at = row(
        &AUDIT_LOGS,
        r#"{"object":"organization.audit_log","id":"audit_log-1","type":"api_key.created",
            "effective_at":1770979925,"api_key.created":{"id":"key_1","data":{"scopes":["a"]}},
            "project":{"id":"proj_1","name":"Default"},
            "actor":{"type":"session","session":{"user":{"id":"user-1","email":"user@example.com"}}}}"#,
    );
    assert_eq!(at("TimeGenerated"), ColumnValue::Time(1_770_979_925));
    assert_eq!(at("EffectiveAt"), ColumnValue::Time(1_770_979_925));
    assert_eq!(at("Id"), string("audit_log-1"));
    assert_eq!(at("EventType"), string("api_key.created"));
    assert_eq!(at("ActorType"), string("session"));
    assert_eq!(at("ActorApiKey"), ColumnValue::Null);
    assert_eq!(
        at("ActorSession"),
        ColumnValue::Json(r#"{"user":{"id":"user-1","email":"user@example.com"}}"#.into())
    );
    assert_eq!(at("Project"), ColumnValue::Json(r#"{"id":"proj_1","name":"Default"}"#.into()));
    assert_eq!(at("EventDetails"), ColumnValue::Json(r#"{"id":"key_1","data":{"scopes":["a"]}}"#.into()));
    assert_eq!(at("ConnectorName"), string("acme"));
}

#[test]
fn a_completion_fills_its_columns() {
    let at = row(
        &CHAT_COMPLETIONS,
        r#"{"object":"chat.completion","id":"chatcmpl-1","model":"gpt-x","created":1756317555,
            "request_id":"req_1","tool_choice":null,"usage":{"total_tokens":3},"seed":-1971541699951901963,
            "top_p":0.25,"temperature":1,"presence_penalty":0.0,"frequency_penalty":-1e-2,
            "system_fingerprint":"fp","input_user":null,"service_tier":"default","tools":null,"metadata":{},
            "choices":[{"index":0}],"response_format":null,"messages":"of a gateway",
            "ccfd_messages":{"missing":"deleted"}}"#,
    );
    assert_eq!(at("CreatedAt"), ColumnValue::Time(1_756_317_555));
    assert_eq!(at("Seed"), ColumnValue::Long(-1_971_541_699_951_901_963));
    assert_eq!(at("TopProbability"), ColumnValue::Real(0.25));
    assert_eq!(at("Temperature"), ColumnValue::Real(1.0));
    assert_eq!(at("FrequencyPenalty"), ColumnValue::Real(-0.01));
    assert_eq!(at("ToolChoice"), ColumnValue::Null);
    assert_eq!(at("ObjectType"), string("chat.completion"));
    assert_eq!(at("Choices"), ColumnValue::Json(r#"[{"index":0}]"#.into()));
    assert_eq!(at("Metadata"), ColumnValue::Json("{}".into()));
    assert_eq!(at("Messages"), ColumnValue::Json(r#"{"missing":"deleted"}"#.into()));
}

#[test]
fn an_event_without_details_or_actor_has_nulls() {
    let at = row(&AUDIT_LOGS, r#"{"id":"1","type":"login.succeeded","effective_at":5,"actor":null}"#);
    assert_eq!(at("EventDetails"), ColumnValue::Null);
    assert_eq!(at("ActorType"), ColumnValue::Null);
    assert_eq!(at("TimeGenerated"), ColumnValue::Time(5));
}

#[test]
fn details_may_stand_before_the_type_that_names_them() {
    let at = row(&AUDIT_LOGS, r#"{"new.kind":[1],"type":"new.\u006bind"}"#);
    assert_eq!(at("EventDetails"), ColumnValue::Json("[1]".into()));
}

#[test]
fn a_tool_choice_object_is_its_compact_text() {
    let at = row(&CHAT_COMPLETIONS, "{\"tool_choice\": {\n \"type\": \"function a\"\n}}");
    assert_eq!(at("ToolChoice"), string(r#"{"type":"function a"}"#));
}

#[test]
fn of_repeated_keys_the_last_one_counts() {
    let at = row(&AUDIT_LOGS, r#"{"id":"first","id":"last"}"#);
    assert_eq!(at("Id"), string("last"));
}

#[test]
fn values_that_do_not_fit_are_null() {
    let record = r#"{"id":"\ud800","seed":1.5,"top_p":"high","temperature":1e999,"created":-1}"#;
    let at = row(&CHAT_COMPLETIONS, record);
    for column in ["Id", "Seed", "TopProbability", "Temperature", "CreatedAt"] {
        assert_eq!(at(column), ColumnValue::Null, "{column}");
    }
}

#[test]
fn what_is_no_object_maps_to_nulls() {
    for record in ["", "[]", "null", "\"id\"", "{\"a\":", "{{"] {
        assert_eq!(row(&AUDIT_LOGS, record)("Id"), ColumnValue::Null, "{record}");
    }
    assert_eq!(row(&AUDIT_LOGS, r#"{"id":"kept","type":"#)("Id"), string("kept"));
}

#[test]
fn the_sqlite_table_is_rendered_from_the_columns() {
    assert_eq!(
        render::sqlite_create(&AUDIT_LOGS),
        "CREATE TABLE \"OpenAIAuditLogs_CL\" (\n  \"TimeGenerated\" TEXT NOT NULL,\n  \"Id\" TEXT NOT NULL,\n  \
         \"EventType\" TEXT,\n  \"EffectiveAt\" TEXT,\n  \"ActorType\" TEXT,\n  \"ActorApiKey\" TEXT,\n  \
         \"ActorSession\" TEXT,\n  \"Project\" TEXT,\n  \"EventDetails\" TEXT,\n  \"ConnectorName\" TEXT,\n  \
         \"Record\" TEXT NOT NULL,\n  \
         PRIMARY KEY (\"TimeGenerated\", \"Id\")\n)"
    );
}

#[test]
fn the_manual_has_a_line_for_each_column() {
    let text = render::markdown(&CHAT_COMPLETIONS);
    assert_eq!(text.lines().count(), 2 + CHAT_COMPLETIONS.columns.len());
    assert!(text.contains("| `TopProbability` | real | `top_p` | Nucleus sampling mass (`top_p`) |\n"));
}

#[test]
fn the_fields_that_collecting_knows_are_those_that_the_tables_hold() {
    let of_records = Tables::built_in().of_records();
    let held = |field: &str| of_records.iter().any(|table| table.holds(field));
    assert!(collectors::KNOWN_FIELDS.into_iter().all(held));
    for column in of_records.iter().flat_map(|table| &table.columns) {
        if let Origin::Field(field) | Origin::Inner(field, _) = &column.from {
            assert!(field == "id" || collectors::KNOWN_FIELDS.contains(&&**field), "{field}");
        }
    }
}

#[test]
fn no_table_opens_more_than_one_field() {
    for table in &Tables::built_in() {
        let fields = table.columns.iter().filter_map(|column| match &column.from {
            Origin::Inner(field, _) => Some(field),
            _ => None,
        });
        assert!(fields.collect::<std::collections::BTreeSet<_>>().len() <= 1, "{}", table.name);
    }
}

#[test]
fn a_value_may_be_nested_however_deep() {
    let deep = format!("{}1{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    let record = format!(
        r#"{{"id":"i\u0064","type":"a.b","a.b":{deep},"project":{deep},"odd":{deep},"actor":{{"x":{deep}}}}}"#
    );
    let mut drift = SchemaDrift::default();
    drift.look(&AUDIT_LOGS, record.as_bytes());
    let row = row::map(&AUDIT_LOGS, "acme", record.as_bytes(), &mut drift);
    assert!(
        row.contains(&ColumnValue::Json(deep.as_str().into()))
            && row.contains(&ColumnValue::Text("id".into()))
    );
    let mut out = Vec::new();
    let objects = object::Objects::new([AUDIT_LOGS.stream.as_slice()], "acme", object::Nulls::LeftOut);
    objects.write(record.as_bytes(), &mut drift, &mut out);
    assert!(out.len() > 2 * deep.len());
    assert_eq!(compact(deep.as_bytes()), deep);
}
