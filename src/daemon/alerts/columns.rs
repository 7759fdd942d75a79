//! The fields of the columns of `CcfdAlerts_CL`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    attack,
    facts::{AlertFacts, second},
};

/// What the columns name, and a record has.
#[derive(Serialize)]
pub(super) struct AlertFields<'a> {
    id: &'a str,
    at: i64,
    rule: &'a str,
    rule_id: &'a str,
    title: &'a str,
    description: &'a str,
    reason: String,
    severity: &'static str,
    level: &'a str,
    risk_score: i64,
    status: &'static str,
    disposition: Option<&'a str>,
    judged_by: Option<&'a str>,
    judged_at: Option<i64>,
    note: Option<&'a str>,
    start: i64,
    end: i64,
    event_count: u64,
    group: &'a BTreeMap<String, Option<String>>,
    entities: &'a BTreeMap<&'static str, Vec<String>>,
    shown: &'a BTreeMap<String, Vec<String>>,
    user_name: Option<&'a String>,
    user_id: Option<&'a String>,
    address: Option<&'a String>,
    record_ids: &'a [String],
    tactics: Vec<&'static str>,
    techniques: Vec<String>,
    tags: &'a [String],
    references: &'a [String],
    falsepositives: &'a [String],
    connectors: &'a [String],
    tables: &'a [String],
    historical: u8,
    staging: u8,
    notify: u8,
    notify_reason: Option<&'a str>,
    suppressed_count: u64,
    merged_into: Option<&'a str>,
    withdrawn: u8,
    changed: i64,
    change: i64,
    is_update: u8,
}

impl<'a> AlertFields<'a> {
    pub(super) fn of(facts: &'a AlertFacts<'a>) -> Self {
        let alert = facts.alert;
        let severity = facts.severity();
        let mut tactics: Vec<&'static str> =
            attack::tactics(&alert.tags).iter().map(|tactic| tactic.sentinel).collect();
        tactics.dedup();
        Self {
            id: &alert.id,
            at: facts.at,
            rule: &alert.rule,
            rule_id: &alert.rule_id,
            title: &alert.title,
            description: &alert.description,
            reason: facts.reason(),
            severity: severity.sentinel,
            level: &alert.level,
            risk_score: severity.score,
            status: alert.status.word(),
            disposition: alert.disposition.as_deref(),
            judged_by: alert.judged_by.as_deref(),
            judged_at: alert.judged_at.as_deref().map(second),
            note: alert.note.as_deref(),
            start: facts.start,
            end: facts.end,
            event_count: alert.event_count,
            group: &alert.group,
            entities: &facts.entities,
            shown: &alert.shown,
            user_name: facts.user(),
            user_id: facts.entities_of("user_id").first(),
            address: facts.addresses().first().copied(),
            record_ids: &alert.record_ids,
            tactics,
            techniques: attack::techniques(&alert.tags),
            tags: &alert.tags,
            references: &alert.references,
            falsepositives: &alert.falsepositives,
            connectors: &alert.connectors,
            tables: &alert.tables,
            historical: alert.historical.into(),
            staging: alert.staging.into(),
            notify: alert.notify.into(),
            notify_reason: alert.notify_reason.as_deref(),
            suppressed_count: alert.suppressed_count,
            merged_into: alert.merged_into.as_deref(),
            withdrawn: alert.withdrawn.into(),
            changed: facts.changed,
            change: alert.seq,
            is_update: facts.is_update().into(),
        }
    }
}
