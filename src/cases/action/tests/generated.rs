//! Random histories against the model, with kills between the steps.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Map, Value, json};

use super::{
    Scene, alert,
    model::{Grouping, Model, ModelAlert, ModelCase},
};
use crate::cases::{
    CaseError, CaseStatus,
    action::{CaseAlert, CasesAction, ids::case_id},
};

/// `CCFD_DETECT_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("CCFD_DETECT_SEEDS").map_or(20, |text| text.parse().expect("a number"))
}

const FIELDS: [&str; 2] = ["user", "host"];

struct History {
    random: StdRng,
    scene: Scene,
    model: Model,
    alerts: Vec<ModelAlert>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let fields = random.random_range(0..=FIELDS.len());
        let group_by: Vec<String> = FIELDS[..fields].iter().map(|field| (*field).to_owned()).collect();
        let (reopen, hours, cases_max) =
            (random.random(), random.random_range(1..48), random.random_range(1..=6u8));
        let action = CasesAction {
            group_by: group_by.clone(),
            reopen,
            time_window: format!("{hours}h").parse().unwrap(),
            cases_max,
            ..CasesAction::default()
        };
        let model = Model {
            group_by,
            reopen,
            window: hours * 3600,
            cases_max: cases_max.into(),
            oracles: BTreeMap::new(),
            cases: BTreeMap::new(),
        };
        Self { random, scene: Scene::new(action), model, alerts: Vec::new() }
    }

    /// New alerts and some of those before.
    fn batch(&mut self) -> Vec<ModelAlert> {
        let mut batch = Vec::new();
        for _ in 0..self.random.random_range(0..8) {
            let mut fields = BTreeMap::new();
            for field in FIELDS {
                let value = ["a", "b", "c", "d", "e", ""][self.random.random_range(0..6)];
                fields.insert(field.to_owned(), value.to_owned());
            }
            let alert = ModelAlert { id: format!("alert-{}", self.alerts.len()), fields };
            self.alerts.push(alert.clone());
            batch.push(alert);
        }
        for _ in 0..self.random.random_range(0..3) {
            if !self.alerts.is_empty() {
                batch.push(self.alerts[self.random.random_range(0..self.alerts.len())].clone());
            }
        }
        batch
    }

    /// The same batch until it succeeds, killed after some of the steps.
    fn run_with_kills(&mut self, batch: &[CaseAlert], mut between: impl FnMut(&mut Scene)) {
        let mut left = self.random.random_range(0..4u32);
        loop {
            let last = self.random.random_range(1..12u32);
            let mut step = 0;
            let done = self.scene.try_run(batch, &mut |_| {
                step += 1;
                match left > 0 && step == last {
                    true => Err(CaseError::Invalid("killed".into())),
                    false => Ok(()),
                }
            });
            match done {
                Ok(_) => return,
                Err(CaseError::Invalid(_)) => left -= 1,
                Err(error) => panic!("{error}"),
            }
            between(&mut self.scene);
        }
    }

    fn key(&self, grouping: &Grouping, counter: i64) -> String {
        let grouping: Map<String, Value> =
            grouping.iter().map(|(field, value)| (field.clone(), Value::from(value.clone()))).collect();
        case_id(&self.scene.rule, &self.scene.action, &grouping, counter)
    }

    fn compare(&mut self, seed: u64) {
        let expected: BTreeMap<String, ModelCase> = self
            .model
            .cases
            .iter()
            .map(|((grouping, counter), case)| (self.key(grouping, *counter), case.clone()))
            .collect();
        let mut found = BTreeMap::new();
        for case in self.scene.cases() {
            let alerts = self.scene.alerts_of(&case.id).into_iter().collect();
            found.insert(case.id, ModelCase { is_closed: case.status == CaseStatus::Closed, alerts });
        }
        assert_eq!(found, expected, "seed {seed}");
    }
}

fn to_run(batch: &[ModelAlert]) -> Vec<CaseAlert> {
    batch.iter().map(|one| alert(&one.id, json!(one.fields))).collect()
}

#[test]
fn whatever_comes_and_wherever_it_is_killed_cases_are_those_of_the_model() {
    for seed in 0..seeds() {
        let mut history = History::new(seed);
        for _ in 0..12 {
            let batch = history.batch();
            history.run_with_kills(&to_run(&batch), |_| {});
            history.model.run(&batch, history.scene.now);
            if history.random.random_bool(0.4) {
                let keys: Vec<_> = history.model.cases.keys().cloned().collect();
                if !keys.is_empty() {
                    let key = &keys[history.random.random_range(0..keys.len())];
                    let id = history.key(&key.0, key.1);
                    if !history.model.cases[key].is_closed {
                        history.scene.set_status(&id, CaseStatus::Closed);
                        history.model.cases.get_mut(key).unwrap().is_closed = true;
                    }
                }
            }
            history.scene.now += history.random.random_range(0..30 * 3600);
            history.compare(seed);
        }
    }
}

#[test]
fn each_alert_is_attached_once_even_if_time_passes_and_cases_are_closed_after_a_kill() {
    for seed in 0..seeds() {
        let mut history = History::new(seed);
        let mut delivered = BTreeSet::new();
        for _ in 0..12 {
            let batch = history.batch();
            delivered.extend(batch.iter().map(|alert| alert.id.clone()));
            history.run_with_kills(&to_run(&batch), |scene| {
                scene.now += 20 * 3600;
                let open = scene.cases().into_iter().find(|case| case.status == CaseStatus::Open);
                if let Some(case) = open {
                    scene.set_status(&case.id, CaseStatus::Closed);
                }
            });
        }
        let cases = history.scene.cases();
        let mut attached: Vec<String> = Vec::new();
        for case in &cases {
            attached.extend(history.scene.alerts_of(&case.id));
        }
        attached.sort();
        assert_eq!(attached, delivered.iter().cloned().collect::<Vec<_>>(), "seed {seed}");
        let titles: BTreeSet<&String> = cases.iter().map(|case| &case.title).collect();
        assert_eq!(titles.len(), cases.len(), "each case once, seed {seed}");
    }
}
