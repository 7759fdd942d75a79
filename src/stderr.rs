//! Standard error for log lines: a separate thread writes, and nobody waits for it. Lines that it cannot keep
//! up with are counted, and the count is logged once it can write again.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Write},
    mem,
    os::fd::AsFd as _,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// The most bytes of waiting lines: more than a thousand lines.
const WAITING_MAX: usize = 256 << 10;
/// How long a line waits for space, once; after that lines are dropped until something was written. A burst
/// into a file or a terminal loses nothing, and a pipe that nobody reads costs this much time.
const PATIENCE: Duration = Duration::from_millis(250);
/// The time between two attempts if the other end is full and does not support waiting.
const RETRY: Duration = Duration::from_millis(20);

/// How long a command waits for a line to the user.
const SAID_MAX: Duration = Duration::from_secs(1);

/// The instance of this process.
static LINES: OnceLock<StderrLines> = OnceLock::new();

thread_local! {
    /// Whether this is the writing thread: its own lines are written directly.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// The destination of log lines.
#[derive(Debug, Clone)]
pub struct StderrLines(Arc<StderrState>);

#[derive(Debug)]
struct StderrState {
    /// A duplicate descriptor, so that direct writers to standard error do not wait for this.
    out: Option<File>,
    state: Mutex<Pending>,
    filled: Condvar,
    written: Condvar,
    /// Whether no thread could be started: then each caller writes its own line.
    direct: bool,
}

#[derive(Debug, Default)]
struct Pending {
    waiting: Vec<u8>,
    lost: u64,
    /// Whether the thread is writing.
    busy: bool,
    /// Whether nothing was written for the longest time that anyone waits.
    stuck: bool,
}

/// The lines of this process; writing starts at first use.
pub fn lines() -> StderrLines {
    LINES
        .get_or_init(|| {
            let out = io::stderr().as_fd().try_clone_to_owned().map(File::from).ok();
            StderrLines::start(out)
        })
        .clone()
}

/// Writes a line that is not a log line, in order with them; waits until it is written, for a limited time.
pub fn say(line: &str) {
    _ = (&lines()).write_all(format!("{line}\n").as_bytes());
    flush(SAID_MAX);
}

/// Waits until all lines are written, at most this long.
pub fn flush(within: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(within);
    }
}

impl StderrLines {
    fn start(out: Option<File>) -> Self {
        let shared = |direct, out| StderrState {
            out,
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            direct,
        };
        let copy = out.as_ref().and_then(|out| out.try_clone().ok());
        let lines = Arc::new(shared(false, out));
        let writer = lines.clone();
        match thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_for_ever()) {
            Ok(_) => Self(lines),
            Err(_) => Self(Arc::new(shared(true, copy))),
        }
    }

    fn flush(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let mut state = self.0.lock();
        while state.busy || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl StderrState {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let has_room =
            |state: &Pending| state.waiting.is_empty() || state.waiting.len() + line.len() <= WAITING_MAX;
        let mut state = self.lock();
        let deadline = Instant::now() + PATIENCE;
        while !has_room(&state) && !state.stuck {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.stuck = true;
                break;
            }
            state = self.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if has_room(&state) {
            state.waiting.extend_from_slice(line);
            self.filled.notify_one();
        } else {
            state.lost += 1;
        }
    }

    fn write_for_ever(&self) {
        WRITES.set(true);
        loop {
            let (lines, lost) = {
                let mut state = self.lock();
                while state.waiting.is_empty() {
                    state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.busy = true;
                (mem::take(&mut state.waiting), mem::take(&mut state.lost))
            };
            let failed = self.write(&lines).is_err();
            if failed {
                let lines = memchr::memchr_iter(b'\n', &lines).count() as u64;
                self.lock().lost += lines + lost;
            } else if lost > 0 {
                tracing::warn!(lost, "log lines lost: standard error did not accept them in time");
            }
            let mut state = self.lock();
            (state.busy, state.stuck) = (false, false);
            drop(state);
            self.written.notify_all();
        }
    }

    fn write(&self, mut lines: &[u8]) -> io::Result<()> {
        let Some(mut out) = self.out.as_ref() else { return io::stderr().write_all(lines) };
        while !lines.is_empty() {
            match out.write(lines) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => lines = &lines[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Write for &StderrLines {
    /// Takes a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.direct || WRITES.get() {
            self.0.write(line)?;
        } else {
            self.0.add(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for StderrLines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, pipe};

    use super::*;

    const LINE: &[u8] =
        b"a line that is as long as a line of a log is on the whole, give or take some words of it\n";

    #[test]
    fn a_reader_that_hangs_costs_lines_and_hardly_any_time() {
        let (reader, writer) = pipe().unwrap();
        let lines = StderrLines::start(Some(File::from(std::os::fd::OwnedFd::from(writer))));
        let began = Instant::now();
        for _ in 0..20_000 {
            (&lines).write_all(LINE).unwrap();
        }
        lines.flush(Duration::from_millis(10));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let lost = lines.0.lock().lost;
        assert!(lost > 10_000, "{lost}");

        let whole = BufReader::new(reader).split(b'\n').take(20_000 - lost as usize);
        assert!(whole.map(Result::unwrap).all(|line| line == LINE[..LINE.len() - 1]), "lines stay whole");
    }

    #[test]
    fn a_reader_that_reads_gets_every_line() {
        let (reader, writer) = pipe().unwrap();
        let lines = StderrLines::start(Some(File::from(std::os::fd::OwnedFd::from(writer))));
        let total = 10_000;
        let read = thread::spawn(move || BufReader::new(reader).lines().take(total).count());
        for _ in 0..total {
            (&lines).write_all(LINE).unwrap();
        }
        lines.flush(Duration::from_secs(10));
        assert_eq!(lines.0.lock().lost, 0);
        assert_eq!(read.join().unwrap(), total);
    }
}
