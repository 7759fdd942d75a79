//! Runs the admin interface while the daemon runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use secrecy::SecretString;

use super::{access::Access, guard::Guard, pages::Daemon, server};
use crate::{
    config::{AdminSettings, Environment, Listen, SecretError, SecretSource, SettingError},
    pipeline::shutdown::Shutdown,
};

/// The time between two attempts to listen.
const RETRY: Duration = Duration::from_secs(5);
const ADVICE: &str = "collecting continues without it; free the address, or set another one in [admin]";

/// The admin interface of one process.
pub struct Admin {
    /// Its settings.
    pub settings: AdminSettings,
    /// Directory of `admin.json`.
    pub state_dir: PathBuf,
    /// What it shows, and where it sends orders.
    pub daemon: Daemon,
    token: Option<SecretString>,
    metrics_token: Option<SecretString>,
}

impl Admin {
    /// Fails if the configured token cannot be read: an interface with another token would be useless.
    pub fn new(
        settings: AdminSettings,
        state_dir: PathBuf,
        daemon: Daemon,
        environment: &Environment,
    ) -> Result<Self, SettingError> {
        let resolve = |setting, source: &Option<SecretSource>| {
            let resolved = source.as_ref().map(|source| source.resolve(environment)).transpose();
            resolved.map_err(SecretError::of(setting))
        };
        let token = resolve("token", &settings.token)?;
        let metrics_token = resolve("metrics_token", &settings.metrics_token)?;
        Ok(Self { settings, state_dir, daemon, token, metrics_token })
    }

    /// Listens on the configured addresses until shutdown. An address that is not available is tried again,
    /// because collecting does not depend on it.
    pub async fn keep(self, stop: Shutdown) {
        Access::remove(&self.state_dir);
        let daemon = Arc::new(self.daemon.clone());
        let metrics = self.settings.metrics_listen.as_ref().map(|listen| {
            let guard = Guard { token: self.metrics_token.clone(), strict: listen.is_open(), hosts: None };
            listening(listen.clone(), server::metrics(daemon.clone(), guard), stop.clone(), |_| ())
        });
        let admin = self.settings.listen.as_ref().and_then(|listen| {
            let made = self.token.is_none().then(Access::make_token).transpose();
            let Ok(made) = made else {
                tracing::error!(advice = ADVICE, "cannot create a token: the system has no random numbers");
                return None;
            };
            let token = made.clone().or_else(|| self.token.clone());
            let hosts = Some(self.settings.allowed_hosts.clone());
            let guard = Guard { token, strict: listen.is_open(), hosts };
            let state_dir = self.state_dir.clone();
            let announce = move |place: &Listen| {
                let listen = place.from_anywhere().to_string();
                let access = Access { pid: std::process::id(), listen, token: made.clone() };
                if let Err(error) = access.write(&state_dir) {
                    let advice = "without it commands cannot reach the daemon; check permissions and space";
                    tracing::error!(%error, advice, "admin.json cannot be written");
                }
            };
            Some(listening(listen.clone(), server::admin(daemon, guard), stop.clone(), announce))
        });
        match (admin, metrics) {
            (Some(admin), Some(metrics)) => _ = tokio::join!(admin, metrics),
            (Some(admin), None) => admin.await,
            (None, Some(metrics)) => metrics.await,
            (None, None) => {}
        }
        Access::remove(&self.state_dir);
    }
}

/// Listens on one address until shutdown.
async fn listening(listen: Listen, router: Router, mut stop: Shutdown, announce: impl FnOnce(&Listen)) {
    let mut said = false;
    let listener = loop {
        match server::AdminListener::bind(&listen).await {
            Ok(listener) => break listener,
            Err(error) if !said => {
                said = true;
                tracing::warn!(%listen, %error, advice = ADVICE, "cannot listen, trying again");
            }
            Err(_) => {}
        }
        if stop.or_sleep(RETRY).await {
            return;
        }
    };
    let place = listener.place(&listen);
    if listen.is_open() {
        tracing::warn!(listen = %place, "other machines can reach this address; it requires the token");
    }
    announce(&place);
    // Logged last, because a reader of this line may send an order at once.
    tracing::info!(listen = %place, "listening");
    listener.serve(router, stop).await;
    if let Listen::Unix(path) = &listen {
        _ = std::fs::remove_file(path);
    }
}
