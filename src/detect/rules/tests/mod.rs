//! The language as a whole: files in, matches out.

mod errors;
mod grouping;
mod impossible;
mod judging;
mod linking;
mod repeated;
mod starter_pack;
mod typed;

use bytes::Bytes;
use collectors::{IdHash, Record};

use super::{Placeholders, RuleError, RuleSet, RuleSource};
use crate::{
    detect::model::{Match, Matches},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Table, Tables},
};

/// The set of one file.
fn load(text: &str) -> Result<RuleSet, Vec<RuleError>> {
    load_with(text, &Placeholders::new())
}

fn load_with(text: &str, placeholders: &Placeholders) -> Result<RuleSet, Vec<RuleError>> {
    let source = RuleSource::Text { name: "own.yml".to_owned(), text: text.to_owned() };
    RuleSet::load(&[source], &Tables::built_in(), placeholders)
}

fn loaded(text: &str) -> RuleSet {
    match load(text) {
        Ok(set) => set,
        Err(errors) => panic!("{}", shown(&errors)),
    }
}

/// Errors, a line each.
fn shown(errors: &[RuleError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A rule over audit events with this detection.
fn audit_rule(detection: &str) -> String {
    rule("audit_logs", detection)
}

/// A rule over completions with this detection.
fn completion_rule(detection: &str) -> String {
    rule("chat_completions", detection)
}

fn rule(service: &str, detection: &str) -> String {
    let indented: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    format!("title: Own\nlogsource: {{product: openai, service: {service}}}\ndetection:\n{indented}")
}

fn record(json: &str) -> Record {
    Record::new(Bytes::from(json.to_owned()), 1_770_979_925, IdHash::of("1"), None)
}

fn judge(set: &RuleSet, table: &Table, json: &str) -> Vec<Match> {
    let mut out = Matches::default();
    set.judge(table, "acme", &record(json), &mut out);
    out.to_vec()
}

/// Whether the only rule of a set matches an audit event.
fn matches_event(set: &RuleSet, json: &str) -> bool {
    !judge(set, &AUDIT_LOGS, json).is_empty()
}

/// Whether a detection matches an audit event whose payload is this.
fn matches_payload(detection: &str, payload: &str) -> bool {
    let set = loaded(&audit_rule(detection));
    matches_event(&set, &format!(r#"{{"id":"1","type":"a.b","effective_at":1,"a.b":{payload}}}"#))
}

/// Whether a detection matches a completion.
fn matches_completion(detection: &str, json: &str) -> bool {
    !judge(&loaded(&completion_rule(detection)), &CHAT_COMPLETIONS, json).is_empty()
}

/// What is wrong with a file.
fn errors(text: &str) -> String {
    shown(&load(text).unwrap_err())
}

/// What is wrong with each of these detections.
fn detection_errors(detections: &[&str]) -> String {
    detections.iter().map(|detection| errors(&audit_rule(detection))).collect::<Vec<_>>().join("\n")
}
