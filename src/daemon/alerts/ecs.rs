//! An alert as a document of the Elastic Common Schema, made so that Elastic's rule "External Alerts" promotes it.

use serde_json::{Value, json};

use super::{
    attack::{self, Tactic},
    facts::{AlertFacts, object},
};
use crate::tables::format_utc;

/// The version of the schema.
const VERSION: &str = "9.4.0";

/// The document, with the id of the alert at its top for sinks.
pub(super) fn document(facts: &AlertFacts<'_>) -> Value {
    let alert = facts.alert;
    object(json!({
        "id": alert.id,
        "message": alert.title,
        "event": event(facts),
        "rule": object(json!({
            "id": alert.rule,
            "uuid": alert.rule_id,
            "name": alert.title,
            "description": alert.description,
            "reference": alert.references.first(),
            "ruleset": "ccfd",
            "version": alert.definition,
        })),
        "threat": threat(&alert.tags),
        "user": user(facts),
        "source": object(json!({
            "ip": facts.addresses().first(), "address": facts.entities_of("address").first(),
        })),
        "related": object(json!({ "user": related_users(facts), "ip": facts.addresses() })),
        "observer": { "vendor": "ccfd", "product": "ccfd", "version": env!("CARGO_PKG_VERSION") },
        "tags": alert.tags,
        "ecs": { "version": VERSION },
        "ccfd": { "alert": own(facts) },
    }))
}

/// "External Alerts" takes documents whose kind is `alert`, and looks at those of the last minutes by the time of their
/// ingestion. What notifies nobody is of another kind, and a new status does not change that time.
fn event(facts: &AlertFacts<'_>) -> Value {
    let (alert, score) = (facts.alert, facts.severity().score);
    object(json!({
        "kind": if alert.notify { "alert" } else { "event" },
        "category": categories(&alert.tags),
        "type": ["info"],
        "severity": score,
        "risk_score": score,
        "id": alert.id,
        "module": "ccfd",
        "dataset": "ccfd.alerts",
        "action": alert.rule,
        "reason": facts.reason(),
        "created": format_utc(facts.at),
        "start": format_utc(facts.start),
        "end": format_utc(facts.end),
        "ingested": format_utc(facts.ingested()),
    }))
}

/// What the schema calls the subject, by the tactics of the rule.
fn categories(tags: &[String]) -> Vec<&'static str> {
    let mut categories = vec!["intrusion_detection"];
    for tactic in attack::tactics(tags) {
        categories.push(match tactic.name {
            "Initial Access" | "Credential Access" => "authentication",
            "Persistence" | "Privilege Escalation" => "iam",
            "Defense Impairment" | "Stealth" => "configuration",
            _ => continue,
        });
    }
    categories.sort_unstable();
    categories.dedup();
    categories
}

fn threat(tags: &[String]) -> Value {
    let tactics = attack::tactics(tags);
    let of = |value: fn(&Tactic) -> &str| tactics.iter().map(|tactic| value(tactic)).collect::<Vec<_>>();
    let all = attack::techniques(tags);
    let (below, techniques): (Vec<String>, Vec<String>) = all.into_iter().partition(|id| id.contains('.'));
    if tactics.is_empty() && techniques.is_empty() && below.is_empty() {
        return Value::Null;
    }
    object(json!({
        "framework": "MITRE ATT&CK",
        "tactic": object(json!({ "id": of(|tactic| tactic.id), "name": of(|tactic| tactic.name) })),
        "technique": object(json!({ "id": techniques, "subtechnique": object(json!({ "id": below })) })),
    }))
}

fn user(facts: &AlertFacts<'_>) -> Value {
    let user = facts.user();
    let email = user.filter(|user| user.contains('@'));
    object(json!({
        "id": facts.entities_of("user_id").first(),
        "name": user,
        "email": email,
        "domain": email.and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain),
    }))
}

fn related_users<'f>(facts: &'f AlertFacts<'_>) -> Vec<&'f String> {
    let kinds = ["user", "user_id", "service_account", "api_key", "end_user"];
    let mut users: Vec<&String> = kinds.iter().flat_map(|kind| facts.entities_of(kind)).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// What the schema has no place for. Names of fields are values here: as members they would be taken for paths.
fn own(facts: &AlertFacts<'_>) -> Value {
    let alert = facts.alert;
    let group = alert.group.iter();
    let group: Vec<String> =
        group.map(|(field, value)| format!("{field}={}", value.as_deref().unwrap_or_default())).collect();
    let shown: Vec<Value> =
        alert.shown.iter().map(|(field, values)| json!({ "field": field, "values": values })).collect();
    object(json!({
        "status": alert.status.word(),
        "disposition": alert.disposition,
        "judged_by": alert.judged_by,
        "judged_at": alert.judged_at,
        "note": alert.note,
        "level": alert.level,
        "event_count": alert.event_count,
        "group": group,
        "shown": shown,
        "entities": facts.entities,
        "record_ids": alert.record_ids,
        "connectors": alert.connectors,
        "tables": alert.tables,
        "references": alert.references,
        "falsepositives": alert.falsepositives,
        "historical": alert.historical,
        "staging": alert.staging,
        "notify": alert.notify,
        "notify_reason": alert.notify_reason,
        "suppressed_count": alert.suppressed_count,
        "merged_into": alert.merged_into,
        "withdrawn": alert.withdrawn,
        "changed_at": alert.changed_at,
        "change": alert.seq,
    }))
}
