//! `since('1h')`: a time before now, in SQL, as the time columns of the tables have it.
//!
//! SQLite's own `datetime` puts a space where these have a `T`: compared as text, all of a day is later than any of its
//! hours.

use rusqlite::{
    Connection, Error,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

use crate::tables::iso8601;

/// What `--help` and `--schema` say about it.
pub const ABOUT: &str =
    "since('1h') is the time one hour ago, as the time columns have it; units: s, m, h, d, w";

#[derive(Debug, thiserror::Error)]
#[error("since({found}): wanted a duration with its unit, such as '90s', '15m', '1h', '7d' or '2w'")]
struct NoDuration {
    found: String,
}

/// Adds the function to a connection. `now` is in Unix seconds, and the same for the whole query.
pub(super) fn add(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("since", 1, flags, move |context| since(context, now))
}

fn since(context: &Context<'_>, now: i64) -> rusqlite::Result<String> {
    let found = match context.get_raw(0) {
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text).into_owned();
            if let Ok(duration) = humantime::parse_duration(&text) {
                let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
                return Ok(iso8601(now.saturating_sub(seconds).max(0)).as_str().to_owned());
            }
            format!("'{text}'")
        }
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Blob(_) => "a blob".to_owned(),
    };
    Err(Error::UserFunctionError(NoDuration { found }.into()))
}
