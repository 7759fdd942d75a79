//! Rules and matches made by hand.

use std::sync::Arc;

use ccfd::detect::model::{
    Comparison, Correlation, CorrelationInput, CorrelationKind, Level, Match, MatchValue, Rule, RuleIndex,
    RuleKind, RuleState, SeenBy,
};

/// A rule with a kind and nothing else to say.
pub fn rule(slug: &str, kind: RuleKind) -> Rule {
    Rule {
        slug: slug.into(),
        id: String::new(),
        title: slug.replace('_', " "),
        description: String::new(),
        level: Level::Medium,
        tags: Vec::new(),
        references: Vec::new(),
        falsepositives: Vec::new(),
        state: RuleState::Active,
        alerts: true,
        group_by: Vec::new(),
        suppress: None,
        definition: 7,
        place: format!("{slug}.yml:1"),
        kind,
    }
}

pub fn detection(slug: &str, alerts: bool) -> Rule {
    Rule { alerts, ..rule(slug, RuleKind::Detection) }
}

/// A correlation of rules by their places; a group is a user, or everything.
pub fn correlation(
    slug: &str,
    kind: CorrelationKind,
    inputs: &[u32],
    by_user: bool,
    timespan: i64,
    condition: &[(Comparison, f64)],
) -> Rule {
    let group_from = if by_user { vec![0] } else { Vec::new() };
    let input = |rule: &u32| CorrelationInput { rule: RuleIndex(*rule), group_from: group_from.clone() };
    let inputs = inputs.iter().map(input).collect();
    let group_by: Vec<Arc<str>> = by_user.then(|| "user".into()).into_iter().collect();
    let correlation = Correlation { kind, inputs, group_by, timespan, condition: condition.to_vec() };
    rule(slug, RuleKind::Correlation(correlation))
}

/// A record that a detection may match.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub at: i64,
    pub user: Option<String>,
    pub value: f64,
    /// The detections that match it, by their places.
    pub matches: Vec<u32>,
}

/// The matches of an event: each correlation sees its user, and its value if it asks for one.
pub fn matches_of(rules: &[Rule], event: &Event) -> Vec<Match> {
    let of_rule = |detection: &u32| {
        let mut seen_by = SeenBy::default();
        let user = event.user.as_deref();
        let own = &rules[*detection as usize];
        if own.alerts {
            seen_by.begin(RuleIndex(*detection), 0);
            own.group_by.iter().for_each(|_| add_group(&mut seen_by, user));
        }
        for (by, rule) in (0..).zip(rules) {
            let Some(correlation) = rule.correlation() else { continue };
            let Some(input) = (0..).zip(&correlation.inputs).find(|(_, input)| input.rule.0 == *detection)
            else {
                continue;
            };
            seen_by.begin(RuleIndex(by), input.0);
            if !correlation.group_by.is_empty() {
                add_group(&mut seen_by, user);
            }
            match correlation.kind {
                CorrelationKind::ValueCount | CorrelationKind::FirstSeen { .. } => {
                    seen_by.add_value(MatchValue::Text(&event.value.to_string()));
                }
                CorrelationKind::ValueSum
                | CorrelationKind::ValueAvg
                | CorrelationKind::ValuePercentile(_)
                | CorrelationKind::Spike { .. } => seen_by.add_value(MatchValue::Number(event.value)),
                CorrelationKind::EventCount
                | CorrelationKind::Temporal
                | CorrelationKind::TemporalOrdered => {}
            }
        }
        Match {
            rule: RuleIndex(*detection),
            record: event.id.clone(),
            at: event.at,
            shown: event.user.iter().map(|user| ("user", user)).collect(),
            seen_by,
        }
    };
    event.matches.iter().map(of_rule).collect()
}

fn add_group(seen_by: &mut SeenBy, value: Option<&str>) {
    seen_by.add_group(|text| value.map(|value| text.push_str(value)).is_some());
}

/// A second of these rules in `slow` ones: what is in a piece, and what is removed by age, are whole days.
pub const SLOW: i64 = 24 * 3_600 / 10;

/// The same rule over longer times.
pub fn slow(rule: Rule) -> Rule {
    let RuleKind::Correlation(mut correlation) = rule.kind else { return rule };
    correlation.timespan *= SLOW;
    correlation.kind = match correlation.kind {
        CorrelationKind::FirstSeen { window, learn } => {
            CorrelationKind::FirstSeen { window: window * SLOW, learn: learn * SLOW }
        }
        CorrelationKind::Spike { factor, baseline, at_least } => {
            CorrelationKind::Spike { factor, baseline: baseline * SLOW, at_least }
        }
        kind => kind,
    };
    Rule { kind: RuleKind::Correlation(correlation), ..rule }
}

/// Three detections, and every kind of correlation over them, chains of them included.
pub fn all_kinds() -> Vec<Rule> {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
    use CorrelationKind::{
        EventCount, FirstSeen, Spike, Temporal, TemporalOrdered, ValueAvg, ValueCount, ValuePercentile,
        ValueSum,
    };
    vec![
        detection("failed", false),
        detection("passed", false),
        detection("created", true),
        correlation("many_failed", EventCount, &[0], true, 10, &[(AtLeast, 3.0)]),
        correlation("guessed", TemporalOrdered, &[3, 1], true, 12, &[]),
        correlation("many_values", ValueCount, &[0], true, 10, &[(AtLeast, 2.0)]),
        correlation("few_passed", EventCount, &[1], true, 8, &[(Less, 2.0)]),
        correlation("large", ValueSum, &[2], false, 10, &[(Greater, 4.0)]),
        correlation("together", Temporal, &[0, 1, 2], true, 15, &[]),
        correlation("new_value", FirstSeen { window: 40, learn: 10 }, &[2], true, 40, &[]),
        correlation("twice_anywhere", EventCount, &[3], false, 20, &[(AtLeast, 2.0)]),
        correlation("few_twice", EventCount, &[6], true, 10, &[(AtLeast, 2.0), (AtMost, 3.0)]),
        correlation("guessed_and_created", Temporal, &[4, 2], true, 20, &[]),
        correlation("mean", ValueAvg, &[0, 1], true, 10, &[(AtLeast, 2.0)]),
        correlation("high_half", ValuePercentile(50.0), &[1], false, 10, &[(Greater, 1.0)]),
        correlation("spike", Spike { factor: 1.5, baseline: 40, at_least: 2.0 }, &[0], true, 10, &[]),
        correlation("exactly_two", EventCount, &[0, 1], true, 10, &[(Equal, 2.0)]),
        Rule { alerts: false, ..correlation("silent", EventCount, &[1], true, 10, &[(AtLeast, 2.0)]) },
        correlation("after_silent", TemporalOrdered, &[17, 0], true, 15, &[]),
    ]
}
