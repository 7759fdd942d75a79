//! The write-ahead log: copied back and emptied, unless a reader holds on to it, which is said.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::database::{BUSY, Database};
use super::error::beside;
use crate::paced::Paced;

/// Bytes of the write-ahead log above which it is copied back and emptied after a batch, which adds some more: together
/// below 8 MiB, as long as no reader holds on to what it has read.
const WAL_BYTES_MAX: u64 = 4 << 20;

/// Bytes of a log above which somebody must have forgotten to end what he reads: eight times what it comes to by itself.
const HELD_BYTES: u64 = 64 << 20;
/// The time between two lines about it.
const TOLD_INTERVAL: Duration = Duration::from_secs(60 * 60);

impl Database {
    /// Copies the write-ahead log into the database and empties it, if it is larger than it is to be.
    pub(super) fn keep_log_small(&self) {
        if self.log_bytes() > WAL_BYTES_MAX {
            self.empty_log();
        }
    }

    /// Copies the write-ahead log into the database and empties it, unless readers hold on to it: then it is tried again.
    /// What was stored is safe all the same.
    pub(super) fn empty_log(&self) {
        if self.log_bytes() == 0 {
            return;
        }
        let at_once = |connection: &Connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let done = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            connection.busy_timeout(BUSY)?;
            done
        };
        if let Err(error) = at_once(&self.connection) {
            tracing::debug!(path = %self.path.display(), %error, "the write-ahead log could not be copied back");
        }
    }

    /// Bytes of the write-ahead log.
    pub(super) fn log_bytes(&self) -> u64 {
        std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |found| found.len())
    }
}

/// Says that the log grows, and that it does no more.
pub(super) struct LogWatch {
    held: Paced<u64>,
    pub(super) is_held: bool,
}

impl Default for LogWatch {
    fn default() -> Self {
        Self { held: Paced::new(TOLD_INTERVAL), is_held: false }
    }
}

impl LogWatch {
    /// Looks at a log that was emptied just before, as far as its readers let it.
    pub(super) fn look(&mut self, path: &Path, bytes: u64) {
        let was_held = std::mem::replace(&mut self.is_held, bytes > HELD_BYTES);
        let log = beside(path, "-wal");
        let path = log.display();
        if self.is_held {
            if let Some(bytes) = self.held.add(|held| *held = bytes) {
                tracing::warn!(
                    %path,
                    bytes,
                    "a reader of the database keeps its write-ahead log from being emptied, so it grows with each write; \
                     `fuser -v` with this path names the process: let it end its transaction"
                );
            }
        } else if was_held {
            tracing::info!(%path, bytes, "the write-ahead log is small again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

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
        tokio::time::advance(TOLD_INTERVAL).await;
        assert!(look(3 * HELD_BYTES).contains("bytes=201326592"));
        assert!(look(0).contains("INFO"));
        assert_eq!(look(0), "");
    }
}
