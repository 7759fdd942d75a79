//! The latest time that any server has sent to this process: a second clock for code that must not trust the
//! local one.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::UNIX_EPOCH,
};

use http::{HeaderMap, header};

static NEWEST: AtomicI64 = AtomicI64::new(i64::MIN);

/// Records the `Date` of an answer.
pub(crate) fn observe(headers: &HeaderMap) {
    let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| httpdate::parse_http_date(text).ok());
    let second = date.and_then(|date| i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok());
    if let Some(second) = second {
        NEWEST.fetch_max(second, Ordering::Relaxed);
    }
}

/// The latest `Date` of any answer, in Unix seconds; `None` before the first.
pub fn newest_date() -> Option<i64> {
    Some(NEWEST.load(Ordering::Relaxed)).filter(|newest| *newest > i64::MIN)
}
