//! An alert as a Detection Finding of OCSF 1.8, class 2004.

use serde_json::{Value, json};

use super::{
    attack,
    facts::{AlertFacts, object},
};
use crate::detect_db::AlertStatus;

/// The version of the schema.
const VERSION: &str = "1.8.0";
const CATEGORY: i64 = 2;
const CLASS: i64 = 2004;

/// The finding, with the id of the alert at its top for sinks.
pub(super) fn finding(facts: &AlertFacts<'_>) -> Value {
    let alert = facts.alert;
    let (severity_id, severity) = facts.severity().ocsf;
    let (status_id, status) = match alert.status {
        AlertStatus::Open => (1, "New"),
        AlertStatus::Acknowledged => (2, "In Progress"),
        AlertStatus::Closed => (4, "Resolved"),
    };
    let activity_id = match (alert.status, facts.is_update()) {
        (AlertStatus::Closed, _) => 3,
        (AlertStatus::Open | AlertStatus::Acknowledged, true) => 2,
        (AlertStatus::Open | AlertStatus::Acknowledged, false) => 1,
    };
    object(json!({
        "id": alert.id,
        "activity_id": activity_id,
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity_id,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "time": facts.changed * 1000,
        "start_time": facts.start * 1000,
        "end_time": facts.end * 1000,
        "count": alert.event_count,
        "message": facts.reason(),
        "risk_score": facts.severity().score,
        "is_alert": alert.notify,
        "comment": alert.note,
        "verdict_id": verdict(alert.disposition.as_deref()),
        "metadata": {
            "version": VERSION,
            "uid": alert.id,
            "sequence": alert.seq,
            "event_code": alert.rule,
            "labels": alert.tags,
            "product": { "name": "ccfd", "vendor_name": "ccfd", "version": env!("CARGO_PKG_VERSION") },
        },
        "finding_info": finding_info(facts),
        "evidences": [evidence(facts)],
        "resources": resources(facts),
        "observables": observables(facts),
        "unmapped": own(facts),
    }))
}

fn verdict(disposition: Option<&str>) -> Option<i64> {
    match disposition? {
        "false-positive" => Some(1),
        "true-positive" => Some(2),
        "benign" => Some(5),
        _ => Some(0),
    }
}

fn finding_info(facts: &AlertFacts<'_>) -> Value {
    let alert = facts.alert;
    let mut attacks: Vec<Value> = attack::tactics(&alert.tags)
        .iter()
        .map(|tactic| json!({ "tactic": { "uid": tactic.id, "name": tactic.name } }))
        .collect();
    attacks.extend(attack::techniques(&alert.tags).iter().map(|id| match id.split_once('.') {
        Some((technique, _)) => json!({ "technique": { "uid": technique }, "sub_technique": { "uid": id } }),
        None => json!({ "technique": { "uid": id } }),
    }));
    let records: Vec<Value> = alert.record_ids.iter().map(|id| json!({ "uid": id })).collect();
    object(json!({
        "uid": alert.id,
        "title": alert.title,
        "desc": alert.description,
        "created_time": facts.at * 1000,
        "modified_time": facts.changed * 1000,
        "first_seen_time": facts.start * 1000,
        "last_seen_time": facts.end * 1000,
        "analytic": object(json!({
            "type_id": 1, "type": "Rule", "name": alert.rule, "uid": alert.rule_id, "version": alert.definition,
        })),
        "attacks": attacks,
        "related_events": records,
        "data_sources": alert.tables,
        "src_url": alert.references.first(),
    }))
}

fn evidence(facts: &AlertFacts<'_>) -> Value {
    let user = facts.user();
    let user = object(json!({
        "uid": facts.entities_of("user_id").first(),
        "name": user,
        "email_addr": user.filter(|user| user.contains('@')),
    }));
    object(json!({
        "actor": object(json!({ "user": user })),
        "src_endpoint": object(json!({ "ip": facts.addresses().first() })),
        "data": { "group": facts.alert.group, "shown": facts.alert.shown },
    }))
}

fn resources(facts: &AlertFacts<'_>) -> Vec<Value> {
    let kinds = [("project", "Project"), ("api_key", "API Key"), ("service_account", "Service Account")];
    let of = |(kind, name): (&str, &'static str)| {
        facts.entities_of(kind).iter().map(move |uid| json!({ "uid": uid, "type": name })).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(of).collect()
}

fn observables(facts: &AlertFacts<'_>) -> Vec<Value> {
    let addresses = facts.addresses().into_iter();
    let addresses = addresses.map(
        |value| json!({ "name": "src_endpoint.ip", "type_id": 2, "type": "IP Address", "value": value }),
    );
    let users = facts.entities_of("user").iter();
    let users = users.map(|value| {
        let (id, kind) = if value.contains('@') { (5, "Email Address") } else { (4, "User Name") };
        json!({ "name": "actor.user", "type_id": id, "type": kind, "value": value })
    });
    addresses.chain(users).collect()
}

fn own(facts: &AlertFacts<'_>) -> Value {
    let alert = facts.alert;
    object(json!({
        "historical": alert.historical,
        "staging": alert.staging,
        "notify_reason": alert.notify_reason,
        "suppressed_count": alert.suppressed_count,
        "merged_into": alert.merged_into,
        "withdrawn": alert.withdrawn,
        "judged_by": alert.judged_by,
        "connectors": alert.connectors,
        "falsepositives": alert.falsepositives,
        "references": alert.references,
    }))
}
