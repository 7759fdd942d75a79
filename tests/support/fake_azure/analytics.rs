//! The query API of Log Analytics over the rows that the ingestion endpoint has taken: the two queries of `verify`, read by
//! their parts, and what the documentation warns of.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use chrono::DateTime;
use serde_json::{Value, json};
use tokio_rustls::rustls::ServerConfig;
use xxhash_rust::xxh64::xxh64;

use super::{
    entra::{Entra, Tokens},
    ingestion::Ingestion,
    ingestion_error,
};
use crate::support::fake::{Fake, Reply, Request};

pub const WORKSPACE: &str = "77777777-8888-9999-aaaa-bbbbbbbbbbbb";
/// The age at which a row gets its time of arrival.
const OLD: i64 = 2 * 24 * 3600;

/// `Analytics::start(tls, &entra, ingestion)`
pub struct Analytics {
    pub server: Fake,
    state: Arc<Mutex<State>>,
}

struct State {
    tokens: Tokens,
    ingestion: Arc<Ingestion>,
    audience: String,
    rows_max: usize,
    /// Answers of the last two minutes, by the body of their request.
    cache: HashMap<Vec<u8>, Value>,
    denied: bool,
}

impl Analytics {
    pub fn start(tls: Option<ServerConfig>, entra: &Entra, ingestion: Arc<Ingestion>) -> Self {
        let state = Arc::new(Mutex::new(State {
            tokens: entra.tokens(),
            ingestion,
            audience: "https://api.loganalytics.io".to_owned(),
            rows_max: 500_000,
            cache: HashMap::new(),
            denied: false,
        }));
        let answering = state.clone();
        let server = Fake::start(tls, move |request| answering.lock().unwrap().answer(request));
        Self { server, state }
    }

    /// The most rows of an answer; more are cut off, and the answer says so in its own way.
    pub fn limit(&self, rows_max: usize) {
        self.state.lock().unwrap().rows_max = rows_max;
    }

    /// Takes only tokens for this audience.
    pub fn set_audience(&self, audience: &str) {
        self.state.lock().unwrap().audience = audience.to_owned();
    }

    /// Whether good tokens are answered 403.
    pub fn set_denied(&self, denied: bool) {
        self.state.lock().unwrap().denied = denied;
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match bearer.and_then(|token| self.tokens.audience(token)) {
            None => return ingestion_error(401, "AuthenticationFailed", "no token"),
            Some(audience) if audience != self.audience => {
                return ingestion_error(403, "InvalidAuthenticationTokenAudience", "another audience");
            }
            Some(_) if self.denied => {
                return ingestion_error(
                    403,
                    "InsufficientAccessError",
                    "The provided credentials have insufficient access",
                );
            }
            Some(_) => {}
        }
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        let is_here = match &path[..] {
            ["v1", "workspaces", WORKSPACE, "query"] => true,
            ["subscriptions", .., "workspaces", "acme", "query"] => {
                request.query_field("api-version").is_some()
            }
            _ => false,
        };
        if !is_here {
            return ingestion_error(404, "PathNotFoundError", "The requested path does not exist");
        }
        if request.header("content-type") != Some("application/json") {
            return Reply::status(200);
        }
        assert!(request.header("prefer").is_some_and(|prefer| prefer.contains("wait=600")));
        let body = request.body.to_vec();
        let is_fresh = request.header("cache-control") == Some("no-cache");
        if let Some(known) = self.cache.get(&body).filter(|_| !is_fresh) {
            return Reply::json(200, known);
        }
        let asked = request.json();
        match self.query(asked["query"].as_str().unwrap(), asked["timespan"].as_str().unwrap()) {
            Ok(answer) => {
                self.cache.insert(body, answer.clone());
                Reply::json(200, &answer)
            }
            Err(reply) => reply,
        }
    }

    fn query(&self, query: &str, timespan: &str) -> Result<Value, Reply> {
        let lines: Vec<&str> = query.lines().collect();
        let stream = format!("Custom-{}", lines[0]);
        let time_field = match lines[0] {
            "OpenAIAuditLogs_CL" => "effective_at",
            "OpenAIChatCompletions_CL" => "created",
            _ => {
                let error = json!({ "error": { "message": "The request had some invalid properties",
                    "code": "BadArgumentError", "innererror": { "code": "SemanticError" } } });
                return Err(Reply::json(400, &error));
            }
        };
        if !query.contains("datetime(") {
            let ids = self.ingestion.rows(&stream).into_iter().take(1).map(|row| json!([row["id"]]));
            let rows: Vec<Value> = ids.collect();
            return Ok(
                json!({ "tables": [{ "name": "PrimaryResult", "columns": [{ "name": "Id" }], "rows": rows }] }),
            );
        }
        // The day of `datetime_diff` has no time of day.
        let times: Vec<i64> = query
            .match_indices("datetime(")
            .map(|(at, start)| query[at + start.len()..].split(')').next().unwrap())
            .filter(|text| text.contains('T'))
            .map(seconds)
            .collect();
        let [arrived_from, from, to] = times[..] else { panic!("three times: {query}") };
        let (span_from, span_to) = timespan.split_once('/').unwrap();
        let connector =
            lines[3].strip_prefix("| where ConnectorName == '").unwrap().strip_suffix('\'').unwrap();
        let now = chrono::Utc::now().timestamp();
        let mut copies: BTreeMap<(String, i64), u64> = BTreeMap::new();
        for row in self.ingestion.rows(&stream) {
            let second = row[time_field].as_i64().unwrap();
            let generated = if second < now - OLD { now } else { second };
            let is_wanted = generated >= arrived_from
                && (seconds(span_from)..seconds(span_to)).contains(&generated)
                && (from..to).contains(&second)
                && row["friendlyName"] == connector;
            if is_wanted {
                *copies.entry((row["id"].as_str().unwrap().to_owned(), second)).or_default() += 1;
            }
        }
        let take: usize = lines.last().unwrap().strip_prefix("| take ").unwrap().parse().unwrap();
        let (columns, mut rows): (_, Vec<Value>) = if query.contains("binary_all_xor(hash_xxhash64(Id))") {
            let mut hours: BTreeMap<i64, (u64, BTreeSet<&String>)> = BTreeMap::new();
            for ((id, second), copies) in &copies {
                let hour = hours.entry(second.div_euclid(3600) * 3600).or_default();
                hour.0 += copies;
                hour.1.insert(id);
            }
            let row = |(hour, (rows, ids)): (i64, (u64, BTreeSet<&String>))| {
                let digest = ids.iter().fold(0, |digest, id| digest ^ xxh64(id.as_bytes(), 0) as i64);
                json!([hour, rows, ids.len(), digest.to_string()])
            };
            (["Hour", "Rows", "Ids", "Digest"].as_slice(), hours.into_iter().map(row).collect())
        } else {
            let row = |((id, second), copies)| json!([id, second, copies]);
            (["Id", "Second", "Copies"].as_slice(), copies.into_iter().map(row).collect())
        };
        rows.truncate(take);
        let is_cut = rows.len() > self.rows_max;
        rows.truncate(self.rows_max);
        let columns: Vec<Value> = columns.iter().map(|name| json!({ "name": name })).collect();
        let mut answer = json!({ "tables": [{ "name": "PrimaryResult", "columns": columns, "rows": rows }] });
        if is_cut {
            answer["error"] = json!({
                "code": "PartialError", "message": "There were some errors when processing your query.",
                "innererror": { "code": "EngineError", "innererror": { "code": "E_QUERY_RESULT_SET_TOO_LARGE" } },
            });
        }
        Ok(answer)
    }
}

fn seconds(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp()
}
