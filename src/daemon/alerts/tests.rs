use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::record::{AlertForm, record};
use crate::{
    detect_db::{Alert, AlertStatus, DueAlert},
    tables::{
        ALERTS, Column, ColumnValue, SchemaDrift,
        object::{Nulls, Objects},
        row,
    },
};

const NOW: i64 = 1_790_000_000;

fn alert() -> Alert {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Alert {
        id: "01932f00-0000-7000-8000-000000000001".to_owned(),
        rule: "brute_force_that_worked".to_owned(),
        rule_id: "64f82ec7-a4d2-48c3-a887-8b8c1900bbb1".to_owned(),
        title: "Brute force that worked".to_owned(),
        description: "Somebody may have guessed the password.".to_owned(),
        level: "critical".to_owned(),
        tags: texts(&[
            "attack.credential-access",
            "attack.defense-impairment",
            "attack.t1110",
            "attack.t1098.003",
        ]),
        references: texts(&["https://attack.mitre.org/techniques/T1110/"]),
        falsepositives: texts(&["A forgotten password."]),
        definition: "00000000000000ff".to_owned(),
        status: AlertStatus::Open,
        disposition: None,
        judged_by: None,
        judged_at: None,
        note: None,
        created_at: "2026-11-28T12:00:00Z".to_owned(),
        changed_at: "2026-11-28T12:30:00Z".to_owned(),
        first_event_at: "2026-11-28T11:50:00Z".to_owned(),
        last_event_at: "2026-11-28T11:59:00Z".to_owned(),
        event_count: 6,
        group: [("Actor".to_owned(), Some("mallory@example.com".to_owned()))].into(),
        entities: BTreeMap::new(),
        shown: BTreeMap::from([
            ("Actor".to_owned(), texts(&["Mallory@example.com"])),
            ("ActorAddress".to_owned(), texts(&["no address", "203.0.113.7"])),
            ("ActorSession.user.id".to_owned(), texts(&["user-1"])),
            ("Project.id".to_owned(), texts(&["proj_1"])),
        ]),
        record_ids: texts(&["audit_log-1", "audit_log-2"]),
        tables: texts(&["OpenAIAuditLogs_CL"]),
        connectors: texts(&["acme-audit"]),
        historical: false,
        staging: false,
        notify: true,
        notify_reason: None,
        suppressed_count: 2,
        merged_into: None,
        withdrawn: false,
        seq: 17,
    }
}

fn raw(alert: Alert, first_delivered: Option<i64>, form: AlertForm) -> Vec<u8> {
    record(&DueAlert { alert, first_delivered }, form, NOW).unwrap().raw.to_vec()
}

/// What a sink makes of an alert: the members of these columns.
fn mapped(columns: &[Column], raw: &[u8]) -> Value {
    let mut drift = SchemaDrift::default();
    let mut out = Vec::new();
    Objects::new([columns], "ccfd", Nulls::LeftOut).write(raw, &mut drift, &mut out);
    assert_eq!(drift.unfit_columns(), [] as [&str; 0]);
    serde_json::from_slice(&out).unwrap()
}

fn document(alert: Alert, first_delivered: Option<i64>) -> Value {
    mapped(&ALERTS.documents, &raw(alert, first_delivered, AlertForm::Document))
}

fn finding(alert: Alert, first_delivered: Option<i64>) -> Value {
    mapped(&ALERTS.findings, &raw(alert, first_delivered, AlertForm::Finding))
}

fn members(value: &Value, paths: &[&str]) -> Value {
    paths
        .iter()
        .map(|path| value.pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or_default())
        .collect()
}

#[test]
fn every_column_has_what_the_alert_says() {
    let raw = raw(alert(), None, AlertForm::Columns);
    let mut drift = SchemaDrift::default();
    let row = row::map(&ALERTS, "ccfd", &raw, &mut drift);
    let empty: Vec<&str> = ALERTS
        .columns
        .iter()
        .zip(&row)
        .filter(|(_, value)| **value == ColumnValue::Null)
        .map(|(column, _)| &*column.name)
        .collect();
    assert_eq!(empty, ["Disposition", "JudgedBy", "JudgedAt", "Note", "NotifyReason", "MergedInto"]);
    let own = mapped(&ALERTS.columns, &raw);
    let paths = [
        "Severity",
        "Level",
        "RiskScore",
        "UserName",
        "Address",
        "Tactics",
        "Techniques",
        "IsUpdate",
        "EndTime",
    ];
    assert_eq!(
        members(&own, &paths),
        json!([
            "High",
            "critical",
            99,
            "Mallory@example.com",
            "203.0.113.7",
            ["DefenseEvasion", "CredentialAccess"],
            ["T1098.003", "T1110"],
            0,
            "2026-11-28T11:59:00Z"
        ])
    );
    assert_eq!(own["TimeGenerated"], "2026-11-28T12:00:00Z", "when it was raised, not when the events were");
}

#[test]
fn a_document_is_one_that_external_alerts_promotes() {
    let made = document(alert(), None);
    let paths = [
        "event.kind",
        "event.severity",
        "event.risk_score",
        "event.id",
        "event.dataset",
        "event.ingested",
        "message",
    ];
    assert_eq!(
        members(&made, &paths),
        json!([
            "alert",
            99,
            99,
            "01932f00-0000-7000-8000-000000000001",
            "ccfd.alerts",
            crate::tables::format_utc(NOW),
            "Brute force that worked"
        ])
    );
    let paths = ["rule.id", "rule.name", "threat.tactic.name", "threat.tactic.id", "threat.technique.id"];
    assert_eq!(
        members(&made, &paths),
        json!([
            "brute_force_that_worked",
            "Brute force that worked",
            ["Defense Impairment", "Credential Access"],
            ["TA0112", "TA0006"],
            ["T1110"]
        ])
    );
    let paths = [
        "threat.technique.subtechnique.id",
        "user.email",
        "user.domain",
        "user.id",
        "source.ip",
        "related.ip",
    ];
    assert_eq!(
        members(&made, &paths),
        json!([
            ["T1098.003"],
            "Mallory@example.com",
            "example.com",
            "user-1",
            "203.0.113.7",
            ["203.0.113.7"]
        ])
    );
    assert_eq!(made["ccfd"]["alert"]["group"], json!(["Actor=mallory@example.com"]));
    assert_eq!(made["event"]["category"], json!(["authentication", "configuration", "intrusion_detection"]));
}

#[test]
fn a_changed_status_leaves_the_time_of_ingestion_and_the_id_as_they_were() {
    let closed =
        Alert { status: AlertStatus::Closed, disposition: Some("false-positive".to_owned()), ..alert() };
    let made = document(closed, Some(NOW - 5_000));
    assert_eq!(made["event"]["ingested"], crate::tables::format_utc(NOW - 5_000));
    assert_eq!(made["event"]["id"], alert().id);
    assert_eq!(
        (&made["ccfd"]["alert"]["status"], &made["ccfd"]["alert"]["disposition"]),
        (&json!("closed"), &json!("false-positive"))
    );
}

#[test]
fn what_notifies_nobody_is_not_promoted() {
    let made = document(Alert { historical: true, notify: false, ..alert() }, None);
    assert_eq!(
        (&made["event"]["kind"], &made["ccfd"]["alert"]["historical"]),
        (&json!("event"), &json!(true))
    );
}

#[test]
fn a_finding_has_what_class_2004_requires() {
    let made = finding(alert(), None);
    let paths = ["class_uid", "category_uid", "activity_id", "type_uid", "severity_id", "status_id", "time"];
    assert_eq!(members(&made, &paths), json!([2004, 2, 1, 200_401, 5, 1, 1_795_869_000_000_i64]));
    let paths = [
        "metadata.version",
        "metadata.uid",
        "finding_info.uid",
        "finding_info.title",
        "finding_info.analytic.type_id",
    ];
    assert_eq!(
        members(&made, &paths),
        json!(["1.8.0", alert().id, alert().id, "Brute force that worked", 1])
    );
    let evidence = &made["evidences"][0];
    assert_eq!(
        (&evidence["src_endpoint"]["ip"], &evidence["actor"]["user"]["email_addr"]),
        (&json!("203.0.113.7"), &json!("Mallory@example.com"))
    );
    assert_eq!(made["resources"], json!([{ "uid": "proj_1", "type": "Project" }]));
    assert!(made.get("id").is_none(), "not a member of the class");

    let closed =
        Alert { status: AlertStatus::Closed, disposition: Some("true-positive".to_owned()), ..alert() };
    let made = finding(closed, Some(NOW));
    assert_eq!(
        members(&made, &["activity_id", "type_uid", "status_id", "verdict_id"]),
        json!([3, 200_403, 4, 2])
    );
    let acknowledged = finding(Alert { status: AlertStatus::Acknowledged, ..alert() }, Some(NOW));
    assert_eq!(members(&acknowledged, &["activity_id", "status_id"]), json!([2, 2]));
}

#[test]
fn hostile_text_is_a_value_and_nothing_else() {
    let hostile = "\"},{\"event.kind\":\"x\"}\u{1b}[2J\n<script>";
    let evil = Alert {
        group: [("Project.name".to_owned(), Some(hostile.to_owned())), (hostile.to_owned(), None)].into(),
        shown: BTreeMap::from([
            (hostile.to_owned(), vec![hostile.to_owned()]),
            ("Actor".to_owned(), vec![hostile.to_owned()]),
            ("ActorAddress".to_owned(), vec!["::1; DROP".to_owned()]),
        ]),
        ..alert()
    };
    let own = mapped(&ALERTS.columns, &raw(evil.clone(), None, AlertForm::Columns));
    assert_eq!((&own["UserName"], &own["GroupKey"]["Project.name"]), (&json!(hostile), &json!(hostile)));
    assert!(own.get("Address").is_none());
    let made = document(evil.clone(), None);
    assert_eq!((&made["event"]["kind"], made["source"].get("ip")), (&json!("alert"), None));
    assert_eq!(made["user"]["name"], hostile);
    let mut names = Vec::new();
    names_in(&made, &mut names);
    assert!(
        names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')),
        "{names:?}"
    );
    assert_eq!(finding(evil, None)["class_uid"], 2004);
}

/// The names of all members, however deep.
fn names_in(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            names.push(name.clone());
            names_in(value, names);
        }),
        Value::Array(values) => values.iter().for_each(|value| names_in(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn an_alert_has_an_identity_that_every_sink_can_read() {
    for form in [AlertForm::Columns, AlertForm::Document, AlertForm::Finding] {
        let made = record(&DueAlert { alert: alert(), first_delivered: None }, form, NOW).unwrap();
        assert_eq!((made.id_text().as_deref(), made.second), (Some(&*alert().id), 1_795_867_200));
    }
}
