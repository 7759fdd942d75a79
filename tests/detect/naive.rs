//! Alerts from the whole set of matches, by their definition: every window is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};

use ccfd::{
    detect::model::{Comparison, CorrelationKind, Match, Rule},
    tables::format_utc,
};

use super::{
    Facts,
    naive_windows::{Seen, Tick, hits},
};

type Group = Vec<Option<String>>;
pub type Record = (i64, String);

/// What rules have forgotten, and what is kept of it. Rules are known by their places.
#[derive(Clone, Debug, Default)]
pub struct Past {
    pub marks: BTreeMap<usize, i64>,
    /// The earliest match that each correlation has seen.
    firsts: BTreeMap<usize, i64>,
    episodes: BTreeMap<(usize, Group), Vec<KeptEpisode>>,
    /// Hits that what is left may no longer give.
    hits: BTreeMap<(usize, Group), BTreeSet<i64>>,
}

/// An alert that has lost records, or may have lost what made it one.
#[derive(Clone, Debug)]
struct KeptEpisode {
    from: i64,
    to: i64,
    since: i64,
    forgotten: Vec<Record>,
}

/// An alert of a correlation.
#[derive(Clone, Debug)]
struct Standing {
    group: Group,
    from: i64,
    to: i64,
    since: i64,
    forgotten: Vec<Record>,
    left: Vec<Record>,
}

impl Standing {
    fn fact(&self, rule: &Rule) -> Facts {
        let records: Vec<Record> = self.forgotten.iter().chain(&self.left).cloned().collect();
        fact(rule, &self.group, &records, self.to)
    }
}

/// Rules and what is known of records.
#[derive(Clone, Copy)]
struct Known<'k> {
    rules: &'k [Rule],
    matches: &'k [&'k Match],
    past: &'k Past,
}

/// Every alert that the matches of these rules raise.
pub fn alerts(rules: &[Rule], matches: &[Match]) -> Vec<Facts> {
    alerts_after(rules, matches, &Past::default())
}

/// The same after rules have forgotten something. What they have forgotten is not among the matches.
pub fn alerts_after(rules: &[Rule], matches: &[Match], past: &Past) -> Vec<Facts> {
    let unique = unique(matches);
    let known = Known { rules, matches: &unique, past };
    let mut facts = Vec::new();
    for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.alerts) {
        match rule.correlation() {
            None => {
                let own = |one: &&&Match| one.rule.0 as usize == place && one.at > known.mark(place);
                let own = unique.iter().filter(own);
                facts.extend(own.map(|one| fact(rule, &Vec::new(), &[(one.at, one.record.clone())], one.at)));
            }
            Some(_) => facts.extend(known.standing(place).iter().map(|one| one.fact(rule))),
        }
    }
    facts.sort();
    facts
}

fn unique(matches: &[Match]) -> Vec<&Match> {
    let mut unique: BTreeMap<(u32, &str), &Match> = BTreeMap::new();
    for one in matches {
        unique.entry((one.rule.0, &one.record)).or_insert(one);
    }
    unique.into_values().collect()
}

/// Moves marks. Returns the alerts that can no longer change.
pub fn forget(
    rules: &[Rule],
    matches: &mut [Match],
    past: &mut Past,
    marks: BTreeMap<usize, i64>,
) -> Vec<Facts> {
    let (mut next, mut settled) = (Past { marks, ..past.clone() }, Vec::new());
    {
        let unique = unique(matches);
        let known = Known { rules, matches: &unique, past };
        for (place, rule) in rules.iter().enumerate() {
            let (before, mark) = (known.mark(place), next.marks.get(&place).copied().unwrap_or(i64::MIN));
            if rule.correlation().is_none() {
                let lost = |one: &&&Match| {
                    rule.alerts && one.rule.0 as usize == place && one.at > before && one.at <= mark
                };
                let lost = unique.iter().filter(lost);
                settled
                    .extend(lost.map(|one| fact(rule, &Vec::new(), &[(one.at, one.record.clone())], one.at)));
                continue;
            }
            next.firsts.insert(place, known.first_at(place));
            if mark <= before {
                continue;
            }
            let [exact, judged] = [exact(rules, &next, place), judged(rules, &next, place)];
            next.episodes.retain(|(of, _), _| *of != place);
            next.hits.retain(|(of, _), _| *of != place);
            for one in known.standing(place).into_iter().filter(|_| rule.alerts) {
                if one.to <= mark {
                    settled.push(one.fact(rule));
                } else if one.since <= mark || one.from <= judged {
                    let lost = one.left.iter().filter(|(at, _)| *at <= mark);
                    let forgotten = one.forgotten.iter().chain(lost).cloned().collect();
                    let kept = KeptEpisode { from: one.from, to: one.to, since: one.since, forgotten };
                    next.episodes.entry((place, one.group)).or_default().push(kept);
                }
            }
            for (group, seen) in known.seen_by(place) {
                let hits = known.hits(place, &group, &seen);
                let kept = hits.into_iter().filter(|at| (mark + 1..=exact).contains(at));
                next.hits.insert((place, group), kept.collect());
            }
        }
    }
    *past = next;
    for one in matches.iter_mut() {
        let (at, own) = (one.at, one.rule);
        one.seen_by.retain(|seen| {
            seen.by == own || at > past.marks.get(&(seen.by.0 as usize)).copied().unwrap_or(i64::MIN)
        });
    }
    settled
}

/// Whether more matches can only satisfy the condition.
fn only_grows(rules: &[Rule], place: usize) -> bool {
    rules[place].correlation().is_none_or(|correlation| {
        let rises = correlation
            .condition
            .iter()
            .all(|(comparison, _)| matches!(comparison, Comparison::Greater | Comparison::AtLeast));
        let is_monotone = match correlation.kind {
            CorrelationKind::EventCount | CorrelationKind::ValueCount => rises,
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => true,
            _ => false,
        };
        is_monotone && correlation.inputs.iter().all(|input| only_grows(rules, input.rule.0 as usize))
    })
}

/// Up to where hits of a rule may be lost.
fn exact(rules: &[Rule], past: &Past, place: usize) -> i64 {
    let correlation = rules[place].correlation().unwrap();
    let children = correlation.inputs.iter().map(|input| input.rule.0 as usize);
    let children = children.filter(|child| rules[*child].correlation().is_some());
    let whole = children.map(|child| exact(rules, past, child)).max().unwrap_or(i64::MIN);
    let reach = match correlation.kind {
        CorrelationKind::FirstSeen { window, .. } => window,
        CorrelationKind::Spike { baseline, .. } => correlation.timespan + baseline,
        _ => correlation.timespan,
    };
    whole.max(past.marks.get(&place).copied().unwrap_or(i64::MIN)).saturating_add(reach)
}

/// Up to where no window of a rule is evaluated.
fn judged(rules: &[Rule], past: &Past, place: usize) -> i64 {
    match only_grows(rules, place) {
        true => past.marks.get(&place).copied().unwrap_or(i64::MIN),
        false => exact(rules, past, place),
    }
}

impl Known<'_> {
    fn mark(&self, place: usize) -> i64 {
        self.past.marks.get(&place).copied().unwrap_or(i64::MIN)
    }

    fn first_at(&self, place: usize) -> i64 {
        let seen = |one: &&&Match| one.seen_by.iter().any(|seen| seen.by.0 as usize == place);
        let first = self.matches.iter().filter(seen).map(|one| one.at).min();
        first.into_iter().chain(self.past.firsts.get(&place).copied()).min().unwrap_or(i64::MAX)
    }

    fn seen_by(&self, place: usize) -> BTreeMap<Group, Seen> {
        let mut groups: BTreeMap<Group, Seen> = BTreeMap::new();
        for one in self.matches {
            for seen in one.seen_by.iter().filter(|seen| seen.by.0 as usize == place) {
                let values: Group = seen.group().map(|value| value.map(str::to_owned)).collect();
                let group = groups.entry(values).or_default();
                let tick = |value| Tick { at: one.at, input: seen.input, value };
                group.ticks.extend(seen.values().map(|value| tick(Some(value.into()))));
                if seen.values().len() == 0 {
                    group.ticks.push(tick(None));
                }
                group.direct.insert((one.at, one.record.clone()));
            }
        }
        for (input, of) in (0..).zip(&self.rules[place].correlation().unwrap().inputs) {
            let child = of.rule.0 as usize;
            if self.rules[child].correlation().is_none() {
                continue;
            }
            for (values, seen) in self.seen_by(child) {
                let in_parent: Group = of.group_from.iter().map(|place| values[*place].clone()).collect();
                for hit in self.hits(child, &values, &seen) {
                    let group = groups.entry(in_parent.clone()).or_default();
                    group.ticks.push(Tick { at: hit, input, value: None });
                    let window = hit - back(self.rules, child)..=hit;
                    let records = seen.direct.iter().chain(&seen.brought);
                    group.brought.extend(records.filter(|(at, _)| window.contains(at)).cloned());
                }
            }
        }
        for (_, group) in self.past.episodes.keys().filter(|(of, _)| *of == place) {
            groups.entry(group.clone()).or_default();
        }
        groups
    }

    /// The seconds of satisfied windows of a group, as other correlations see them.
    fn hits(&self, place: usize, group: &Group, seen: &Seen) -> BTreeSet<i64> {
        let kept = self.past.hits.get(&(place, group.clone()));
        kept.into_iter().flatten().copied().chain(self.stretches(place, seen).map(|(_, at)| at)).collect()
    }

    /// The satisfied stretches of a group that what is left gives.
    fn stretches(&self, place: usize, seen: &Seen) -> impl Iterator<Item = (i64, i64)> {
        let judged = judged(self.rules, self.past, place);
        let correlation = self.rules[place].correlation().unwrap();
        let first = match correlation.kind {
            CorrelationKind::FirstSeen { .. } => self.first_at(place),
            _ => i64::MIN,
        };
        hits(correlation, seen, first).into_iter().filter(move |(_, at)| *at > judged)
    }

    fn standing(&self, place: usize) -> Vec<Standing> {
        let correlation = self.rules[place].correlation().unwrap();
        let back = |tick: &Tick| back(self.rules, correlation.inputs[tick.input as usize].rule.0 as usize);
        let mut all = Vec::new();
        for (group, seen) in self.seen_by(place) {
            let kept = self.past.episodes.get(&(place, group.clone()));
            let kept: Vec<&KeptEpisode> = kept.into_iter().flatten().collect();
            let stretches = self.stretches(place, &seen).chain(kept.iter().map(|one| (one.from, one.to)));
            for (from, to) in joined(stretches.collect()) {
                let parts: Vec<&KeptEpisode> =
                    kept.iter().copied().filter(|one| from <= one.from && one.to <= to).collect();
                let inside = seen.ticks.iter().filter(|tick| (from..=to).contains(&tick.at));
                let since = inside.map(|tick| tick.at - back(tick));
                let since = since.chain(parts.iter().map(|one| one.since)).fold(from, i64::min);
                let records: BTreeSet<Record> = seen
                    .direct
                    .iter()
                    .chain(&seen.brought)
                    .filter(|(at, _)| (from..=to).contains(at))
                    .chain(seen.brought.iter().filter(|(at, _)| (since..from).contains(at)))
                    .cloned()
                    .collect();
                let forgotten = parts.iter().flat_map(|one| one.forgotten.clone()).collect();
                let left = records.into_iter().collect();
                all.push(Standing { group: group.clone(), from, to, since, forgotten, left });
            }
        }
        all
    }
}

fn fact(rule: &Rule, group: &Group, records: &[Record], last: i64) -> Facts {
    let names = rule.correlation().map(|correlation| correlation.group_by.clone()).unwrap_or_default();
    let group: BTreeMap<String, Option<String>> =
        names.iter().map(|name| name.to_string()).zip(group.iter().cloned()).collect();
    Facts {
        rule: rule.slug.to_string(),
        group: serde_json::to_string(&group).unwrap(),
        first: format_utc(records[0].0),
        last: format_utc(last),
        count: records.len() as u64,
        records: records.iter().take(100).map(|(_, record)| record.clone()).collect(),
    }
}

/// How many seconds before a hit of a rule its records lie.
fn back(rules: &[Rule], place: usize) -> i64 {
    rules[place].correlation().map_or(0, |correlation| {
        let inputs = correlation.inputs.iter().map(|input| back(rules, input.rule.0 as usize));
        correlation.timespan + inputs.max().unwrap()
    })
}

fn joined(mut stretches: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = Vec::new();
    stretches.sort();
    for (from, to) in stretches {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}
