//! `--trace-requests FILE`: one line per request, for support. No bodies, no keys, no filter values; limited
//! in size, and removed after an hour. Nothing waits for it: a separate thread writes, and lines that it
//! cannot keep up with are counted.

mod kept;
mod line;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use collectors::{Exchange, RequestObserver, observe_requests};
use serde_json::json;

use self::kept::{KEPT_FOR, KeptTraces, TraceHead};

/// The largest trace: some 60,000 requests.
const BYTES_MAX: u64 = 64 << 20;
/// The most lines that wait for the disk.
const WAITING_MAX: usize = 1024;
/// How long the end waits for the last lines.
const END_WAIT: Duration = Duration::from_secs(1);

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file exists.
    #[error("--trace-requests: {0} already exists; name a new file, or remove it")]
    Exists(PathBuf),
    /// The file, or the list of traces to remove, cannot be written.
    #[error("--trace-requests: {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// A running trace; dropped at the end of the command.
pub struct RequestTrace {
    shared: Arc<TraceState>,
    ended: Receiver<()>,
}

/// Shared by the senders of requests and the writing thread.
struct TraceState {
    lines: Mutex<Option<SyncSender<Vec<u8>>>>,
    is_open: AtomicBool,
    dropped: AtomicU64,
}

impl RequestTrace {
    /// Starts a trace, if one is requested, and removes earlier ones when they expire. `None` if there is
    /// nothing to do.
    ///
    /// # Errors
    ///
    /// If the file exists already, or cannot be created.
    pub fn begin(state_dir: &Path, file: Option<&Path>) -> Result<Option<Self>, TraceError> {
        let now = chrono::Utc::now();
        let mut kept = KeptTraces::load(state_dir, now.timestamp());
        let open = file.map(|path| OpenTrace::create(path, now, &mut kept)).transpose()?;
        if kept.is_empty() {
            return Ok(None);
        }
        let (sender, lines) = sync_channel(WAITING_MAX);
        let (end, ended) = sync_channel(1);
        let shared = Arc::new(TraceState {
            lines: Mutex::new(Some(sender)),
            is_open: AtomicBool::new(open.is_some()),
            dropped: AtomicU64::new(0),
        });
        if open.is_some() {
            observe_requests(shared.clone());
        }
        let keeper = TraceWriter { shared: shared.clone(), kept, open };
        let failed = |source| TraceError::Io { path: file.unwrap_or(state_dir).to_owned(), source };
        let work = move || {
            keeper.run(&lines);
            drop(end);
        };
        thread::Builder::new().name("request-trace".to_owned()).spawn(work).map_err(failed)?;
        Ok(Some(Self { shared, ended }))
    }
}

impl Drop for RequestTrace {
    fn drop(&mut self) {
        drop(self.shared.lines.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Signalled by the end of the thread; a disk that hangs does not keep the process from ending.
        _ = self.ended.recv_timeout(END_WAIT);
    }
}

impl RequestObserver for TraceState {
    fn observe(&self, exchange: &Exchange) {
        if !self.is_open.load(Ordering::Relaxed) {
            return;
        }
        let line = line::of(exchange);
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(TrySendError::Full(_))) = lines.as_ref().map(|lines| lines.try_send(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An open trace.
struct OpenTrace {
    path: PathBuf,
    file: File,
    bytes_left: u64,
}

impl OpenTrace {
    fn create(
        path: &Path,
        now: chrono::DateTime<chrono::Utc>,
        kept: &mut KeptTraces,
    ) -> Result<Self, TraceError> {
        let failed = |source| TraceError::Io { path: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(failed)?;
        // Never follows a link, never writes to an existing file.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => TraceError::Exists(path.clone()),
            _ => failed(error),
        })?;
        let remove_at = now.timestamp().saturating_add_unsigned(KEPT_FOR.as_secs());
        let head = TraceHead {
            request_trace: 1,
            ccfd: env!("CARGO_PKG_VERSION").to_owned(),
            began: line::time(now),
            remove_at,
        };
        file.write_all(&line::whole(&head)).map_err(failed)?;
        kept.add(path.clone(), remove_at, now.timestamp()).map_err(failed)?;
        tracing::info!(file = %path.display(), remove_at, "every request is traced; the file is removed in \
                                                           an hour");
        Ok(Self { path, file, bytes_left: BYTES_MAX })
    }

    /// False if nothing more can be written.
    fn write(&mut self, line: &[u8]) -> bool {
        let (path, bytes) = (self.path.display(), line.len() as u64);
        if bytes > self.bytes_left {
            _ = self.file.write_all(&line::whole(&json!({ "ended": "full" })));
            tracing::warn!(file = %path, bytes_max = BYTES_MAX, "the request trace is full: no more is written to it");
            return false;
        }
        self.bytes_left -= bytes;
        let written = self.file.write_all(line);
        if let Err(error) = &written {
            tracing::warn!(file = %path, %error, "the request trace cannot be written: it ends here");
        }
        written.is_ok()
    }
}

/// State of the writing thread.
struct TraceWriter {
    shared: Arc<TraceState>,
    kept: KeptTraces,
    open: Option<OpenTrace>,
}

impl TraceWriter {
    /// Writes until all traces are removed, or the command ends.
    fn run(mut self, lines: &Receiver<Vec<u8>>) {
        loop {
            let gone = self.kept.remove_due();
            if self.open.as_ref().is_some_and(|open| gone.contains(&open.path)) {
                self.close();
            }
            let Some(next) = self.kept.next() else { return };
            match lines.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(line) => self.write(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.write(&line::whole(&json!({ "ended": "stopped" })));
                    return;
                }
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        let Some(open) = &mut self.open else { return };
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        let is_counted = dropped == 0 || open.write(&line::whole(&json!({ "dropped": dropped })));
        if !(is_counted && open.write(line)) {
            self.close();
        }
    }

    fn close(&mut self) {
        self.shared.is_open.store(false, Ordering::Relaxed);
        self.open = None;
    }
}
