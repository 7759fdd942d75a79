//! One attempt: a connector is run, a model is asked, or cases are made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use collectors::Clock;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    ask::ask,
    outcome::{Attempted, Attempts},
    variables::{fields, variables},
};
use crate::{
    cases::{
        CaseError,
        action::{CaseAlert, CaseRule, CasesAction, run as make_cases},
    },
    config::{ActionDoes, ActionSettings},
    connectors::{Caller, ConnectorError, Registry, RunFailure, RunOutput, gen_ai},
    detect_db::{Alert, DetectThread, DueAction},
};

/// The longest time of an attempt: longer than any connector waits by itself.
const ATTEMPT_MAX: Duration = Duration::from_secs(300);

/// What runs connectors.
#[async_trait]
pub(super) trait RunsConnectors: Send + Sync {
    /// The type of a connector.
    async fn type_of(&self, space: &str, connector: &str) -> Result<String, ConnectorError>;

    /// Runs it.
    async fn run(
        &self,
        space: &str,
        connector: &str,
        params: Map<String, Value>,
        caller: Caller,
        key: &str,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError>;
}

#[async_trait]
impl RunsConnectors for Registry {
    async fn type_of(&self, space: &str, connector: &str) -> Result<String, ConnectorError> {
        Ok(self.get(space, connector).await?.type_id.to_string())
    }

    async fn run(
        &self,
        space: &str,
        connector: &str,
        params: Map<String, Value>,
        caller: Caller,
        key: &str,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        self.run(space, connector, params, caller, Some(key)).await
    }
}

/// What attempts need.
pub(super) struct Attempter {
    pub(super) connectors: Arc<dyn RunsConnectors>,
    pub(super) database: Arc<DetectThread>,
    pub(super) clock: Clock,
}

impl Attempter {
    /// Does what is due of one action.
    pub(super) async fn attempt(&self, action: &ActionSettings, due: Vec<DueAction>) -> Attempts {
        let mut attempts = Attempts::new();
        let mut alerts: Vec<(DueAction, Alert)> = Vec::new();
        for mut due in due {
            match due.alert.take() {
                None => {
                    attempts.push((due, Attempted::Failed("the alert is no longer kept".to_owned())));
                }
                // Not after the first try: the other system may know of it.
                Some(alert) if alert.withdrawn && due.tries <= 1 => {
                    let text = "not done: later records had shown that the alert was wrong";
                    attempts.push((due, Attempted::Done(text.to_owned())));
                }
                Some(alert) => alerts.push((due, alert)),
            }
        }
        match &action.does {
            ActionDoes::Cases(cases) => self.make_cases(cases, alerts, &mut attempts).await,
            ActionDoes::Run { .. } => {
                for (due, alert) in alerts {
                    let done = match timeout(ATTEMPT_MAX, self.run(action, &due, &alert)).await {
                        Ok(Ok(done) | Err(done)) => done,
                        Err(_) => Attempted::passing("the connector did not end in time"),
                    };
                    attempts.push((due, done));
                }
            }
        }
        attempts
    }

    /// Runs a connector for one alert. Both results say what came of it.
    async fn run(
        &self,
        action: &ActionSettings,
        due: &DueAction,
        alert: &Alert,
    ) -> Result<Attempted, Attempted> {
        let ActionDoes::Run { connector, params, .. } = &action.does else {
            return Ok(Attempted::Failed("an action that makes cases runs no connector".to_owned()));
        };
        if self.connectors.type_of(&action.space, connector).await? == gen_ai::TYPE_ID {
            return ask(self, action, due, alert).await;
        }
        let variables = variables(alert, due.event, self.clock.now());
        let params = params.render(&variables, &fields(alert))?;
        let (caller, key) = (Caller::Rule(alert.rule.clone()), due.idempotency_key());
        self.connectors.run(&action.space, connector, params, caller, &key).await??;
        Ok(Attempted::Done("done".to_owned()))
    }

    /// Makes cases of alerts, those of each rule together.
    async fn make_cases(
        &self,
        cases: &CasesAction,
        alerts: Vec<(DueAction, Alert)>,
        attempts: &mut Attempts,
    ) {
        let mut by_rule: BTreeMap<String, Vec<(DueAction, Alert)>> = BTreeMap::new();
        for (due, alert) in alerts {
            by_rule.entry(alert.rule.clone()).or_default().push((due, alert));
        }
        for of_rule in by_rule.into_values() {
            let (due, alerts): (Vec<DueAction>, Vec<Alert>) = of_rule.into_iter().unzip();
            let Some(rule) = alerts.first().map(CaseRule::of) else { continue };
            let alerts: Vec<CaseAlert> = alerts.iter().map(CaseAlert::of).collect();
            let (cases, now) = (cases.clone(), self.clock.now());
            let made = self.database.run(move |db| {
                let made = make_cases(db, &cases, &rule, &alerts, now)?;
                let numbers: Vec<String> = made.cases.iter().map(|case| case.number.to_string()).collect();
                let skipped: u64 = made.cases.iter().map(|case| case.skipped).sum();
                Ok::<_, CaseError>(match (numbers.is_empty(), skipped) {
                    (true, _) => "already in a case".to_owned(),
                    (false, 0) => format!("in case {}", numbers.join(", ")),
                    (false, _) => format!("case {} is full", numbers.join(", ")),
                })
            });
            let made = match made.await {
                Ok(text) => Attempted::Done(text),
                Err(error) => error.into(),
            };
            attempts.extend(due.into_iter().map(|due| (due, made.clone())));
        }
    }
}
