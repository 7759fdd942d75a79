//! The listeners: the admin interface, and the address for metrics and health only.

use std::{
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};

use super::{
    changes,
    connection::{AdminStream, answer, in_time, with_whole_body},
    guard::{Guard, for_known_hosts, for_token},
    kibana,
    pages::{self, Daemon},
    tail,
};
use crate::{config::Listen, pipeline::shutdown::Shutdown};

/// The most concurrent connections; others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a listener waits after an error, such as too many open files.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// A listening socket.
#[derive(Debug)]
pub enum AdminListener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A Unix socket, for the user of this process only.
    Unix(UnixListener),
}

impl AdminListener {
    /// Begins to listen.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Listen::Unix(path) => bind_unix(path).await.map(Self::Unix),
        }
    }

    /// Its address, with the actual port.
    pub fn place(&self, listen: &Listen) -> Listen {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| listen.clone(), Listen::Tcp),
            Self::Unix(_) => listen.clone(),
        }
    }

    /// Serves until shutdown. Requests in progress are then cut off, because a change completes or fails
    /// independently of them.
    pub async fn serve(self, router: Router, mut stop: Shutdown) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.requested() => return,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok(connection) => {
                    let (router, mut stop) = (router.clone(), stop.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = stop.requested() => {}
                            () = answer(connection, router) => {}
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "admin connection cannot be accepted");
                    if stop.or_sleep(ERROR_PAUSE).await {
                        return;
                    }
                }
            }
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn AdminStream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// A socket without a listener was left by a process that was killed, and prevents a new one.
async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    if is_socket && tokio::net::UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// All pages, on `[admin] listen`.
pub(super) fn admin(daemon: Arc<Daemon>, guard: Guard) -> Router {
    let guard = Arc::new(guard);
    let with_token = Router::new()
        .route("/api/v1/collectors/{name}/pause", post(changes::pause))
        .route("/api/v1/collectors/{name}/resume", post(changes::resume))
        .route("/api/v1/collectors/{name}/poll", post(changes::poll))
        .route("/api/v1/reset", post(changes::reset))
        .route("/api/v1/reload", post(changes::reload))
        .route("/api/v1/checkpoints", get(changes::checkpoints))
        .route("/api/v1/backfills", get(changes::backfills).post(changes::backfill))
        .route("/api/v1/backfills/stop", post(changes::stop_backfill))
        .route("/api/v1/tail", get(tail::tail))
        .route("/api/v1/verifications", get(changes::verifications).post(changes::verify))
        .route("/api/v1/verifications/stop", post(changes::stop_verification))
        .route("/", get(pages::root))
        .route_layer(from_fn_with_state(guard.clone(), for_token));
    let shown = Router::new()
        .route("/api/v1/status", get(pages::status))
        .route("/metrics", get(pages::metrics))
        .route_layer(from_fn(in_time));
    let guarded = with_token.merge(shown).route_layer(from_fn_with_state(guard.clone(), for_known_hosts));
    let kibana = {
        let Daemon { connectors, pushes, database, .. } = &*daemon;
        kibana::router(connectors.clone(), pushes.clone(), database.clone(), guard)
    };
    health().merge(guarded).layer(from_fn(with_whole_body)).merge(kibana).with_state(daemon)
}

/// Metrics and health, on `[admin] metrics_listen`.
pub(super) fn metrics(daemon: Arc<Daemon>, guard: Guard) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(pages::metrics))
        .route_layer(from_fn(in_time))
        .route_layer(from_fn_with_state(Arc::new(guard), for_known_hosts));
    health().merge(guarded).layer(from_fn(with_whole_body)).with_state(daemon)
}

fn health() -> Router<Arc<Daemon>> {
    Router::new().route("/healthz", get(pages::healthz)).route("/readyz", get(pages::readyz))
}
