//! The Logs Ingestion endpoint: what it takes, what it refuses, and what it loses without a word.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value};
use tokio_rustls::rustls::ServerConfig;

use super::{
    DCR,
    entra::{Entra, Tokens},
    ingestion_error,
};
use crate::support::{
    chaos::{Chaos, Whim},
    fake::{Fake, Reply, Request},
};

/// As sent, compressed or not.
const CONTENT_LENGTH_MAX: usize = 1_048_576;
const INFLATED_MAX: usize = 50 << 20;
const FIELD_MAX: usize = 64 << 10;

/// The streams of the published rule; written down here once more, because what judges must not share a mistake.
const STREAMS: [(&str, &str); 2] = [
    ("Custom-OpenAIAuditLogs_CL", "id type effective_at project EventDetails friendlyName actor"),
    (
        "Custom-OpenAIChatCompletions_CL",
        "id object model request_id service_tier system_fingerprint tool_choice input_user friendlyName created seed \
         temperature top_p frequency_penalty presence_penalty choices usage metadata tools response_format",
    ),
];

/// What a client that heard 204 does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The body was an object and no array.
    BareObject,
    /// The body said that it was gzip.
    NotGzip,
    /// The body was too large when inflated.
    TooLarge { inflated_bytes: usize },
    /// A field was cut at 64 KiB.
    Cut { stream: String, field: String, bytes: usize },
    /// A field that the stream does not declare.
    Undeclared { stream: String, field: String },
}

/// `Ingestion::start(tls, &entra)` knows the rule [`DCR`] with both published streams.
pub struct Ingestion {
    pub server: Fake,
    rule: Arc<Mutex<Rule>>,
}

struct Rule {
    tokens: Tokens,
    audience: String,
    denied: bool,
    streams: BTreeMap<String, Stream>,
    losses: Vec<Loss>,
    /// The ids of rows that the rule takes no call with.
    refused: BTreeSet<String>,
    request: usize,
    chaos: Option<Chaos>,
    /// What a firewall in front refuses: calls that hold any of these texts.
    forbidden: Vec<String>,
}

#[derive(Default)]
struct Stream {
    columns: Vec<String>,
    rows: Vec<Value>,
}

impl Ingestion {
    pub fn start(tls: Option<ServerConfig>, entra: &Entra) -> Self {
        let rule = Arc::new(Mutex::new(Rule {
            tokens: entra.tokens(),
            audience: "https://monitor.azure.com".to_owned(),
            denied: false,
            streams: BTreeMap::new(),
            losses: Vec::new(),
            refused: BTreeSet::new(),
            request: 0,
            chaos: None,
            forbidden: Vec::new(),
        }));
        let state = rule.clone();
        let server = Fake::start(tls, move |request| {
            let whim = state.lock().unwrap().whim(request);
            whim.answer(|| state.lock().unwrap().answer(request))
        });
        let ingestion = Self { server, rule };
        for (stream, columns) in STREAMS {
            ingestion.declare(stream, &columns.split_whitespace().collect::<Vec<_>>());
        }
        ingestion
    }

    /// Adds a stream, or replaces the columns of one.
    pub fn declare(&self, stream: &str, columns: &[&str]) {
        let mut rule = self.rule.lock().unwrap();
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        rule.streams.entry(stream.to_owned()).or_default().columns = columns;
    }

    /// Takes only tokens for this audience: another cloud's.
    pub fn set_audience(&self, audience: &str) {
        self.rule.lock().unwrap().audience = audience.to_owned();
    }

    /// Whether good tokens are answered 403, as while a role assignment is on its way.
    pub fn set_denied(&self, denied: bool) {
        self.rule.lock().unwrap().denied = denied;
    }

    /// Answers 400 to every call that holds the row with this id.
    pub fn refuse(&self, id: &str) {
        self.rule.lock().unwrap().refused.insert(id.to_owned());
    }

    /// A firewall in front answers calls that hold this text with a page of its own and 403.
    pub fn forbid(&self, text: &str) {
        self.rule.lock().unwrap().forbidden.push(text.to_owned());
    }

    /// From now on calls meet what is drawn from this seed.
    pub fn unleash(&self, seed: u64) {
        self.rule.lock().unwrap().chaos = Some(Chaos::new(seed));
    }

    /// The rows that arrived, cut and stripped as the losses say.
    pub fn rows(&self, stream: &str) -> Vec<Value> {
        self.rule.lock().unwrap().streams.get(stream).map(|stream| stream.rows.clone()).unwrap_or_default()
    }

    /// Changes what has arrived, behind everybody's back.
    pub fn change(&self, stream: &str, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.rule.lock().unwrap().streams.get_mut(stream).unwrap().rows);
    }

    pub fn losses(&self) -> Vec<Loss> {
        self.rule.lock().unwrap().losses.clone()
    }
}

impl Rule {
    /// What becomes of a call, whatever it holds.
    fn whim(&mut self, request: &Request) -> Whim {
        let content = request.content().unwrap_or_default();
        if self.forbidden.iter().any(|text| memchr::memmem::find(&content, text.as_bytes()).is_some()) {
            return Whim::Page(403);
        }
        self.chaos.as_mut().map_or(Whim::Well, |chaos| chaos.draw(request.body.len()))
    }

    fn answer(&mut self, request: &Request) -> Reply {
        self.request += 1;
        let id = format!("00000000-0000-0000-0000-{:012}", self.request);
        let refused = self.admit(request).and_then(|stream| self.take(&stream, request));
        let reply = refused.map_or_else(|refusal| refusal, |()| Reply::status(204));
        reply.with_header("x-ms-request-id", &id)
    }

    /// The stream that is written to.
    fn admit(&self, request: &Request) -> Result<String, Reply> {
        let bytes = request.body.len();
        if bytes > CONTENT_LENGTH_MAX {
            let message =
                format!("Maximum allowed content length: {CONTENT_LENGTH_MAX} bytes. Provided: {bytes}.");
            return Err(ingestion_error(413, "ContentLengthLimitExceeded", &message));
        }
        let authorization = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if authorization.and_then(|token| self.tokens.audience(token)).as_ref() != Some(&self.audience) {
            return Err(ingestion_error(401, "InvalidToken", "The authentication token is not valid."));
        }
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        let stream = match (request.method.as_str(), &path[..]) {
            ("POST", ["dataCollectionRules", DCR, "streams", stream])
                if self.streams.contains_key(*stream) =>
            {
                (*stream).to_owned()
            }
            _ => return Err(ingestion_error(404, "NotFound", "The rule or the stream does not exist.")),
        };
        if request.query_field("api-version").is_none() {
            return Err(ingestion_error(400, "MissingApiVersion", "The api-version is missing."));
        }
        if self.denied {
            let message = "The authentication token provided does not have access to ingest data for the data \
                           collection rule with immutable Id. PipelineAccessResult: AccessGranted: False, \
                           IsRbacPresent: False, IsDcrDceBindingValid: True";
            return Err(ingestion_error(403, "OperationFailed", message));
        }
        Ok(stream)
    }

    fn take(&mut self, stream: &str, request: &Request) -> Result<(), Reply> {
        let Ok(content) = request.content() else {
            self.losses.push(Loss::NotGzip);
            return Ok(());
        };
        if content.len() > INFLATED_MAX {
            self.losses.push(Loss::TooLarge { inflated_bytes: content.len() });
            return Ok(());
        }
        let malformed = || ingestion_error(400, "InvalidPayload", "Malformed JSON.");
        match serde_json::from_slice(&content).map_err(|_| malformed())? {
            Value::Array(rows) if rows.iter().any(|row| self.is_refused(row)) => {
                return Err(ingestion_error(400, "InvalidTransformOutput", "A row cannot be transformed."));
            }
            Value::Array(rows) if rows.iter().all(Value::is_object) => {
                for row in rows {
                    self.keep(stream, row);
                }
            }
            Value::Object(_) => self.losses.push(Loss::BareObject),
            _ => return Err(malformed()),
        }
        Ok(())
    }

    fn is_refused(&self, row: &Value) -> bool {
        row["id"].as_str().is_some_and(|id| self.refused.contains(id))
    }

    fn keep(&mut self, name: &str, row: Value) {
        let Some(stream) = self.streams.get_mut(name) else { return };
        let Value::Object(fields) = row else { return };
        let mut kept = Map::new();
        for (field, value) in fields {
            if !stream.columns.contains(&field) {
                self.losses.push(Loss::Undeclared { stream: name.to_owned(), field });
                continue;
            }
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if text.len() <= FIELD_MAX {
                kept.insert(field, value);
                continue;
            }
            // A dynamic value is cut as text, too: what is left of it is no JSON.
            let end = (0..=FIELD_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
            let cut = text[..end].to_owned();
            kept.insert(field.clone(), Value::String(cut));
            self.losses.push(Loss::Cut { stream: name.to_owned(), field, bytes: text.len() });
        }
        stream.rows.push(Value::Object(kept));
    }
}
