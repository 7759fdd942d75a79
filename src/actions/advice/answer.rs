//! Reads the answer of a model. What is not exactly what was asked for is refused.

use serde::Deserialize;
use serde_json::Value;

use super::clean::cleaned;
use crate::detect_db::Alert;

/// Characters of a summary that are kept.
const SUMMARY_CHARS_MAX: usize = 2_000;
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const EVIDENCE_MAX: usize = 100;

/// What a model takes an alert for. It is not the verdict on the alert, which only people give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdviceVerdict {
    /// Something had to be done.
    LikelyTruePositive,
    /// The rule was wrong.
    LikelyFalsePositive,
    /// The rule was right, and nothing has to be done.
    LikelyBenign,
    /// It cannot say.
    Unclear,
}

impl AdviceVerdict {
    /// Every verdict.
    pub const ALL: [Self; 4] =
        [Self::LikelyTruePositive, Self::LikelyFalsePositive, Self::LikelyBenign, Self::Unclear];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::LikelyTruePositive => "likely_true_positive",
            Self::LikelyFalsePositive => "likely_false_positive",
            Self::LikelyBenign => "likely_benign",
            Self::Unclear => "unclear",
        }
    }
}

/// What a model said of an alert.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelAdvice {
    /// In words.
    pub summary: String,
    /// What it takes the alert for.
    pub verdict: AdviceVerdict,
    /// How sure it says it is, 0 to 1.
    pub confidence: f64,
    /// The records that it refers to; each is one of the alert.
    pub evidence: Vec<String>,
}

/// The text of a completion, if the model answered in words.
///
/// # Errors
///
/// What it did instead.
pub fn text_of(completion: &Value) -> Result<&str, &'static str> {
    let choice = &completion["choices"][0];
    let message = &choice["message"];
    let calls = message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
    if calls || message["function_call"].is_object() {
        return Err("the model wants to call a tool, which it cannot");
    }
    if message["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty()) {
        return Err("the model refused to answer");
    }
    if choice["finish_reason"] == "length" {
        return Err("the answer was cut: allow it more tokens");
    }
    message["content"].as_str().ok_or("the response has no text of a model")
}

/// Reads the text.
///
/// # Errors
///
/// Why it is refused, without what it says.
pub fn read(text: &str, alert: &Alert) -> Result<ModelAdvice, &'static str> {
    if text.len() > ANSWER_BYTES_MAX {
        return Err("the answer of the model is too long");
    }
    let mut advice: ModelAdvice = serde_json::from_str(text)
        .map_err(|_| "the answer of the model is not the JSON object that was asked for")?;
    if !(0.0..=1.0).contains(&advice.confidence) {
        return Err("the confidence in the answer of the model is not between 0 and 1");
    }
    if advice.evidence.len() > EVIDENCE_MAX
        || advice.evidence.iter().any(|record| !alert.record_ids.contains(record))
    {
        return Err("the answer of the model refers to records that the alert does not have");
    }
    advice.summary = cleaned(&advice.summary, SUMMARY_CHARS_MAX);
    if advice.summary.is_empty() {
        return Err("the answer of the model has no summary");
    }
    Ok(advice)
}
