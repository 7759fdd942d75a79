//! `ccfd rules list`

use std::collections::BTreeMap;

use clap::Args;
use collectors::Clock;
use serde::Serialize;

use super::{blinded_rules, rules};
use crate::{
    cli::{
        Context,
        exit::Exit,
        text::{Align, counted, cut_end, fitted, print, print_json_line, say, tame, width},
    },
    config::Config,
    detect::{
        model::{RuleIndex, RuleState},
        rules::RuleSet,
    },
    detect_db::{DetectDb, Disposition, FILE_NAME, FieldUse, RuleFigures, level_name},
    tables::format_utc,
};

/// The widest remark of a table.
const REMARK_CHARS: usize = 60;
/// Verdicts from which a share is worth stating.
const VERDICTS_MIN: u64 = 5;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Also the parts of rules, which raise no alerts by themselves
    #[arg(long)]
    all: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Records without a field from which that is worth stating: if it was never there, and if it was.
const ABSENT_MIN: u64 = 20;
const MISSED_MIN: u64 = 1_000;

/// A field that a rule reads and recent records did not have.
#[derive(Debug, Serialize)]
struct UnseenField {
    field: String,
    /// How many records the rule has looked at since it last saw a value.
    records: u64,
    last_seen: Option<String>,
}

/// A rule as it is listed.
#[derive(Debug, Serialize)]
struct ListedRule {
    rule: String,
    title: String,
    level: &'static str,
    state: &'static str,
    alerts_24h: u64,
    alerts_7d: u64,
    alerts_30d: u64,
    matches_30d: u64,
    last_hit: Option<String>,
    unseen_fields: Vec<UnseenField>,
    verdicts: BTreeMap<&'static str, u64>,
    false_positive_share: Option<f64>,
    file: String,
    remarks: Vec<String>,
}

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let set = rules(config)?;
    let (figures, uses) = match DetectDb::open_existing(&config.state.dir.join(FILE_NAME))? {
        Some(db) => (db.figures(Clock::system().now())?, db.field_uses()?),
        None => Default::default(),
    };
    let blinded = blinded_rules(config, &set);
    let mut listed = Vec::new();
    for (index, rule) in (0..).map(RuleIndex).zip(&set.rules).filter(|(_, rule)| rule.alerts || arguments.all)
    {
        let of = figures.get(&*rule.slug).cloned().unwrap_or_default();
        let (unseen_fields, cut) = sights(&set, index, &uses);
        let blinded = blinded.iter().filter(|one| *one.slug == *rule.slug);
        let mut remarks: Vec<String> =
            blinded.map(|one| format!("blinded: {} {}", one.collector, one.redacted)).collect();
        for (is_lost, words) in [(false, "never seen"), (true, "no longer seen")] {
            let of = unseen_fields.iter().filter(|unseen| unseen.last_seen.is_some() == is_lost);
            let fields: Vec<&str> = of.map(|unseen| unseen.field.as_str()).collect();
            if !fields.is_empty() {
                remarks.push(format!("{words}: {}", fields.join(", ")));
            }
        }
        if cut > 0 {
            remarks.push(format!("{} not examined whole", counted(cut, "text")));
        }
        listed.push(ListedRule {
            rule: rule.slug.to_string(),
            title: rule.title.clone(),
            level: level_name(rule.level),
            state: match rule.state {
                RuleState::Active => "active",
                RuleState::Staging => "staging",
                RuleState::Off => "off",
            },
            alerts_24h: of.alerts[0],
            alerts_7d: of.alerts[1],
            alerts_30d: of.alerts[2],
            matches_30d: of.matches[2],
            last_hit: of.last_hit.map(format_utc),
            unseen_fields,
            false_positive_share: share(&of),
            verdicts: of.verdicts.into_iter().map(|(verdict, count)| (verdict.word(), count)).collect(),
            file: rule.place.clone(),
            remarks,
        });
    }
    for unusable in &set.unusable {
        listed.push(ListedRule {
            rule: unusable.slug.to_string(),
            title: unusable.title.clone(),
            level: "-",
            state: "unusable",
            alerts_24h: 0,
            alerts_7d: 0,
            alerts_30d: 0,
            matches_30d: 0,
            last_hit: None,
            unseen_fields: Vec::new(),
            verdicts: BTreeMap::new(),
            false_positive_share: None,
            file: unusable.place.clone(),
            remarks: vec![unusable.reason.clone()],
        });
    }
    listed.sort_by(|one, other| one.rule.cmp(&other.rule));
    if arguments.json {
        listed.iter().try_for_each(print_json_line)?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
    rows.extend(listed.iter().map(row));
    print(&fitted(&ALIGNS, &LEAST, &rows, width(&context.environment)))?;
    say(format_args!(
        "{}; alerts of a day, a week, thirty days; try one on the past with `ccfd rules test RULE`",
        counted(listed.len() as u64, "rule")
    ));
    Ok(Exit::Done)
}

/// The fields that a rule reads and recent records did not have, and how many texts it did not examine whole.
fn sights(
    set: &RuleSet,
    rule: RuleIndex,
    uses: &BTreeMap<(String, String), FieldUse>,
) -> (Vec<UnseenField>, u64) {
    let (mut unseen, mut cut) = (BTreeMap::new(), 0);
    for detection in set.detections(rule) {
        for read in set.reads(rule) {
            let Some(of) = uses.get(&(detection.slug.to_string(), read.field.clone())) else { continue };
            cut += of.cut;
            if of.absent >= if of.seen_at.is_some() { MISSED_MIN } else { ABSENT_MIN } {
                let (records, last_seen) = (of.absent, of.seen_at.map(format_utc));
                let field = UnseenField { field: read.field.clone(), records, last_seen };
                unseen.insert(read.field.clone(), field);
            }
        }
    }
    (unseen.into_values().collect(), cut)
}

/// The share of wrong alerts among those with a verdict, once there are enough.
fn share(figures: &RuleFigures) -> Option<f64> {
    let of = |verdict| figures.verdicts.get(&verdict).copied().unwrap_or(0);
    let all: u64 = figures.verdicts.values().sum();
    (all >= VERDICTS_MIN).then(|| of(Disposition::FalsePositive) as f64 / all as f64)
}

const HEADS: [&str; 9] = ["RULE", "LEVEL", "STATE", "24H", "7D", "30D", "LAST", "FALSE", "REMARKS"];
const ALIGNS: [Align; 9] = [
    Align::Left,
    Align::Left,
    Align::Left,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Left,
    Align::Right,
    Align::Left,
];
/// Which columns a narrow terminal loses, in this order.
const LEAST: [usize; 5] = [8, 7, 6, 3, 4];

fn row(rule: &ListedRule) -> Vec<String> {
    let share = rule.false_positive_share.map(|share| format!("{:.0} %", share * 100.0));
    vec![
        tame(&rule.rule),
        rule.level.to_owned(),
        rule.state.to_owned(),
        rule.alerts_24h.to_string(),
        rule.alerts_7d.to_string(),
        rule.alerts_30d.to_string(),
        // The day is enough.
        rule.last_hit.as_deref().map_or("-", |last| last.get(..10).unwrap_or(last)).to_owned(),
        share.unwrap_or_else(|| "-".to_owned()),
        cut_end(&tame(&rule.remarks.join("; ")), REMARK_CHARS),
    ]
}
