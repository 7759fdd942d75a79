//! How a value of an alert is put into a text, so that it stays a value there.

use minijinja::Value;

/// What is done to a value. A filter of the same name does it once, where another language is inside of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    /// Nothing.
    Data,
    /// It stays in its line.
    Line,
    /// As inside of a text of JSON.
    Json,
    /// As a part of an address or of a form.
    Percent,
    /// As a text of HTML or XML, also between quotes.
    Markup,
    /// As a text of Slack's markup.
    Slack,
    /// As a text of ServiceNow's notes.
    Journal,
}

impl Escaping {
    /// A value as this language has it.
    pub(super) fn escaped(self, value: &Value) -> String {
        let text = text_of(value);
        match self {
            Self::Data => text,
            Self::Line => one_line(&text),
            Self::Json => {
                let quoted = serde_json::Value::String(text).to_string();
                quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
            }
            Self::Percent => percent(&text),
            Self::Markup => markup(&one_line(&text)),
            Self::Slack => slack(&one_line(&text)),
            Self::Journal => journal(&one_line(&text)),
        }
    }
}

/// Makes a text of a value.
type TextFilter = fn(&Value) -> String;

/// Adds the filters of an environment in which values are escaped so. What a filter made is not escaped again where it is
/// the language of the text itself.
pub(super) fn add_filters(environment: &mut minijinja::Environment<'static>, escaping: Escaping) {
    let filters: [(&'static str, Escaping, TextFilter); 4] = [
        ("json", Escaping::Json, json),
        ("urlencode", Escaping::Percent, |value| Escaping::Percent.escaped(value)),
        ("html", Escaping::Markup, |value| Escaping::Markup.escaped(value)),
        ("slack", Escaping::Slack, |value| Escaping::Slack.escaped(value)),
    ];
    for (name, own, filter) in filters {
        environment.add_filter(name, move |value: Value| {
            let made = filter(&value);
            if own == escaping { Value::from_safe_string(made) } else { Value::from(made) }
        });
    }
}

/// The text of a value; nothing for what an alert does not have.
fn text_of(value: &Value) -> String {
    if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() }
}

/// A whole value of JSON: a text between quotes, or a number.
fn json(value: &Value) -> String {
    match serde_json::to_value(value) {
        Ok(number @ serde_json::Value::Number(_)) => number.to_string(),
        Ok(_) | Err(_) => serde_json::Value::String(text_of(value)).to_string(),
    }
}

/// Without line ends and other characters that change how the text around them is shown.
fn one_line(text: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect()
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte.into()),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}

fn markup(text: &str) -> String {
    replaced(text, &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")])
}

/// As Slack describes it: with these three escaped, a text has neither links with another name nor mentions.
fn slack(text: &str) -> String {
    replaced(text, &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")])
}

/// Without the tags between which notes are shown as HTML.
fn journal(text: &str) -> String {
    let tags = ["[code]", "[/code]"];
    let begins_tag = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        tags.iter().any(|tag| rest.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)))
    };
    text.char_indices().map(|(at, c)| if begins_tag(at) { '(' } else { c }).collect()
}

fn replaced(text: &str, characters: &[(char, &str)]) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match characters.iter().find(|(character, _)| *character == c) {
            Some((_, name)) => escaped.push_str(name),
            None => escaped.push(c),
        }
        escaped
    })
}
