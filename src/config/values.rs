//! Readers: from a value of the settings to one of our types, or to what was expected instead.

use std::{fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use config::{Value, ValueKind};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// As humantime counts it: 365.25 days.
pub(super) const YEAR: Duration = Duration::from_secs(31_557_600);

/// How every API key of OpenAI begins.
const KEY_PREFIX: &str = "sk-";

/// A longer text in an error line would hide what the line is about.
const SHOWN_CHARS_MAX: usize = 60;

/// Why a reader did not take a value.
#[derive(Debug)]
pub(super) enum ValueProblem {
    /// It does not have the expected form, which is named; the caller adds what was found.
    Wanted(String),
    /// A reason that is complete without the value.
    Because(String),
}

impl fmt::Display for ValueProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueProblem::Wanted(form) => write!(f, "expected {form}"),
            ValueProblem::Because(reason) => f.write_str(reason),
        }
    }
}

/// Short for a problem that names the expected form.
pub(super) fn wanted(form: impl Into<String>) -> ValueProblem {
    ValueProblem::Wanted(form.into())
}

/// Text that is not empty.
pub(super) fn text(value: &Value) -> Result<String, ValueProblem> {
    as_text(value).filter(|text| !text.trim().is_empty()).map(String::from).ok_or_else(|| wanted("text"))
}

/// Text that can stand in an HTTP header.
pub(super) fn header_text(value: &Value) -> Result<String, ValueProblem> {
    let sendable = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    as_text(value).filter(sendable).map(String::from).ok_or_else(|| wanted("an identifier without spaces"))
}

/// The path of a file or directory.
pub(super) fn path(value: &Value) -> Result<PathBuf, ValueProblem> {
    let usable = |path: &&str| !path.is_empty() && !path.contains('\0');
    as_text(value).filter(usable).map(PathBuf::from).ok_or_else(|| wanted("a path"))
}

/// A list of texts, none of them empty.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, ValueProblem> {
    let list = match &value.kind {
        ValueKind::Array(list) => list.iter().map(|item| text(item).ok()).collect(),
        _ => None,
    };
    list.ok_or_else(|| wanted("a list of non-empty texts"))
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Value) -> Result<T, ValueProblem> {
    move |value| {
        let meant = as_text(value).and_then(|text| words.iter().find(|(word, _)| *word == text));
        meant.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            wanted(words.join(" or "))
        })
    }
}

/// One of a few words, as it is.
pub(super) fn word_of<'w>(
    words: &'w [&'static str],
) -> impl Fn(&Value) -> Result<&'static str, ValueProblem> + use<'w> {
    move |value| {
        let meant = as_text(value).and_then(|text| words.iter().find(|word| **word == text));
        meant.copied().ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            wanted(words.join(" or "))
        })
    }
}

/// True or false.
pub(super) fn flag(value: &Value) -> Result<bool, ValueProblem> {
    match (&value.kind, as_text(value)) {
        (ValueKind::Boolean(flag), _) => Ok(*flag),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(wanted("true or false")),
    }
}

/// A whole number within bounds.
pub(super) fn number(range: RangeInclusive<u32>) -> impl Fn(&Value) -> Result<u32, ValueProblem> {
    move |value| {
        let number = match &value.kind {
            ValueKind::I64(number) => u32::try_from(*number).ok(),
            ValueKind::String(text) => text
                .trim()
                .parse()
                .ok()
                .and_then(|value: toml::Value| u32::try_from(value.as_integer()?).ok()),
            _ => None,
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| wanted(format!("a whole number, {} to {}", range.start(), range.end())))
    }
}

/// A duration with its unit, within limits.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Value) -> Result<Duration, ValueProblem> {
    move |value| {
        as_text(value)
            .and_then(|text| humantime::parse_duration(text).ok())
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| {
                let [low, high] = [range.start(), range.end()].map(|end| humantime::format_duration(*end));
                wanted(format!("a duration with its unit, {low} to {high}"))
            })
    }
}

/// A size in bytes, within bounds.
pub(super) fn size(range: RangeInclusive<ByteSize>) -> impl Fn(&Value) -> Result<u64, ValueProblem> {
    move |value| {
        as_text(value)
            .and_then(|text| text.parse::<ByteSize>().ok())
            .filter(|size| range.contains(size))
            .map(|size| size.as_u64())
            .ok_or_else(|| wanted(format!("a size with its unit, {} to {}", range.start(), range.end())))
    }
}

/// The text of a value; `None` if it is something else.
pub(super) fn as_text(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

/// What was found, for an error line. Text that may be a key, an address or a URL with a password is not
/// shown.
pub(super) fn describe(value: &Value) -> String {
    match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(flag) => flag.to_string(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::String(text) if is_private(text) => "text (not shown)".to_owned(),
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Float(number) => format!("the number {number}"),
        ValueKind::I64(number) => format!("the number {number}"),
        ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a number".to_owned(),
    }
}

/// Whether text looks like one of OpenAI's API keys.
pub(super) fn is_key(text: &str) -> bool {
    text.trim_start().starts_with(KEY_PREFIX)
}

fn is_private(text: &str) -> bool {
    may_be_secret(text) || text.chars().count() > SHOWN_CHARS_MAX
}

/// Whether a text may contain a key, a password in a URL, or an e-mail address.
pub(super) fn may_be_secret(text: &str) -> bool {
    text.contains(KEY_PREFIX) || text.contains('@')
}
