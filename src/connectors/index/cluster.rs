//! Documents into the cluster of an Elasticsearch sink.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::{
    names::ReservedNames,
    target::{IndexFailure, IndexTarget, IndexWrite},
};
use crate::{
    config::{ElasticsearchSettings, Environment},
    reasons::with_reasons,
    sinks::{
        http::Remote,
        remote::{RemoteError, RemoteErrorKind, Service},
    },
};

/// The most bytes of a response.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// What each document is: `create`, which data streams require, under an id of the cluster's.
const ACTION: &[u8] = b"{\"index\":{\"op_type\":\"create\"}}\n";

/// The cluster.
pub(super) struct IndexCluster {
    remote: Remote,
    /// Without a slash at their ends.
    urls: Vec<String>,
    reserved: ReservedNames,
}

impl IndexCluster {
    /// Connects to nothing yet.
    pub(super) fn new(
        settings: ElasticsearchSettings,
        environment: Environment,
        reserved: ReservedNames,
    ) -> Self {
        let urls = settings.urls.iter().map(|url| url.as_str().trim_end_matches('/').to_owned()).collect();
        let (auth, wait_max) = (settings.auth.clone(), settings.connection.retry_after_max);
        let reach = move |environment: &Environment| settings.http(ANSWER_BYTES_MAX, environment);
        let remote = Remote::new(Service::Elasticsearch, Box::new(reach), auth, environment, wait_max);
        Self { remote, urls, reserved }
    }

    async fn send(&self, path: &str, body: &Bytes) -> Result<collectors::Response, IndexFailure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut failure = IndexFailure::lasting("the sink has no address");
        for url in &self.urls {
            let url = format!("{url}{path}");
            match self.remote.send(Method::POST, &url, headers.clone(), body.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => {
                    let is_unreachable =
                        matches!(&error, RemoteError { kind: RemoteErrorKind::Unreachable(_), .. });
                    failure = IndexFailure {
                        reason: with_reasons(&error),
                        is_temporary: is_unreachable,
                        is_sent: failure.is_sent || !is_unreachable,
                    };
                }
            }
        }
        Err(failure)
    }
}

#[async_trait]
impl IndexTarget for IndexCluster {
    async fn write(&self, write: IndexWrite<'_>) -> Result<Value, IndexFailure> {
        self.reserved.check(write.index).map_err(IndexFailure::lasting)?;
        let mut body = Vec::new();
        for document in write.documents {
            body.extend_from_slice(ACTION);
            serde_json::to_writer(&mut body, document)
                .map_err(|error| IndexFailure::lasting(error.to_string()))?;
            body.push(b'\n');
        }
        // The name has none of the characters that mean something in a path, except these.
        let index = write.index.replace('%', "%25");
        let path = format!("/{index}/_bulk?refresh={}", write.refresh);
        let response = self.send(&path, &body.into()).await?;
        let answer: Option<Value> = serde_json::from_slice(&response.body).ok();
        match (response.status, answer) {
            (StatusCode::OK, Some(answer)) if answer.get("items").is_some() => Ok(answer),
            (status, answer) => Err(IndexFailure {
                reason: refusal(status, answer.as_ref()),
                is_temporary: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                is_sent: true,
            }),
        }
    }
}

fn refusal(status: StatusCode, answer: Option<&Value>) -> String {
    let error = answer.and_then(|answer| answer.get("error"));
    let reason = error.and_then(|error| error.get("reason").or(Some(error))?.as_str());
    reason.map_or_else(|| format!("status {}", status.as_u16()), str::to_owned)
}
