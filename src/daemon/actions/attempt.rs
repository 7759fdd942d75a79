//! One attempt: a connector is run, a model is asked, or cases are made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use collectors::Clock;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    ask::ask,
    fit::fits,
    outcome::{Attempted, Attempts},
    variables::{fields, variables},
};
use crate::{
    cases::{
        CaseError,
        action::{CaseAlert, CaseRule, CasesAction, run as make_cases},
    },
    config::{ActionDoes, ActionSettings},
    connectors::{Caller, ConnectorError, ReadyConnector, Registry, Retry, RunFailure, RunOutput, gen_ai},
    detect_db::{Alert, DetectThread, DueAction},
};

/// The longest time of an attempt: longer than any connector waits by itself.
const ATTEMPT_MAX: Duration = Duration::from_secs(300);

/// What runs connectors.
#[async_trait]
pub(super) trait RunsConnectors: Send + Sync {
    /// A connector that can run.
    async fn ready(&self, space: &str, connector: &str) -> Result<ReadyConnector, ConnectorError>;

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
    async fn ready(&self, space: &str, connector: &str) -> Result<ReadyConnector, ConnectorError> {
        self.ready(space, connector).await
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
    /// The providers that take no metadata.
    without_metadata: Mutex<BTreeSet<String>>,
}

impl Attempter {
    pub(super) fn new(
        connectors: Arc<dyn RunsConnectors>,
        database: Arc<DetectThread>,
        clock: Clock,
    ) -> Self {
        Self { connectors, database, clock, without_metadata: Mutex::default() }
    }

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
        let ActionDoes::Run { connector, .. } = &action.does else {
            return Ok(Attempted::Failed("an action that makes cases runs no connector".to_owned()));
        };
        let ready = self.connectors.ready(&action.space, connector).await?;
        if &*ready.connector.type_id == gen_ai::TYPE_ID {
            return ask(self, action, &ready, due, alert).await;
        }
        let (params, key) = self.params(action, &ready, due, alert).await?;
        let caller = Caller::Rule(alert.rule.clone());
        match self.connectors.run(&action.space, connector, params, caller, &key).await? {
            Ok(output) => Ok(Attempted::Done(done(&output))),
            Err(failure) => {
                if failure.retry == Retry::No {
                    // If the secrets have gone meanwhile, that is why.
                    self.connectors.ready(&action.space, connector).await?;
                }
                Err(Attempted::run_failed(&failure, &ready.receiver))
            }
        }
    }

    /// What is sent, and under which key: what was sent before, else what the alert and the settings say now.
    async fn params(
        &self,
        action: &ActionSettings,
        ready: &ReadyConnector,
        due: &DueAction,
        alert: &Alert,
    ) -> Result<(Map<String, Value>, String), Attempted> {
        let to = |params: &Map<String, Value>| ready.sent_to(&action.space, params);
        let before = due.sent.as_ref().and_then(|(before, sent)| {
            let params: Map<String, Value> = serde_json::from_str(&sent.params).ok()?;
            // What was rendered for another place, type or language is rendered again.
            (*before == to(&params)).then_some((params, sent.version))
        });
        if let Some((params, version)) = before {
            return Ok((params, due.idempotency_key(version)));
        }
        let ActionDoes::Run { params, .. } = &action.does else {
            return Err(Attempted::Failed("an action that makes cases sends nothing".to_owned()));
        };
        let languages = |path: &str| ready.language(path);
        fits(params, ready)?;
        let variables = variables(alert, due.event, self.clock.now());
        let params = params.render(&languages, &variables, &fields(alert))?;
        let (id, to, text) = (due.id, to(&params), Value::Object(params).to_string());
        // Before it is sent: should this process end then, the next one sends the same.
        let sent = self.database.run(move |db| db.keep_sent(id, &to, text)).await?;
        let params = serde_json::from_str(&sent.params)
            .map_err(|_| Attempted::Failed("what was sent before is damaged".to_owned()))?;
        Ok((params, due.idempotency_key(sent.version)))
    }

    /// Whether a provider is known to take no metadata.
    pub(super) fn takes_no_metadata(&self, receiver: &str) -> bool {
        self.without_metadata.lock().unwrap_or_else(PoisonError::into_inner).contains(receiver)
    }

    /// Notes that a provider takes no metadata.
    pub(super) fn note_no_metadata(&self, receiver: &str) {
        self.without_metadata.lock().unwrap_or_else(PoisonError::into_inner).insert(receiver.to_owned());
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

/// What is kept of a run that is done. Recipients that a server has refused for good are named.
fn done(output: &RunOutput) -> String {
    let rejected = match output {
        RunOutput::Data { data, .. } => data["rejected"].as_array(),
        RunOutput::Nothing | RunOutput::Stream { .. } => None,
    };
    let refused: Vec<&str> = rejected.into_iter().flatten().filter_map(Value::as_str).collect();
    match refused.is_empty() {
        true => "done".to_owned(),
        false => format!("done, but the server has refused {}", refused.join(", ")),
    }
}
