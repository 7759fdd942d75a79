//! `GET /api/v1/tail`: records as they are delivered, one JSON object a line, until the reader ends.
//!
//! ```text
//! {"route":"acme-audit/local","table":"OpenAIAuditLogs_CL","record":{…}}
//! {"lost":37}                records that came faster than this reader took them
//! {"heartbeat":1770979925}   at the start, and whenever nothing else was sent for a while
//! ```
//!
//! `?collector=NAME`, any number of times, or `?route=COLLECTOR/SINK`; without either, all collectors.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::stream;

use super::pages::{Daemon, refusal};
use crate::{
    daemon::control::OrderError,
    pipeline::tap::{ShownRecord, TapReader, TapSelection, Tapped},
};

/// The time between two lines, so that each side notices when the other one is gone.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
/// About how much is sent at a time.
const PIECE_BYTES: usize = 64 << 10;
/// The content type of the response.
const CONTENT_TYPE: &str = "application/x-ndjson";

pub(super) async fn tail(State(daemon): State<Arc<Daemon>>, uri: Uri) -> Response {
    let wanted = match wanted(&daemon, uri.query().unwrap_or_default()) {
        Ok(wanted) => wanted,
        Err(text) => return OrderError::Usage(text).into_response(),
    };
    let reader = match daemon.tap.open(wanted) {
        Ok(reader) => reader,
        Err(error) => return refusal(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    // The first heartbeat says that nothing is missed from now on.
    let lines = stream::unfold((reader, true), |(reader, begins)| async move {
        let piece = if begins { heartbeat() } else { piece(&reader).await };
        Some((Ok::<_, Infallible>(piece), (reader, false)))
    });
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], Body::from_stream(lines)).into_response()
}

fn wanted(daemon: &Daemon, query: &str) -> Result<TapSelection, String> {
    let (mut collectors, mut routes) = (BTreeSet::new(), Vec::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "collector" => _ = collectors.insert(value.into_owned()),
            "route" => routes.push(value.into_owned()),
            _ => return Err(format!("expected `collector` or `route`, found `{name}`")),
        }
    }
    let known = daemon.tap.collectors();
    match (routes.as_slice(), collectors.is_empty()) {
        ([], _) => match collectors.iter().find(|name| !known.contains(*name)) {
            None => Ok(TapSelection::Collectors(collectors)),
            Some(name) if name.contains('/') => {
                Err(format!("no collector `{name}` is configured; if that is a route, name it with --route"))
            }
            Some(name) => Err(format!("no collector `{name}` is configured, but {}", listed(&known))),
        },
        ([route], true) if daemon.registry.get(route).is_some() => Ok(TapSelection::Route(route.clone())),
        ([route], true) => {
            let names = daemon.registry.statuses().into_iter().map(|status| status.route).collect();
            Err(format!("no route `{route}` is running, but {}", listed(&names)))
        }
        ([_, ..], _) => Err("expected one route, or any number of collectors".to_owned()),
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The next lines: what already waits, together.
async fn piece(reader: &TapReader) -> Bytes {
    let Ok(first) = tokio::time::timeout(HEARTBEAT, reader.next()).await else { return heartbeat() };
    let (mut out, mut next) = (Vec::new(), Some(first));
    while let Some(tapped) = next {
        line(&tapped, &mut out);
        next = if out.len() < PIECE_BYTES { reader.try_next() } else { None };
    }
    out.into()
}

fn line(tapped: &Tapped, out: &mut Vec<u8>) {
    match tapped {
        Tapped::Record(ShownRecord { route, table, record }) => {
            out.extend_from_slice(
                format!("{{\"route\":{},\"table\":{},\"record\":", quoted(route), quoted(table)).as_bytes(),
            );
            out.extend_from_slice(record);
            out.extend_from_slice(b"}\n");
        }
        Tapped::Lost(lost) => out.extend_from_slice(format!("{{\"lost\":{lost}}}\n").as_bytes()),
    }
}

fn quoted(text: &str) -> serde_json::Value {
    text.into()
}

fn heartbeat() -> Bytes {
    format!("{{\"heartbeat\":{}}}\n", chrono::Utc::now().timestamp()).into()
}
