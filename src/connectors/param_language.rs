//! In which language the receiver of a run reads a text of its parameters. What others wrote must not become a part of it.

use serde_json::{Map, Value};

/// The language of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamLanguage {
    /// A text in a document that ccfd writes: passed on as it is.
    Data,
    /// Plain text for people. A value adds no line to it.
    Line,
    /// A JSON document, or one on each line.
    Json,
    /// JSON if it looks so, else plain text.
    Guessed,
    /// Names and values of a form.
    Form,
    /// An address.
    Address,
    /// HTML or XML.
    Markup,
    /// The markup of Slack.
    Slack,
    /// Notes of ServiceNow, which show HTML between `[code]` and `[/code]`.
    Journal,
}

impl ParamLanguage {
    /// That of a body with this type of content.
    pub fn of_content_type(given: Option<&str>) -> Self {
        // Without one, it is sent as JSON.
        let Some(given) = given else { return Self::Json };
        let essence = given.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let lines =
            ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"];
        let markup = ["text/html", "text/xml", "application/xml"];
        if essence == "application/json" || essence.ends_with("+json") || lines.contains(&essence.as_str()) {
            Self::Json
        } else if markup.contains(&essence.as_str()) || essence.ends_with("+xml") {
            Self::Markup
        } else if essence == "application/x-www-form-urlencoded" {
            Self::Form
        } else {
            Self::Guessed
        }
    }
}

/// Visits each text of parameters with its path, such as `links.0.href`.
pub fn each_text(params: &Map<String, Value>, each: &mut dyn FnMut(&str, &str)) {
    params.iter().for_each(|(name, value)| visit(name, value, each));
}

fn visit(place: &str, value: &Value, each: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => each(place, text),
        Value::Array(items) => {
            (0..).zip(items).for_each(|(at, item): (usize, _)| visit(&format!("{place}.{at}"), item, each));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| visit(&format!("{place}.{name}"), member, each));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_the_content_says_which_language_it_is() {
        for (given, language) in [
            (Some("Application/JSON; charset=utf-8"), ParamLanguage::Json),
            (Some("application/vnd.api+json"), ParamLanguage::Json),
            (Some("application/x-ndjson"), ParamLanguage::Json),
            (Some("application/x-www-form-urlencoded"), ParamLanguage::Form),
            (Some("text/html"), ParamLanguage::Markup),
            (Some("application/soap+xml"), ParamLanguage::Markup),
            (Some("text/plain"), ParamLanguage::Guessed),
            (Some(""), ParamLanguage::Guessed),
            (None, ParamLanguage::Json),
        ] {
            assert_eq!(ParamLanguage::of_content_type(given), language, "{given:?}");
        }
    }
}
