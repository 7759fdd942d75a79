//! Parameters of a run, and the event that they become.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Map, Value, json};

use super::super::{fields::StrictFields, response::iso, stable_id::stable_id};
use crate::digest::hash_hex;

/// The most characters of a summary, by PagerDuty. Templates make texts of any length, so a longer one is cut.
const SUMMARY_CHARS_MAX: usize = 1024;

/// The most characters of a key, by PagerDuty.
const DEDUP_KEY_CHARS_MAX: usize = 255;

/// What an event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventAction {
    /// Opens an alert, or adds to it.
    Trigger,
    /// Says that somebody works on it.
    Acknowledge,
    /// Closes it.
    Resolve,
}

impl EventAction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
}

/// Parameters of a run.
pub struct Event<'a> {
    action: EventAction,
    dedup_key: Option<String>,
    summary: Option<&'a str>,
    source: Option<&'a str>,
    severity: &'static str,
    timestamp: Option<DateTime<Utc>>,
    /// `component`, `group`, `class`.
    details: [(&'static str, Option<&'a str>); 3],
    custom_details: Option<Map<String, Value>>,
    links: Vec<Value>,
}

impl<'a> Event<'a> {
    /// Reads the parameters.
    pub fn read(params: &'a Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(params);
        let action = match fields.one_of("eventAction", &["trigger", "resolve", "acknowledge"])? {
            Some("resolve") => EventAction::Resolve,
            Some("acknowledge") => EventAction::Acknowledge,
            _ => EventAction::Trigger,
        };
        let dedup_key = fields.text("dedupKey")?;
        let severities = ["critical", "error", "warning", "info"];
        let event = Self {
            action,
            dedup_key: dedup_key.filter(|key| !key.is_empty()).map(short_key),
            summary: fields.text("summary")?,
            source: fields.text("source")?,
            severity: fields.one_of("severity", &severities)?.unwrap_or("info"),
            timestamp: fields.text("timestamp")?.map(timestamp).transpose()?.flatten(),
            details: [
                ("component", fields.text("component")?),
                ("group", fields.text("group")?),
                ("class", fields.text("class")?),
            ],
            custom_details: fields.content("customDetails")?,
            links: links(&mut fields)?,
        };
        fields.finish()?;
        match event.action {
            EventAction::Resolve | EventAction::Acknowledge if event.dedup_key.is_none() => {
                Err(format!("DedupKey is required when eventAction is \"{}\"", event.action.as_str()))
            }
            EventAction::Trigger | EventAction::Resolve | EventAction::Acknowledge => Ok(event),
        }
    }

    /// The event, without the routing key. `run` names the run, so that all attempts of it make one alert.
    pub fn body(self, connector: &str, run: Option<&str>) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("event_action".to_owned(), self.action.as_str().into());
        let dedup_key = self.dedup_key.or_else(|| run.map(stable_id));
        if let Some(key) = dedup_key {
            body.insert("dedup_key".to_owned(), key.into());
        }
        match self.action {
            EventAction::Trigger => {}
            EventAction::Acknowledge | EventAction::Resolve => return body,
        }
        let summary = self.summary.filter(|text| !text.is_empty()).unwrap_or("No summary provided.");
        let summary: String = summary.chars().take(SUMMARY_CHARS_MAX).collect();
        let source = self.source.filter(|text| !text.is_empty());
        let source = source.map_or_else(|| format!("ccfd connector {connector}"), str::to_owned);
        let mut payload = Map::new();
        payload.insert("summary".to_owned(), summary.into());
        payload.insert("source".to_owned(), source.into());
        payload.insert("severity".to_owned(), self.severity.into());
        if let Some(time) = self.timestamp {
            payload.insert("timestamp".to_owned(), iso(time).into());
        }
        for (name, text) in self.details {
            if let Some(text) = text {
                payload.insert(name.to_owned(), text.into());
            }
        }
        if let Some(details) = self.custom_details {
            payload.insert("custom_details".to_owned(), details.into());
        }
        body.insert("payload".to_owned(), payload.into());
        if !self.links.is_empty() {
            body.insert("links".to_owned(), self.links.into());
        }
        body
    }
}

/// A key that PagerDuty takes. A longer one, which an alert can make, keeps its beginning and ends with the hash of all of it:
/// it is the same each time, and nothing that an alert says keeps its page from being sent.
fn short_key(key: &str) -> String {
    if key.chars().count() <= DEDUP_KEY_CHARS_MAX {
        return key.to_owned();
    }
    let hash = hash_hex(key.as_bytes());
    let beginning: String = key.chars().take(DEDUP_KEY_CHARS_MAX - hash.len() - 1).collect();
    format!("{beginning}-{hash}")
}

fn links(fields: &mut StrictFields<'_>) -> Result<Vec<Value>, String> {
    let link = |mut fields: StrictFields<'_>| {
        let link = json!({ "href": fields.required_text("href")?, "text": fields.required_text("text")? });
        fields.finish()?;
        Ok(link)
    };
    fields.objects("links")?.into_iter().map(link).collect()
}

/// A time in milliseconds since 1970, or as ISO 8601 writes it; UTC if no zone is named.
fn timestamp(text: &str) -> Result<Option<DateTime<Utc>>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let millis = || text.parse().ok().and_then(DateTime::from_timestamp_millis);
    let zoned = || DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    let time = millis().or_else(zoned).or_else(|| Some(local.or(day).ok()?.and_utc()));
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    time.map(Some).ok_or_else(|| format!("error parsing timestamp \"{shown}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(params: Value) -> Result<Value, String> {
        let params = params.as_object().cloned().unwrap();
        Event::read(&params).map(|event| Value::from(event.body("c", Some("run"))))
    }

    #[test]
    fn an_event_has_all_of_its_parameters() {
        let body = body(json!({
            "eventAction": "trigger", "dedupKey": "k", "summary": "s", "source": "host", "severity": "critical",
            "timestamp": "2026-11-29T01:02:03Z", "component": "co", "group": "g", "class": "cl",
            "customDetails": "{\"a\":1}", "links": [{ "href": "https://a", "text": "t" }],
        }));
        let expected = json!({
            "event_action": "trigger", "dedup_key": "k",
            "payload": {
                "summary": "s", "source": "host", "severity": "critical", "timestamp": "2026-11-29T01:02:03.000Z",
                "component": "co", "group": "g", "class": "cl", "custom_details": { "a": 1 },
            },
            "links": [{ "href": "https://a", "text": "t" }],
        });
        assert_eq!(body, Ok(expected));
    }

    #[test]
    fn what_is_absent_has_a_default_and_a_long_summary_is_cut() {
        let expected = json!({
            "event_action": "trigger", "dedup_key": "run",
            "payload": { "summary": "No summary provided.", "source": "ccfd connector c", "severity": "info" },
        });
        assert_eq!(body(json!({})), Ok(expected));
        let long = body(json!({ "summary": "é".repeat(2000) })).unwrap();
        assert_eq!(long["payload"]["summary"].as_str().unwrap().chars().count(), SUMMARY_CHARS_MAX);
    }

    #[test]
    fn acknowledging_and_resolving_need_a_key_and_send_only_that() {
        for action in ["resolve", "acknowledge"] {
            let expected = json!({ "event_action": action, "dedup_key": "k" });
            assert_eq!(body(json!({ "eventAction": action, "dedupKey": "k", "summary": "s" })), Ok(expected));
            let missing = format!("DedupKey is required when eventAction is \"{action}\"");
            assert_eq!(body(json!({ "eventAction": action })), Err(missing));
        }
    }

    #[test]
    fn a_key_that_is_too_long_keeps_its_beginning_and_remains_another_than_others() {
        let key = |text: String| body(json!({ "dedupKey": text })).unwrap()["dedup_key"].clone();
        assert_eq!(key("é".repeat(255)), "é".repeat(255));
        let (one, other) = (key(format!("{}1", "é".repeat(255))), key(format!("{}2", "é".repeat(255))));
        assert_ne!(one, other);
        let text = one.as_str().unwrap();
        assert_eq!(text.chars().count(), DEDUP_KEY_CHARS_MAX);
        assert!(text.starts_with(&"é".repeat(190)), "{text}");
        assert_eq!(one, key(format!("{}1", "é".repeat(255))), "the same each time");
    }

    #[test]
    fn a_time_is_read_in_each_form_or_refused() {
        let read = |text| timestamp(text).map(|time| time.map(iso));
        let expected = Ok(Some("2026-11-29T01:02:03.000Z".to_owned()));
        for text in ["1795914123000", "2026-11-29T02:02:03+01:00", " 2026-11-29T01:02:03 "] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(read("2026-11-29"), Ok(Some("2026-11-29T00:00:00.000Z".to_owned())));
        assert_eq!(read(" "), Ok(None));
        assert_eq!(read("soon"), Err("error parsing timestamp \"soon\"".to_owned()));
    }

    #[test]
    fn what_pagerduty_does_not_know_is_refused() {
        for params in [
            json!({ "eventAction": "open" }),
            json!({ "severity": "bad" }),
            json!({ "links": [{ "href": "a" }] }),
            json!({ "links": [{ "href": "a", "text": "b", "more": 1 }] }),
            json!({ "customDetails": "no object" }),
            json!({ "unknown": 1 }),
        ] {
            assert!(body(params.clone()).is_err(), "{params}");
        }
    }
}
