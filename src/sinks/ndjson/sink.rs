//! The sink itself: the open target, and the thread that writes to it.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::AsFd as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use collectors::Clock;

use super::{dir::Dir, encode::RecordLines};
use crate::{
    config::{NdjsonDir, NdjsonSettings},
    sinks::{
        Batch, Looked, Receipt, Redelivery, Sink, SinkError, WriteFailure, disk,
        sink_thread::{Lull, SinkThread},
        upkeep::{self, Pace},
    },
    tables::Table,
};

/// A good size of one write in bytes of records: enough to make waiting for the disk short compared with
/// writing.
const BATCH_BYTES: usize = 2 << 20;

/// The sink. Opens its target at the first check or write.
pub struct NdjsonSink {
    state: Arc<NdjsonOutput>,
    thread: SinkThread,
}

pub(super) struct NdjsonOutput {
    pub(super) settings: NdjsonSettings,
    clock: Clock,
    pub(super) open: Mutex<OpenOutput>,
}

#[derive(Default)]
pub(super) struct OpenOutput {
    pub(super) dir: Option<Dir>,
    pub(super) stdout: Option<Stdout>,
}

pub(super) struct Stdout {
    pub(super) file: File,
    /// Whether a write failed and may have left half a line.
    pub(super) torn: bool,
}

impl NdjsonSink {
    /// A sink with these settings; opens nothing yet. The clock gives the day of writing.
    pub fn new(settings: NdjsonSettings, clock: Clock) -> Self {
        Self::throttle(settings, clock, Pace::USUAL)
    }

    pub(super) fn throttle(settings: NdjsonSettings, clock: Clock, pace: Pace) -> Self {
        let keeps_small = settings.retention.is_some() || settings.size_max.is_some();
        let state = Arc::new(NdjsonOutput { settings, clock, open: Mutex::default() });
        let thread = match keeps_small {
            true => upkeep::thread(&state, pace, keeps_small, NdjsonOutput::tidy),
            false => SinkThread::default(),
        };
        Self { state, thread }
    }

    fn path(&self) -> &Path {
        match &self.state.settings.dir {
            NdjsonDir::Dir(path) => path,
            NdjsonDir::Stdout => Path::new(STDOUT),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&NdjsonOutput) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let state = Arc::clone(&self.state);
        let done = self.thread.run(move || work(&state)).await;
        done.map_err(|error| disk::failed(self.path(), error)).and_then(|done| done)
    }
}

/// Standard output in messages.
pub(super) const STDOUT: &str = "standard output";

impl NdjsonOutput {
    fn write(&self, batch: &Batch) -> Result<Receipt, SinkError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let OpenOutput { dir, stdout } = &mut *open;
        let lines =
            RecordLines { shape: self.settings.shape, alerts_shape: self.settings.alerts_shape, batch };
        match &self.settings.dir {
            NdjsonDir::Dir(path) => self.with_dir(path, dir, |dir, now| dir.append(lines, now))?,
            NdjsonDir::Stdout => self.with_stdout(stdout, |out| out.append(|file| lines.write_to(file)))?,
        }
        Ok(Receipt { accepted: batch.records.len() as u64, ..Receipt::default() })
    }

    /// Runs while nothing comes: removes what is too old.
    fn tidy(&self, lull: Lull) {
        let (NdjsonDir::Dir(path), Lull::Idle { .. }) = (&self.settings.dir, lull) else { return };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.dir.take().filter(Dir::in_place);
        // The next write reports a failure.
        let opened = || if path.exists() { Dir::open(path, &self.settings).ok() } else { None };
        open.dir = held.or_else(opened);
        if let Some(dir) = &mut open.dir {
            dir.clear_up(self.clock.now());
        }
    }

    /// Works on the directory, which is opened if it is not open or was replaced by another one.
    pub(super) fn with_dir(
        &self,
        path: &Path,
        held: &mut Option<Dir>,
        work: impl FnOnce(&mut Dir, i64) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        *held = held.take().filter(Dir::in_place);
        let dir = match held {
            Some(dir) => dir,
            None => held.insert(Dir::open(path, &self.settings)?),
        };
        let now = self.clock.now();
        if disk::ensure_free(path, self.settings.free_min).is_err() {
            // No write will make room later, so it is made now.
            dir.clear_up(now);
            disk::ensure_free(path, self.settings.free_min)?;
        }
        work(dir, now)
    }

    pub(super) fn with_stdout(
        &self,
        held: &mut Option<Stdout>,
        work: impl FnOnce(&mut Stdout) -> io::Result<()>,
    ) -> Result<(), SinkError> {
        let failed = |error| disk::failed(Path::new(STDOUT), error);
        let out = match held {
            Some(out) => out,
            None => {
                let file = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?.into();
                held.insert(Stdout { file, torn: false })
            }
        };
        work(out).map_err(failed)
    }
}

impl Stdout {
    pub(super) fn append(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        if self.torn {
            // Written bytes cannot be taken back; a line break ends the broken line, so that it does not
            // spoil the next one.
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        write(&mut self.file)?;
        self.torn = false;
        Ok(())
    }
}

#[async_trait]
impl Sink for NdjsonSink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Repeats
    }

    fn batch_bytes(&self) -> usize {
        BATCH_BYTES
    }

    fn identity(&self, table: &Table) -> String {
        self.state.settings.destination(table)
    }

    async fn check(&self, _: &[Arc<Table>]) -> Result<Looked, SinkError> {
        self.run(NdjsonOutput::check).await.map(Looked::from)
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        Ok(self.run(move |state| state.write(&batch)).await?)
    }
}
