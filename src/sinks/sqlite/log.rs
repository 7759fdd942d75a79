//! The write-ahead log: copied back and emptied, unless a reader prevents that, which is logged.
//!
//! Once all of it is copied back, the log begins again at the start of its file. Overwriting a file costs
//! little; after a cut the system allocates its space again with each batch, which took a fifth of the time
//! of a catch-up. So nothing is cut while one batch follows another.

use std::{path::Path, time::Duration};

use super::{
    classify::beside,
    database::{BUSY, Database},
};
use crate::log_throttle::LogThrottle;

/// If more bytes than these are not copied back yet, they are after a batch.
const UNCOPIED_BYTES_MAX: u64 = 4 << 20;

/// How large the file may stay when no batch follows at once. A batch may need more, because it touches each
/// page of the index of ids.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The header of each page in the log.
const FRAME_HEAD_BYTES: u64 = 24;

/// A log above this size has a reader that does not end its transaction: by itself the log has one batch,
/// which is copied back.
const HELD_BYTES: u64 = 64 << 20;
/// The time between two log lines about it.
const LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Pages in the log since it last began, and how many of them are copied back.
struct Frames {
    all: u64,
    copied: u64,
}

/// Stored rows are safe whatever fails here, and it is tried again.
impl Database {
    /// After a batch: if the log is too large, copies it into the database, as far as readers allow.
    pub(super) fn copy_log_back(&self) {
        if self.uncopied_bytes() > UNCOPIED_BYTES_MAX {
            self.tried(self.checkpoint("PASSIVE"));
        }
    }

    /// When no batch follows at once: empties a log that is too large, unless readers use it.
    pub(super) fn cut_log(&self) {
        if self.log_file_bytes() > FILE_BYTES_MAX {
            self.truncate_log();
        }
    }

    /// Gives back the memory of the cache, which is for batches that follow each other.
    pub(super) fn shrink(&self) {
        if let Err(error) = self.connection.execute_batch("PRAGMA shrink_memory") {
            tracing::debug!(path = %self.path.display(), %error, "the cache of the database could not be emptied");
        }
    }

    /// Copies the write-ahead log into the database and empties it, unless readers hold on to it.
    pub(super) fn empty_log(&self) {
        if self.log_file_bytes() > 0 {
            self.truncate_log();
        }
    }

    /// Bytes in the write-ahead log since it last began; its file may be larger.
    pub(super) fn log_bytes(&self) -> u64 {
        self.checkpoint("NOOP").map_or(0, |frames| self.bytes_of(frames.all))
    }

    /// Bytes of the write-ahead log while not all of it is copied back.
    pub(super) fn held_log_bytes(&self) -> u64 {
        let held =
            self.checkpoint("NOOP").map(|frames| if frames.copied < frames.all { frames.all } else { 0 });
        held.map_or(0, |frames| self.bytes_of(frames))
    }

    fn uncopied_bytes(&self) -> u64 {
        self.checkpoint("NOOP").map_or(0, |frames| self.bytes_of(frames.all - frames.copied))
    }

    fn bytes_of(&self, frames: u64) -> u64 {
        frames * (self.page_bytes + FRAME_HEAD_BYTES)
    }

    fn log_file_bytes(&self) -> u64 {
        std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |found| found.len())
    }

    /// Waits for no reader.
    fn truncate_log(&self) {
        let at_once = || {
            self.connection.busy_timeout(Duration::ZERO)?;
            let done = self.checkpoint("TRUNCATE");
            self.connection.busy_timeout(BUSY)?;
            done
        };
        self.tried(at_once());
    }

    /// `NOOP` only looks, `PASSIVE` copies back what readers allow, `TRUNCATE` also cuts the file.
    fn checkpoint(&self, how: &str) -> rusqlite::Result<Frames> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
            // -1 where there is no log.
            let count = |column| row.get(column).map(|count: i64| u64::try_from(count).unwrap_or(0));
            let (all, copied) = (count(1)?, count(2)?);
            Ok(Frames { all, copied: copied.min(all) })
        })
    }

    fn tried(&self, done: rusqlite::Result<Frames>) {
        if let Err(error) = done {
            tracing::debug!(path = %self.path.display(), %error, "the write-ahead log could not be copied back");
        }
    }
}

/// Logs that the log grows, and when it no longer does.
pub(super) struct LogWatch {
    held: LogThrottle<u64>,
    pub(super) is_held: bool,
}

impl Default for LogWatch {
    fn default() -> Self {
        Self { held: LogThrottle::new(LOG_INTERVAL), is_held: false }
    }
}

impl LogWatch {
    /// Checks what is left of a log that was just copied back, as far as its readers allow.
    pub(super) fn look(&mut self, path: &Path, bytes: u64) {
        let was_held = std::mem::replace(&mut self.is_held, bytes > HELD_BYTES);
        let log = beside(path, "-wal");
        let path = log.display();
        if self.is_held {
            if let Some(bytes) = self.held.add(|held| *held = bytes) {
                tracing::warn!(
                    %path,
                    bytes,
                    "a reader of the database keeps its write-ahead log from being emptied, so it grows \
                     with each write; `fuser -v` with this path names the process: make it end its \
                     transaction"
                );
            }
        } else if was_held {
            tracing::info!(%path, bytes, "the write-ahead log is small again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(piece);
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_a_reader_holds_is_said_once_an_hour_with_the_way_to_find_it_and_its_end() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer({
            let lines = lines.clone();
            move || lines.clone()
        });
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        let said = || String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap();
        let mut watch = LogWatch::default();
        let mut look = |bytes| {
            watch.look(Path::new("/data/tables.db"), bytes);
            said()
        };
        assert_eq!(look(8 << 20), "");
        let first = look(HELD_BYTES + 1);
        for word in ["WARN", "a reader of the database", "fuser -v", "/data/tables.db-wal", "67108865"] {
            assert!(first.contains(word), "{word}: {first}");
        }
        assert_eq!(look(2 * HELD_BYTES), "", "not again so soon");
        tokio::time::advance(LOG_INTERVAL).await;
        assert!(look(3 * HELD_BYTES).contains("bytes=201326592"));
        assert!(look(0).contains("INFO"));
        assert_eq!(look(0), "");
    }
}
