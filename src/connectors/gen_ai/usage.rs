//! Tokens, as a response counts them.

use serde_json::Value;

use crate::connectors::run::TokenUsage;

/// No run uses more: a larger number is a mistake or a lie, and would make every sum meaningless.
const TOKENS_MAX: u64 = 1_000_000_000;
/// The longest name of a model that is kept, in characters.
const MODEL_CHARS_MAX: usize = 128;

/// Takes what a response, or one event of it, says of its model and its tokens. What is not said stays unknown.
pub(super) fn take(usage: &mut TokenUsage, response: &Value) {
    if usage.model.is_none()
        && let Some(model) = response.get("model").and_then(Value::as_str)
        && !model.is_empty()
    {
        usage.model = Some(model.chars().take(MODEL_CHARS_MAX).collect());
    }
    let Some(counts) = response.get("usage") else { return };
    for (kept, name) in [
        (&mut usage.prompt, "prompt_tokens"),
        (&mut usage.completion, "completion_tokens"),
        (&mut usage.total, "total_tokens"),
    ] {
        *kept = counts.get(name).and_then(count).or(*kept);
    }
}

/// A number of tokens; `None` for what can be none.
pub fn count(value: &Value) -> Option<u64> {
    let whole = || {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0)?;
        (number <= TOKENS_MAX as f64).then_some(number as u64)
    };
    value.as_u64().or_else(whole).filter(|tokens| *tokens <= TOKENS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_be_a_number_of_tokens_is_one() {
        for (value, expected) in [
            (json!(0), Some(0)),
            (json!(12.0), Some(12)),
            (json!(1_000_000_000), Some(1_000_000_000)),
            (json!(1_000_000_001), None),
            (json!(u64::MAX), None),
            (json!(1e300), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!("12"), None),
            (Value::Null, None),
        ] {
            assert_eq!(count(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_said_stays_unknown() {
        let mut usage = TokenUsage::default();
        take(&mut usage, &json!({ "model": "m", "usage": { "prompt_tokens": 3, "total_tokens": "many" } }));
        take(&mut usage, &json!({ "model": "other", "usage": null }));
        let expected =
            TokenUsage { model: Some("m".to_owned()), prompt: Some(3), completion: None, total: None };
        assert_eq!(usage, expected);
    }
}
