//! The client of `GET /api/v1/tail`: its lines, one at a time.

use std::{collections::VecDeque, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{AdminClient, AdminError};

/// A daemon that sends nothing for this long hangs: it sends a heartbeat four times as often.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long it takes to look at what has come.
const WAKING_MAX: Duration = Duration::from_secs(2);
/// The longest line: a record of at most 1 MiB, and names.
const LINE_BYTES_MAX: usize = 2 << 20;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailLine {
    /// A record, as JSON.
    Record {
        /// The route that delivered it.
        route: String,
        /// Its table.
        table: String,
        /// The record.
        record: String,
    },
    /// So many records came faster than they were taken.
    Lost(u64),
    /// The daemon is alive.
    Heartbeat,
}

/// Lines as the daemon sends them.
#[derive(Debug)]
pub struct TailStream {
    response: reqwest::Response,
    pid: u32,
    /// What came of a line whose end has not come.
    begun: Vec<u8>,
    lines: VecDeque<TailLine>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    route: String,
    #[serde(default)]
    table: String,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    lost: Option<u64>,
}

impl AdminClient {
    /// Watches the records of collectors, or of one route. Neither: all.
    pub async fn tail(&self, collectors: &[String], route: Option<&str>) -> Result<TailStream, AdminError> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for collector in collectors {
            query.append_pair("collector", collector);
        }
        if let Some(route) = route {
            query.append_pair("route", route);
        }
        let request = self.http.get(format!("{}?{}", self.url("tail"), query.finish()));
        let response = self.begin(request).await?;
        Ok(TailStream { response, pid: self.pid, begun: Vec::new(), lines: VecDeque::new() })
    }
}

impl TailStream {
    /// The next line; `None` once the daemon, or its connection, has ended.
    pub async fn next(&mut self) -> Result<Option<TailLine>, AdminError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            let mut piece = timeout(SILENCE_MAX, self.response.chunk()).await;
            if piece.is_err() {
                // After a suspended process wakes up, the time is over before it could look at what came meanwhile.
                piece = timeout(WAKING_MAX, self.response.chunk()).await;
            }
            let Ok(piece) = piece else {
                return Err(self.unreachable(&format!("nothing came for {} s", SILENCE_MAX.as_secs())));
            };
            // A daemon that is killed breaks the response off, and one that stops does the same.
            let Ok(Some(piece)) = piece else { return Ok(None) };
            self.take(&piece)?;
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), AdminError> {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.begun.extend_from_slice(&rest[..end]);
            let line = parsed(&self.begun).map_err(|error| self.unreachable(&error.to_string()))?;
            self.lines.push_back(line);
            self.begun.clear();
            rest = &rest[end + 1..];
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > LINE_BYTES_MAX {
            return Err(self.unreachable("a line has no end"));
        }
        Ok(())
    }

    fn unreachable(&self, reason: &str) -> AdminError {
        AdminError::Unreachable { pid: self.pid, reason: reason.to_owned() }
    }
}

fn parsed(line: &[u8]) -> serde_json::Result<TailLine> {
    let Line { route, table, record, lost } = serde_json::from_slice(line)?;
    Ok(match (record, lost) {
        (Some(record), _) => TailLine::Record { route, table, record: record.get().to_owned() },
        (None, Some(lost)) => TailLine::Lost(lost),
        (None, None) => TailLine::Heartbeat,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record_a_loss_or_a_heartbeat_and_a_record_stays_as_it_was() {
        let parsed = |line: &str| parsed(line.as_bytes()).unwrap();
        let record = r#"{"n": 1.10, "s":"é"}"#;
        assert_eq!(
            parsed(&format!(r#"{{"route":"a/b","table":"T","record":{record}}}"#)),
            TailLine::Record { route: "a/b".to_owned(), table: "T".to_owned(), record: record.to_owned() }
        );
        assert_eq!(parsed(r#"{"lost":7}"#), TailLine::Lost(7));
        assert_eq!(parsed(r#"{"heartbeat":1}"#), TailLine::Heartbeat);
    }
}
