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
    detect::model::RuleState,
    detect_db::{DetectDb, Disposition, FILE_NAME, RuleFigures, level_name},
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
    verdicts: BTreeMap<&'static str, u64>,
    false_positive_share: Option<f64>,
    file: String,
    remarks: Vec<String>,
}

pub fn run(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let set = rules(config)?;
    let figures = match DetectDb::open_existing(&config.state.dir.join(FILE_NAME))? {
        Some(db) => db.figures(Clock::system().now())?,
        None => BTreeMap::new(),
    };
    let blinded = blinded_rules(config, &set);
    let mut listed = Vec::new();
    for rule in set.rules.iter().filter(|rule| rule.alerts || arguments.all) {
        let of = figures.get(&*rule.slug).cloned().unwrap_or_default();
        let remarks = blinded.iter().filter(|one| *one.slug == *rule.slug);
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
            false_positive_share: share(&of),
            verdicts: of.verdicts.into_iter().map(|(verdict, count)| (verdict.word(), count)).collect(),
            file: rule.place.clone(),
            remarks: remarks.map(|one| format!("blinded: {} {}", one.collector, one.redacted)).collect(),
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

/// The share of wrong alerts among those with a verdict, once there are enough.
fn share(figures: &RuleFigures) -> Option<f64> {
    let of = |verdict| figures.verdicts.get(&verdict).copied().unwrap_or(0);
    let all: u64 = figures.verdicts.values().sum();
    (all >= VERDICTS_MIN).then(|| of(Disposition::FalsePositive) as f64 / all as f64)
}

const HEADS: [&str; 8] = ["RULE", "LEVEL", "STATE", "24H", "7D", "30D", "FALSE", "REMARKS"];
const ALIGNS: [Align; 8] = [
    Align::Left,
    Align::Left,
    Align::Left,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Left,
];
/// Which columns a narrow terminal loses, in this order.
const LEAST: [usize; 4] = [7, 6, 3, 4];

fn row(rule: &ListedRule) -> Vec<String> {
    let share = rule.false_positive_share.map(|share| format!("{:.0} %", share * 100.0));
    vec![
        tame(&rule.rule),
        rule.level.to_owned(),
        rule.state.to_owned(),
        rule.alerts_24h.to_string(),
        rule.alerts_7d.to_string(),
        rule.alerts_30d.to_string(),
        share.unwrap_or_else(|| "-".to_owned()),
        cut_end(&tame(&rule.remarks.join("; ")), REMARK_CHARS),
    ]
}
