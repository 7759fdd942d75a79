mod generated;
mod ids;
mod limits;
mod model;
mod races;
mod settings;
mod text;

use std::time::Duration;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{ActionOutcome, CaseAlert, CaseRule, CasesAction, run::run_watched};
use crate::{
    cases::{Case, CaseChange, CaseError, CaseFilter, CasePerson, CaseStamp, CaseStatus, DEFAULT_SPACE},
    detect_db::DetectDb,
};

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 24 * 3600;

/// A database of its own, and the action of one rule.
struct Scene {
    _dir: TempDir,
    db: DetectDb,
    action: CasesAction,
    rule: CaseRule,
    now: i64,
}

impl Scene {
    fn new(action: CasesAction) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = DetectDb::open(&dir.path().join("detect.db"), 0).unwrap();
        let rule = CaseRule { id: "rule-1".into(), name: "A rule".into(), ..CaseRule::default() };
        Self { _dir: dir, db, action, rule, now: NOW }
    }

    fn by_user() -> Self {
        Self::new(CasesAction { group_by: vec!["user".into()], ..CasesAction::default() })
    }

    fn run(&mut self, alerts: &[CaseAlert]) -> ActionOutcome {
        self.try_run(alerts, &mut |_| Ok(())).unwrap()
    }

    fn try_run(
        &mut self,
        alerts: &[CaseAlert],
        watch: &mut dyn FnMut(super::run::ActionStep) -> Result<(), CaseError>,
    ) -> Result<ActionOutcome, CaseError> {
        let wait = &mut |_: Duration| {};
        run_watched(&mut self.db, &self.action, &self.rule, alerts, self.now, wait, watch)
    }

    fn cases(&mut self) -> Vec<Case> {
        let filter = CaseFilter { per_page: 1_000, ascending: true, ..CaseFilter::default() };
        self.db.cases(DEFAULT_SPACE).find(&filter).unwrap().cases
    }

    fn alerts_of(&mut self, case: &str) -> Vec<String> {
        let mut alerts: Vec<String> =
            self.db.cases(DEFAULT_SPACE).alerts(case).unwrap().into_iter().map(|alert| alert.id).collect();
        alerts.sort();
        alerts
    }

    fn set_status(&mut self, case: &str, status: CaseStatus) {
        let change = CaseChange { status: Some(status), ..CaseChange::default() };
        let stamp = CaseStamp { by: &CasePerson::named("ann"), now: self.now };
        self.db.cases(DEFAULT_SPACE).change(case, &change, stamp).unwrap();
    }
}

fn alert(id: &str, fields: Value) -> CaseAlert {
    let fields: Map<String, Value> = serde_json::from_value(fields).unwrap();
    CaseAlert { id: id.to_owned(), index: "alerts".into(), fields, summary: json!({ "title": id }) }
}

fn of(id: &str, user: &str) -> CaseAlert {
    alert(id, json!({ "user": user }))
}
