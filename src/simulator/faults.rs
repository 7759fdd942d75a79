//! What goes wrong with replies: by habit, or by a test's script.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use rand::{RngExt, rngs::StdRng};

use super::{
    chaos,
    habits::{Habit, Habits},
    wire::{Reply, SimulatedEndpoint, SimulatedRefusal},
};

/// How often in a row the same request may fail by habit, so that retries succeed.
const IN_A_ROW_MAX: u8 = 2;
/// Each active habit affects one request in this many.
const ONE_IN: u32 = 10;
/// Failed requests that were not repeated yet; above this many they are forgotten.
const FAILING_MAX: usize = 10_000;

/// Something that goes wrong with one reply.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status instead of an answer.
    Status {
        /// HTTP status.
        status: u16,
        /// Additional headers; names are lower case.
        headers: Vec<(&'static str, String)>,
        /// The whole body.
        body: Bytes,
    },
    /// The right answer, but the connection closes after this many bytes, at the latest before the last one.
    CutAt(usize),
    /// The connection closes without an answer.
    Close,
    /// The right answer, followed by bytes that are not JSON.
    Garbage,
    /// A list's page in up to this many list documents in one body.
    Documents(usize),
    /// A list answers an empty page with `has_more`.
    EmptyPage,
    /// A list repeats its last page that was not empty.
    SamePage,
    /// The previous answer of any list of the endpoint, unless that was empty.
    Earlier,
    /// `null` instead of the records.
    Null,
    /// The newest page of the list, whatever was requested.
    Unfiltered,
    /// A page of at most this many records.
    Capped(usize),
    /// Each record twice.
    Twice,
    /// One record that is not JSON.
    Damaged,
    /// A byte order mark before the body.
    Mark,
    /// The body as gzip, asked for or not.
    Gzip,
    /// The right answer, after a delay.
    Slow(Duration),
}

impl Fault {
    /// An error in the API's envelope with these headers; `code` as in `error.code`.
    pub fn status(status: u16, code: &'static str, headers: &[(&'static str, &str)]) -> Self {
        let body = SimulatedRefusal::new(status, Some(code), "The request could not be served.").reply().body;
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self::Status { status, headers, body }
    }
}

/// Decides how each request fails.
#[derive(Default)]
pub(super) struct Faults {
    script: VecDeque<Fault>,
    /// How often in a row each request failed by habit.
    failing: HashMap<u64, u8>,
}

impl Faults {
    pub fn script(&mut self, faults: Vec<Fault>) {
        self.script.extend(faults);
    }

    /// The fault of the next reply; the script takes precedence.
    pub fn next(
        &mut self,
        target: &str,
        endpoint: SimulatedEndpoint,
        now: i64,
        habits: Habits,
        rng: &mut StdRng,
    ) -> Option<Fault> {
        if let Some(fault) = self.script.pop_front() {
            return Some(fault);
        }
        let list = matches!(endpoint, SimulatedEndpoint::AuditLogs | SimulatedEndpoint::Completions);
        if list
            && habits.has(Habit::Chaos)
            && let Some(fault) = chaos::next(now, rng)
        {
            return Some(fault);
        }
        let mut hit = |habit| habits.has(habit) && rng.random_ratio(1, ONE_IN);
        let fault = if hit(Habit::Throttle) {
            throttled(now, rng)
        } else if hit(Habit::Errors) {
            error(rng)
        } else if hit(Habit::Cut) {
            broken_body(list, rng)
        } else if list && hit(Habit::EmptyPages) {
            Fault::EmptyPage
        } else if list && hit(Habit::SamePage) {
            Fault::SamePage
        } else {
            return self.passed(target);
        };
        let key = xxhash_rust::xxh3::xxh3_64(target.as_bytes());
        if self.failing.len() >= FAILING_MAX {
            self.failing.clear();
        }
        let failed = self.failing.entry(key).or_default();
        *failed += 1;
        if *failed > IN_A_ROW_MAX { self.passed(target) } else { Some(fault) }
    }

    fn passed(&mut self, target: &str) -> Option<Fault> {
        if !self.failing.is_empty() {
            self.failing.remove(&xxhash_rust::xxh3::xxh3_64(target.as_bytes()));
        }
        None
    }
}

/// The delay in each of its spellings, or without one.
pub(super) fn throttled(now: i64, rng: &mut StdRng) -> Fault {
    let headers = match rng.random_range(0..4) {
        0 => vec![("retry-after", "1".to_owned())],
        1 => vec![("retry-after", http_date(now.saturating_add(2)))],
        2 => vec![("retry-after-ms", "250".to_owned())],
        _ => Vec::new(),
    };
    let refusal = SimulatedRefusal {
        kind: "requests",
        ..SimulatedRefusal::new(
            429,
            Some("rate_limit_exceeded"),
            "Rate limit reached. Please try again later.",
        )
    };
    Fault::Status { status: 429, headers, body: refusal.reply().body }
}

/// The API's own 500, the 503 of the network in front of it (which is not JSON), or a closed connection.
fn error(rng: &mut StdRng) -> Fault {
    let refusal = SimulatedRefusal {
        kind: "server_error",
        ..SimulatedRefusal::new(
            500,
            Some("server_error"),
            "The server had an error while processing your request.",
        )
    };
    let html = Bytes::from_static(b"<html><body><h1>503 Service Unavailable</h1></body></html>");
    match rng.random_range(0..3) {
        0 => Fault::Status { status: 500, headers: Vec::new(), body: refusal.reply().body },
        1 => {
            Fault::Status { status: 503, headers: vec![("content-type", "text/html".to_owned())], body: html }
        }
        _ => Fault::Close,
    }
}

fn broken_body(list: bool, rng: &mut StdRng) -> Fault {
    match rng.random_range(0..3) {
        0 => Fault::CutAt(rng.random_range(1..20_000)),
        1 => Fault::Garbage,
        _ if list => Fault::Documents(rng.random_range(2..=3)),
        _ => Fault::CutAt(1),
    }
}

/// Applies a fault to a finished reply; faults of pages were applied when the page was built.
pub(super) fn apply(fault: Fault, reply: &mut Reply) {
    match fault {
        Fault::Status { status, headers, body } => {
            *reply = Reply::json(status, body);
            for (name, value) in headers {
                reply.headers.retain(|(known, _)| *known != name);
                reply.headers.push((name, value));
            }
        }
        Fault::CutAt(bytes) => reply.cut = Some(bytes.min(reply.body.len().saturating_sub(1))),
        Fault::Close => reply.cut = Some(0),
        Fault::Garbage => reply.body = [&reply.body[..], b"\n<!-- upstream"].concat().into(),
        Fault::Mark => reply.body = [b"\xef\xbb\xbf", &reply.body[..]].concat().into(),
        Fault::Gzip => {
            reply.body = chaos::gzip(&reply.body);
            reply.headers.push(("content-encoding", "gzip".to_owned()));
        }
        Fault::Slow(_) => {}
        Fault::Documents(_)
        | Fault::EmptyPage
        | Fault::SamePage
        | Fault::Earlier
        | Fault::Null
        | Fault::Unfiltered
        | Fault::Capped(_)
        | Fault::Twice
        | Fault::Damaged => {}
    }
}

/// A second as an HTTP date; seconds without one become the epoch.
pub(super) fn http_date(second: i64) -> String {
    let time = chrono::DateTime::from_timestamp(second, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
