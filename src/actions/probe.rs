//! Alerts that are tried before there is one: hostile ones, after which a text must still be what it is, and an ordinary one,
//! after which the type of the connector must take the parameters.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use serde_json::{Map, Value};
use url::Url;

use super::{
    escape::Escaping,
    render::render,
    template::{FIELDS, VARIABLES, nested},
};
use crate::connectors::ParamLanguage;

/// Values that leave the place where they are put, in one language or another, unless they are escaped.
const HOSTILE: [&str; 10] = [
    "a name",
    "",
    "\"",
    "\\",
    "a\r\nb: c\u{2028}",
    "x\",\"admin\":true,\"y\":\"",
    "'} ]",
    "</p><script>&amp;<!channel>",
    "a&b=c#/../?%zz+@",
    "{{ id }}",
];

/// The variables that are numbers.
const NUMBERS: [&str; 2] = ["risk_score", "event_count"];

const NO_JSON: &str = "does not stay JSON whatever an alert says: put each value between quotes, or write {{ name | json }} \
                       without them, or give a table; plain text needs a connector with the header Content-Type = text/plain";
const NO_JSON_IN_FORM: &str = "has JSON in a form, which an alert can change: write {{ name | json }} in place of a value and its quotes";
const NO_SLACK: &str = "has a value inside of a link or a mention of Slack, which an alert can change: behind the host of a link write \
                        {{ name | urlencode }}, and name who is mentioned";
const NO_ADDRESS: &str = "is no address whatever an alert says: begin it with https:// and a host, and put values only behind them";

/// An alert with this value everywhere.
pub(super) fn hostile(value: &str, fields: &BTreeSet<String>) -> minijinja::Value {
    context(fields, |name| match NUMBERS.contains(&name) {
        true => Value::from(7),
        false => Value::from(value),
    })
}

/// An ordinary alert: its variables and fields.
pub(super) fn ordinary(fields: &BTreeSet<String>) -> minijinja::Value {
    context(fields, |name| match name {
        "risk_score" => 73.into(),
        "event_count" => 3.into(),
        "event" | "status" => "open".into(),
        "level" => "high".into(),
        "severity" => "High".into(),
        "id" | "rule_id" => "0b9f2f3e-6f0e-4f6e-9a51-0d8f2f0a6c11".into(),
        "created_at" | "first_event_at" | "last_event_at" => "2026-11-28T12:00:00Z".into(),
        "references" => "https://example.com/a".into(),
        "disposition" | "judged_by" | "note" => "".into(),
        _ if name.to_lowercase().contains("address") => "203.0.113.7".into(),
        _ if name.contains("user") || name.contains("Actor") || name.contains("mail") => {
            "ann@example.com".into()
        }
        _ => format!("example of {name}").into(),
    })
}

fn context(fields: &BTreeSet<String>, value: impl Fn(&str) -> Value) -> minijinja::Value {
    let mut context: Map<String, Value> =
        VARIABLES.iter().map(|name| ((*name).to_owned(), value(name))).collect();
    let texts = fields.iter().map(|name| (name.clone(), value(name).as_str().unwrap_or_default().to_owned()));
    context.insert(FIELDS.to_owned(), nested(&texts.collect::<BTreeMap<_, _>>()));
    minijinja::Value::from(Serde(context))
}

/// How values are put into a text of this language.
///
/// # Errors
///
/// Why some alert would make something else of the text.
pub(super) fn escaping_of(
    text: &str,
    language: ParamLanguage,
    fields: &BTreeSet<String>,
) -> Result<Escaping, String> {
    let always = |escaping, holds: fn(&str) -> bool| {
        let mut probes = HOSTILE.iter().map(|value| render(text, escaping, &hostile(value, fields)));
        probes.try_fold(true, |held, rendered| Ok::<_, String>(held & holds(&rendered?)))
    };
    // A text that is JSON remains the JSON that it is.
    let json_or = |other| {
        let is_json = begins_as_json(text) && always(Escaping::Json, is_json)?;
        Ok(if is_json { Escaping::Json } else { other })
    };
    match language {
        ParamLanguage::Json => match always(Escaping::Json, is_json)? {
            true => Ok(Escaping::Json),
            false => Err(NO_JSON.to_owned()),
        },
        ParamLanguage::Data => json_or(Escaping::Data),
        ParamLanguage::Line => json_or(Escaping::Line),
        ParamLanguage::Guessed => match json_or(Escaping::Line)? {
            Escaping::Line if is_meant_as_json(text) => Err(NO_JSON.to_owned()),
            escaping => Ok(escaping),
        },
        ParamLanguage::Form => match always(Escaping::Percent, is_form)? {
            true => Ok(Escaping::Percent),
            false => Err(NO_JSON_IN_FORM.to_owned()),
        },
        ParamLanguage::Address => {
            let probes = HOSTILE.iter().map(|value| {
                render(text, Escaping::Percent, &hostile(value, fields)).map(|address| host_of(&address))
            });
            let hosts: BTreeSet<Option<String>> = probes.collect::<Result<_, _>>()?;
            match hosts.len() == 1 && !hosts.contains(&None) {
                true => Ok(Escaping::Percent),
                false => Err(NO_ADDRESS.to_owned()),
            }
        }
        ParamLanguage::Markup => Ok(Escaping::Markup),
        ParamLanguage::Slack => {
            // What depends on whether there is a value may be left out.
            let probes = HOSTILE.iter().filter(|value| !value.is_empty());
            let rendered = probes.map(|value| render(text, Escaping::Slack, &hostile(value, fields)));
            let targets: BTreeSet<Vec<String>> = rendered
                .map(|message| message.map(|message| slack_targets(&message)))
                .collect::<Result<_, _>>()?;
            if targets.len() <= 1 { Ok(Escaping::Slack) } else { Err(NO_SLACK.to_owned()) }
        }
        ParamLanguage::Journal => Ok(Escaping::Journal),
    }
}

/// Whether a text is a document of JSON, or has one on each line.
pub(super) fn is_json(text: &str) -> bool {
    let is_document = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    is_document(text) || (lines.peek().is_some() && lines.all(is_document))
}

/// What is JSON in a form stays so.
fn is_form(text: &str) -> bool {
    url::form_urlencoded::parse(text.as_bytes())
        .all(|(_, value)| !is_meant_as_json(&value) || is_json(&value))
}

/// The beginning of an address up to its host.
fn host_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    (!has_credentials).then(|| url.origin().ascii_serialization())
}

/// What each link or mention of a message for Slack leads to, as far as no alert may change it: all of it, or the host of an
/// address and the characters that give it its parts.
fn slack_targets(message: &str) -> Vec<String> {
    let marked = message.split('<').skip(1).filter_map(|behind| Some(behind.split_once('>')?.0));
    let targets = marked.map(|marked| marked.split('|').next().unwrap_or_default());
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    let kept = |target: &str| match host_of(target) {
        None => target.to_owned(),
        Some(host) => format!("{host} {}", target.replace(is_part, "")),
    };
    targets.map(kept).collect()
}

fn begins_as_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// Whether a text was written to be an object or an array of JSON. `[high]` and `{{ title }}` begin other texts, too.
fn is_meant_as_json(text: &str) -> bool {
    let mut characters = text.chars().filter(|c| !c.is_whitespace());
    match (characters.next(), characters.next()) {
        (Some('{'), second) => matches!(second, Some('"' | '}')),
        (Some('['), Some('{')) => !matches!(characters.next(), Some('{' | '%' | '#')),
        (Some('['), second) => matches!(second, Some('"' | '[')),
        (Some(_) | None, _) => false,
    }
}
