//! The client for commands: talks to the daemon that runs on the same state directory.

pub mod tail;

use std::{path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    access::{Access, is_alive},
    changes::{BackfillName, Routes, RunName},
};
use crate::{
    config::{AdminSettings, Environment, Listen, SecretError},
    daemon::{
        backfill::{BackfillReport, BackfillWanted, Window},
        checkpoints::{NamedCheckpoint, ResetWanted},
        control::Reloaded,
        export::Export,
        verification::{Started, VerificationStatus, VerifyWanted},
    },
    pipeline::status_file::StatusFile,
    reasons::with_reasons,
};

/// Timeout of a request: an order may have to wait until routes have ended, and for earlier orders.
const TIMEOUT: Duration = Duration::from_secs(100);
/// Timeout of the check whether a daemon listens.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A daemon that answers.
#[derive(Debug)]
pub struct AdminClient {
    http: reqwest::Client,
    base: String,
    token: Option<SecretString>,
    /// Its process id.
    pub pid: u32,
}

/// Why a daemon did not execute a request.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// It cannot be reached, or its answer cannot be parsed.
    #[error("the daemon (process {pid}) does not respond: {reason}")]
    Unreachable {
        /// Its process id.
        pid: u32,
        /// What happened.
        reason: String,
    },
    /// It rejects the order as given.
    #[error("{0}")]
    Usage(String),
    /// It tried and failed.
    #[error("{0}")]
    Failed(String),
}

#[derive(Deserialize)]
struct AdminRefusal {
    error: String,
}

impl AdminClient {
    /// The daemon that wrote `admin.json` in the state directory, if it answers. `None` if there is none.
    pub async fn find(dir: &Path, settings: &AdminSettings, environment: &Environment) -> Option<Self> {
        let access = match Access::read(dir) {
            // The address left by a killed daemon may by now belong to one of another state directory.
            Ok(access) => access.filter(|access| is_alive(access.pid))?,
            Err(error) => {
                tracing::debug!(%error, "admin.json cannot be read");
                return None;
            }
        };
        let listen: Listen = access.listen.parse().ok()?;
        let builder = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT);
        let (builder, base) = match &listen {
            Listen::Tcp(address) if address.ip().is_unspecified() => {
                (builder, format!("http://127.0.0.1:{}", address.port()))
            }
            Listen::Tcp(address) => (builder, format!("http://{address}")),
            Listen::Unix(path) => (builder.unix_socket(path.as_path()), "http://localhost".to_owned()),
        };
        let from_settings = || {
            let resolved = settings.token.as_ref()?.resolve(environment);
            let unreadable = |error: &SecretError| {
                tracing::warn!(error = with_reasons(error), "token of [admin] cannot be read");
            };
            resolved.inspect_err(unreadable).ok()
        };
        let token = access.token.or_else(from_settings);
        let client = Self { http: builder.build().ok()?, base, token, pid: access.pid };
        let answers =
            client.http.get(format!("{}/healthz", client.base)).timeout(CONNECT_TIMEOUT).send().await;
        answers.is_ok_and(|answer| answer.status().is_success()).then_some(client)
    }

    /// What its routes are doing.
    pub async fn status(&self) -> Result<StatusFile, AdminError> {
        self.get("status").await
    }

    /// Its checkpoints.
    pub async fn checkpoints(&self) -> Result<Export, AdminError> {
        self.get("checkpoints").await
    }

    /// Its backfills, including those that ended.
    pub async fn backfills(&self) -> Result<Vec<BackfillReport>, AdminError> {
        self.get("backfills").await
    }

    /// Sends `pause`, `resume` or `poll` to the routes of a collector. Returns their names.
    pub async fn collectors(&self, order: &str, collector: &str) -> Result<Vec<String>, AdminError> {
        let routes: Routes = self.post(&format!("collectors/{collector}/{order}"), &()).await?;
        Ok(routes.routes)
    }

    /// Removes checkpoints, or only shows them with `dry_run`.
    pub async fn reset(&self, wanted: &ResetWanted) -> Result<Vec<NamedCheckpoint>, AdminError> {
        self.post("reset", wanted).await
    }

    /// Makes it read its configuration again.
    pub async fn reload(&self) -> Result<Reloaded, AdminError> {
        self.post("reload", &()).await
    }

    /// Starts a backfill.
    pub async fn backfill(&self, wanted: &BackfillWanted) -> Result<Window, AdminError> {
        self.post("backfills", wanted).await
    }

    /// Stops a backfill.
    pub async fn stop_backfill(&self, name: &str) -> Result<(), AdminError> {
        self.post("backfills/stop", &BackfillName { name: name.to_owned() }).await
    }

    /// Starts a verification.
    pub async fn verify(&self, wanted: &VerifyWanted) -> Result<Started, AdminError> {
        self.post("verifications", wanted).await
    }

    /// Its verifications, including those that ended.
    pub async fn verifications(&self) -> Result<Vec<VerificationStatus>, AdminError> {
        self.get("verifications").await
    }

    /// Stops a verification.
    pub async fn stop_verification(&self, run: &str) -> Result<(), AdminError> {
        self.post("verifications/stop", &RunName { run: run.to_owned() }).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AdminError> {
        self.send(self.http.get(self.url(path))).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, AdminError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unreachable(&error))?;
        self.send(self.http.post(self.url(path)).header("content-type", "application/json").body(body)).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, AdminError> {
        let answer = self.begin(request.timeout(TIMEOUT)).await?;
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error.without_url()))?;
        serde_json::from_slice(&body).map_err(|error| self.unreachable(&error))
    }

    /// Sends a request; returns once its response begins.
    async fn begin(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, AdminError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.unreachable(&error.without_url()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error.without_url()))?;
        let reason =
            serde_json::from_slice(&body).map_or_else(|_| status.to_string(), |AdminRefusal { error }| error);
        Err(if status.is_client_error() { AdminError::Usage(reason) } else { AdminError::Failed(reason) })
    }

    fn unreachable(&self, reason: &dyn std::error::Error) -> AdminError {
        AdminError::Unreachable { pid: self.pid, reason: with_reasons(reason) }
    }
}
