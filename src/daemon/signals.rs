//! Signals: SIGTERM and SIGINT request shutdown, SIGHUP a reload. A separate thread enforces the end of the
//! process even if all others hang: it needs neither the runtime nor a reader of the log.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGXFSZ},
    flag,
    low_level::{exit, pipe},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::control::Control;
use crate::{pipeline::shutdown::ShutdownSender, stderr};

/// How long shutdown may take beyond the time that routes get: closing sinks and the store, last log lines.
/// Below five seconds.
const END_MAX: Duration = Duration::from_millis(4500);
/// The time for work to end, in commands without a setting for it.
const STOP_DEFAULT: Duration = Duration::from_secs(10);
/// How long the last log lines may take before the process is ended by force.
const LAST_LINES_MAX: Duration = Duration::from_millis(300);
/// Exit code of an end by force: records that were not committed are read again.
const FORCED: i32 = 1;

/// Requests shutdown, and limits its duration.
#[derive(Debug)]
pub struct Stopper {
    sender: ShutdownSender,
    /// The time for work to end, in milliseconds.
    stop_timeout: AtomicU64,
    deadline: Mutex<Option<Instant>>,
    /// Wakes the thread that ends the process.
    wake: UnixStream,
}

impl Stopper {
    /// Asks every task to end.
    pub fn request(&self) {
        self.end_within(Duration::ZERO);
        self.sender.request();
    }

    /// Sets the time for work to end.
    pub fn allow(&self, stop_timeout: Duration) {
        let milliseconds = u64::try_from(stop_timeout.as_millis()).unwrap_or(u64::MAX);
        self.stop_timeout.store(milliseconds, Ordering::Relaxed);
    }

    /// Ends the process after this time plus the time for shutdown, unless it is to end sooner.
    pub fn end_within(&self, wait: Duration) {
        let stop_timeout = Duration::from_millis(self.stop_timeout.load(Ordering::Relaxed));
        let wanted = Instant::now() + wait + stop_timeout + END_MAX;
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        if deadline.is_none_or(|deadline| wanted < deadline) {
            *deadline = Some(wanted);
            // A full socket wakes the thread too.
            _ = (&self.wake).write(b"d");
        }
    }

    /// The time for one step of the shutdown: at most `at_most`, and such that `rest` is left for later
    /// steps.
    pub fn share(&self, at_most: Duration, rest: Duration) -> Duration {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(at_most, |left| left.saturating_sub(rest).min(at_most))
    }

    /// Waits for signals and for the deadline.
    fn watch(&self, mut signals: UnixStream) -> io::Error {
        let mut asked = false;
        loop {
            let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                end_by_force("stop takes too long: forcing exit, uncommitted records are read again");
            }
            if let Err(error) = signals.set_read_timeout(left) {
                return error;
            }
            let mut byte = [0];
            match signals.read(&mut byte) {
                Ok(_) if byte == *b"d" => {}
                Ok(0) => return ErrorKind::UnexpectedEof.into(),
                Ok(_) if asked => end_by_force("second stop signal: forcing exit"),
                Ok(_) => {
                    asked = true;
                    self.request();
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return error,
                },
            }
        }
    }
}

/// Ends the process without exit handlers, which may block on a thread that hangs. The kernel releases the
/// lock of the state directory.
fn end_by_force(why: &'static str) -> ! {
    let said = thread::Builder::new().spawn(move || {
        tracing::warn!("{why}");
        stderr::flush(LAST_LINES_MAX);
    });
    let deadline = Instant::now() + LAST_LINES_MAX;
    while said.as_ref().is_ok_and(|said| !said.is_finished()) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    exit(FORCED)
}

/// SIGTERM and SIGINT request shutdown; a second one ends the process at once.
pub fn watch_stop(sender: ShutdownSender) -> io::Result<Arc<Stopper>> {
    watch_stop_within(sender, STOP_DEFAULT)
}

/// The same, with the time for work to end.
pub fn watch_stop_within(sender: ShutdownSender, stop_timeout: Duration) -> io::Result<Arc<Stopper>> {
    // With a handler, exceeding the limit on file size is a write error and does not end the process.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let (signals, wake) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    let stopper =
        Arc::new(Stopper { sender, stop_timeout: AtomicU64::new(0), deadline: Mutex::new(None), wake });
    stopper.allow(stop_timeout);
    let watching = stopper.clone();
    thread::Builder::new().name("stop".to_owned()).spawn(move || {
        let error = watching.watch(signals);
        tracing::error!(%error, "signals can no longer be watched");
    })?;
    for asking in [SIGTERM, SIGINT] {
        pipe::register(asking, stopper.wake.try_clone()?)?;
    }
    Ok(stopper)
}

/// SIGHUP reads the configuration again. The result is logged.
pub fn watch_reload(control: Control) -> io::Result<()> {
    let mut hangup: Signal = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            _ = control.reload().await;
        }
    });
    Ok(())
}
