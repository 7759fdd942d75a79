//! A model is asked about an alert. Its answer is kept beside the alert, and nothing else follows from it.

use serde_json::{Map, Value, json};

use super::{attempt::Attempter, outcome::Attempted};
use crate::{
    actions::advice::{self, AdviceQuestion, PROMPT_VERSION},
    config::{ActionDoes, ActionSettings},
    connectors::{Caller, ReadyConnector, Retry, RunFailure, RunOutput, TokenUsage},
    detect_db::{AdviceRow, Alert, DueAction, ModelCall},
};

/// Characters of the name of a model.
const MODEL_CHARS_MAX: usize = 100;

/// Asks about one alert. Both results say what came of it.
pub(super) async fn ask(
    with: &Attempter,
    action: &ActionSettings,
    ready: &ReadyConnector,
    due: &DueAction,
    alert: &Alert,
) -> Result<Attempted, Attempted> {
    let ActionDoes::Run { connector, params, fields, model_calls_per_hour_max } = &action.does else {
        return Ok(Attempted::Failed("an action that makes cases asks no model".to_owned()));
    };
    if let Some(refused) = advice::refused_params(params) {
        return Ok(Attempted::Failed(refused));
    }
    let begun = async || {
        let tag = random().ok_or_else(|| Attempted::passing("no random numbers"))?;
        let (name, counted, now) = (action.outbox.name.to_string(), tag.clone(), with.clock.now());
        let most = *model_calls_per_hour_max;
        let begun = with.database.run(move |db| db.begin_model_call(&name, &counted, most, now)).await;
        match begun? {
            ModelCall::Allowed => Ok(tag),
            ModelCall::NotBefore(at) => {
                Err(Attempted::NotBefore(at, "model_calls_per_hour_max is reached".to_owned()))
            }
        }
    };
    let Some(fence) = random() else { return Ok(Attempted::passing("no random numbers")) };
    let fence = format!("=== {fence} ===");
    let tag = begun().await?;
    let mut question = AdviceQuestion {
        alert,
        fields: fields.as_ref(),
        params: params.given(),
        fence: &fence,
        tag: (!with.takes_no_metadata(&ready.receiver)).then_some(&*tag),
    };
    // Each call has a question of its own, and so a key of its own.
    let run = async |body: String, call: &str| {
        let (caller, key) = (Caller::Rule(alert.rule.clone()), format!("{}:{call}", due.idempotency_key(0)));
        with.connectors.run(&action.space, connector, request(body), caller, &key).await
    };
    let mut answered = run(question.body(), &tag).await?;
    // Some providers take metadata only of completions that they store. This one is not stored, so it needs none.
    if question.tag.is_some() && answered.as_ref().is_err_and(refuses_metadata) {
        with.note_no_metadata(&ready.receiver);
        question.tag = None;
        let call = begun().await?;
        answered = run(question.body(), &call).await?;
    }
    let answered = answered.map_err(|failure| Attempted::run_failed(&failure, &ready.receiver))?;
    let RunOutput::Data { data, usage } = answered else {
        return Ok(Attempted::Failed("the response has no text of a model".to_owned()));
    };
    let answer = match advice::text_of(&data).and_then(|text| advice::read(text, alert)) {
        Ok(answer) => answer,
        Err(reason) => return Ok(Attempted::Failed(reason.to_owned())),
    };
    let TokenUsage { model, total, .. } = usage.unwrap_or_default();
    let model = model.or_else(|| data["model"].as_str().map(str::to_owned));
    let advice = AdviceRow {
        action: action.outbox.name.to_string(),
        at: String::new(),
        connector: connector.clone(),
        model: model.map(|model| advice::cleaned(&model, MODEL_CHARS_MAX)),
        prompt: PROMPT_VERSION,
        tokens: total.and_then(|tokens| i64::try_from(tokens).ok()),
        summary: answer.summary,
        verdict: answer.verdict.word().to_owned(),
        confidence: answer.confidence,
        evidence: answer.evidence,
    };
    let (id, now) = (alert.id.clone(), with.clock.now());
    with.database.run(move |db| db.put_advice(&id, &advice, now)).await?;
    Ok(Attempted::Done("advice is with the alert".to_owned()))
}

fn request(body: String) -> Map<String, Value> {
    let params = json!({ "subAction": "run", "subActionParams": { "body": body } });
    match params {
        Value::Object(params) => params,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn refuses_metadata(failure: &RunFailure) -> bool {
    failure.retry == Retry::No && failure.to_string().contains("metadata")
}

/// 128 random bits; `None` without a source of them.
fn random() -> Option<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
