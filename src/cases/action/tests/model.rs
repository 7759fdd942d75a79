//! The algorithm once more, as plain as it can be: over maps, with nothing to repeat or to interrupt.

use std::collections::{BTreeMap, BTreeSet};

/// The values of a group's fields.
pub type Grouping = Vec<(String, String)>;

/// An alert: its id and its fields, some of which may be empty.
#[derive(Clone, Debug)]
pub struct ModelAlert {
    pub id: String,
    pub fields: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelCase {
    pub is_closed: bool,
    pub alerts: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub group_by: Vec<String>,
    pub reopen: bool,
    pub window: i64,
    pub cases_max: usize,
    pub oracles: BTreeMap<Grouping, (i64, i64)>,
    pub cases: BTreeMap<(Grouping, i64), ModelCase>,
}

impl Model {
    pub fn run(&mut self, alerts: &[ModelAlert], now: i64) {
        let mut groups: BTreeMap<Grouping, BTreeSet<String>> = BTreeMap::new();
        for alert in alerts {
            groups.entry(self.grouping(alert)).or_default().insert(alert.id.clone());
        }
        if groups.len() > self.cases_max {
            let (mut known, new): (BTreeMap<_, _>, BTreeMap<_, _>) =
                groups.into_iter().partition(|(grouping, _)| self.oracles.contains_key(grouping));
            if !new.is_empty() {
                known.insert(Vec::new(), new.into_values().flatten().collect());
            }
            groups = known;
        }
        let attached: BTreeSet<String> =
            self.cases.values().flat_map(|case| case.alerts.iter().cloned()).collect();
        for (grouping, mut alerts) in groups {
            alerts.retain(|alert| !attached.contains(alert));
            if alerts.is_empty() {
                continue;
            }
            let (counter, since) = self.oracles.entry(grouping.clone()).or_insert((1, now));
            if *since < now - self.window {
                (*counter, *since) = (*counter + 1, now);
            }
            let closed = |cases: &BTreeMap<(Grouping, i64), ModelCase>, counter| {
                cases.get(&(grouping.clone(), counter)).is_some_and(|case| case.is_closed)
            };
            if closed(&self.cases, *counter) && !self.reopen {
                (*counter, *since) = (*counter + 1, now);
            }
            let case = self.cases.entry((grouping, *counter)).or_default();
            case.is_closed = false;
            case.alerts.extend(alerts);
        }
    }

    fn grouping(&self, alert: &ModelAlert) -> Grouping {
        let names: BTreeSet<&String> = self.group_by.iter().collect();
        let value = |name: &String| alert.fields.get(name).filter(|value| !value.is_empty()).cloned();
        let all = names.iter().all(|name| value(name).is_some());
        names
            .into_iter()
            .map(|name| (name.clone(), if all { value(name).unwrap() } else { "unknown".to_owned() }))
            .collect()
    }
}
