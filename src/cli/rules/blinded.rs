//! Rules that cannot see what they read, because it is redacted before any sink gets it.

use super::detect_sink;
use crate::{
    config::Config,
    detect::{
        model::{RuleIndex, RuleState},
        rules::{RecordName, RuleSet},
    },
    redact::RuleAction,
};

/// A rule that reads a field which a collector redacts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlindedRule {
    /// The rule.
    pub slug: String,
    /// What it reads, as it names it.
    pub field: String,
    /// What is redacted, and how.
    pub redacted: String,
    /// The collector.
    pub collector: String,
}

impl std::fmt::Display for BlindedRule {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { slug, field, redacted, collector } = self;
        write!(out, "rule {slug} reads {field}: collector {collector} {redacted}")
    }
}

/// The rules that read a field which a collector of the sink redacts, other than those that are off.
pub fn blinded_rules(config: &Config, set: &RuleSet) -> Vec<BlindedRule> {
    let Some((sink, _)) = detect_sink(config) else { return Vec::new() };
    let mut blinded = Vec::new();
    for (name, collector) in &config.collectors {
        let Some(redact) =
            collector.redact.as_ref().filter(|_| collector.sinks.iter().any(|one| one == sink))
        else {
            continue;
        };
        let table = collector.source.list.table();
        for (index, rule) in (0..).map(RuleIndex).zip(&set.rules) {
            if rule.state == RuleState::Off || !rule.alerts {
                continue;
            }
            for read in set.reads(index).filter(|read| read.table == *table.name) {
                let touching = read.paths.iter().find_map(|path| {
                    let names: Vec<Option<&str>> = path.iter().map(name_of).collect();
                    redact.rules.touching(&names)
                });
                let Some(touching) = touching else { continue };
                let how = match touching.action {
                    RuleAction::Drop => "drops",
                    RuleAction::Mask => "masks",
                    RuleAction::Hash => "hashes",
                };
                blinded.push(BlindedRule {
                    slug: rule.slug.to_string(),
                    field: read.field.clone(),
                    redacted: format!("{how} `{}`", touching.path),
                    collector: name.clone(),
                });
            }
        }
    }
    blinded.sort();
    blinded.dedup();
    blinded
}

/// The name of a member; `None` for the payload of an audit event.
fn name_of(name: &RecordName) -> Option<&str> {
    match name {
        RecordName::Member(name) => Some(name),
        RecordName::Payload => None,
    }
}
