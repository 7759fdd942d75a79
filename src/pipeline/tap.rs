//! The tap: shows readers what is delivered, and never delays it.
//!
//! A record is shown once its sink has acknowledged it, as the sink received it: redacted. Its commit follows, so what a
//! kill in between repeats is shown again. What a reader does not take in time is lost for that reader, and counted.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::sync::Notify;

use crate::tables::one_line;

/// The most readers at a time. Together they hold at most this many times `BYTES_MAX`.
pub const READERS_MAX: usize = 8;
/// The most records that wait for one reader.
pub const RECORDS_MAX: usize = 1024;
/// The most bytes that wait for one reader. A larger record is only counted.
pub const BYTES_MAX: usize = 1 << 20;

/// The tap of one process, kept over a change of configuration. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Tap(Arc<TapShared>);

#[derive(Debug, Default)]
struct TapShared {
    /// How many readers there are, so that a batch without any costs one load.
    watched: AtomicUsize,
    readers: Mutex<Vec<Arc<TapQueue>>>,
    /// The route by which each collector is shown, by the collector's name.
    shown_by: Mutex<BTreeMap<String, String>>,
}

/// What a reader wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapSelection {
    /// These collectors, or all if none is named, each by the first of its routes: with two sinks a record is
    /// delivered twice, and shown once.
    Collectors(BTreeSet<String>),
    /// One route, which may be a backfill.
    Route(String),
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tapped {
    /// A record.
    Record(ShownRecord),
    /// So many records did not fit.
    Lost(u64),
}

/// A delivered record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRecord {
    /// The route that delivered it.
    pub route: Arc<str>,
    /// Its table.
    pub table: Arc<str>,
    /// The record on one line: a copy, so that it does not keep its page in memory.
    pub record: Arc<[u8]>,
}

/// There are as many readers as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{READERS_MAX} readers watch the records already; end one of them")]
pub struct TooManyReaders;

/// The records that wait for one reader.
#[derive(Debug)]
struct TapQueue {
    wanted: TapSelection,
    waiting: Mutex<TapBacklog>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct TapBacklog {
    /// In order. Two losses never follow each other, so there are at most twice as many entries as records.
    entries: VecDeque<Tapped>,
    records: usize,
    bytes: usize,
}

/// Where one route shows its records.
#[derive(Debug, Clone)]
pub struct TapInlet {
    tap: Tap,
    collector: Arc<str>,
    route: Arc<str>,
    table: Arc<str>,
}

/// A reader, until it is dropped.
#[derive(Debug)]
pub struct TapReader {
    tap: Tap,
    queue: Arc<TapQueue>,
}

impl Tap {
    /// Sets by which route each collector is shown: collector and route.
    pub fn show_by(&self, routes: impl IntoIterator<Item = (String, String)>) {
        *lock(&self.0.shown_by) = routes.into_iter().collect();
    }

    /// The collectors that are shown.
    pub fn collectors(&self) -> BTreeSet<String> {
        lock(&self.0.shown_by).keys().cloned().collect()
    }

    /// Adds a reader.
    pub fn open(&self, wanted: TapSelection) -> Result<TapReader, TooManyReaders> {
        let mut readers = lock(&self.0.readers);
        if readers.len() >= READERS_MAX {
            return Err(TooManyReaders);
        }
        let queue = Arc::new(TapQueue { wanted, waiting: Mutex::default(), filled: Notify::new() });
        readers.push(queue.clone());
        self.0.watched.store(readers.len(), Relaxed);
        Ok(TapReader { tap: self.clone(), queue })
    }

    /// The inlet of a route.
    pub fn inlet(&self, collector: &str, route: &str, table: &str) -> TapInlet {
        TapInlet { tap: self.clone(), collector: collector.into(), route: route.into(), table: table.into() }
    }
}

impl TapInlet {
    /// Whether there is any reader.
    pub fn is_watched(&self) -> bool {
        self.tap.0.watched.load(Relaxed) > 0
    }

    /// Shows records of one batch to all readers that want them. Waits for none of them.
    pub fn show<'a>(&self, records: impl IntoIterator<Item = &'a [u8]>) {
        let by_default =
            lock(&self.tap.0.shown_by).get(&*self.collector).is_some_and(|by| **by == *self.route);
        let readers: Vec<Arc<TapQueue>> = {
            let readers = lock(&self.tap.0.readers);
            readers.iter().filter(|reader| self.concerns(&reader.wanted, by_default)).cloned().collect()
        };
        // All routes lock the queues in the same order, and a reader locks only its own.
        let mut queues: Vec<_> = readers.iter().map(|reader| lock(&reader.waiting)).collect();
        if queues.is_empty() {
            return;
        }
        for record in records {
            let mut copy = None::<Arc<[u8]>>;
            for queue in &mut queues {
                if queue.has_room_for(record.len()) {
                    let record = copy.get_or_insert_with(|| one_line(record).as_ref().into()).clone();
                    queue.add(ShownRecord { route: self.route.clone(), table: self.table.clone(), record });
                } else {
                    queue.lose();
                }
            }
        }
        drop(queues);
        readers.iter().for_each(|reader| reader.filled.notify_one());
    }

    fn concerns(&self, wanted: &TapSelection, by_default: bool) -> bool {
        match wanted {
            TapSelection::Collectors(names) => {
                by_default && (names.is_empty() || names.contains(&*self.collector))
            }
            TapSelection::Route(name) => **name == *self.route,
        }
    }
}

impl TapBacklog {
    fn has_room_for(&self, bytes: usize) -> bool {
        self.records < RECORDS_MAX && self.bytes.saturating_add(bytes) <= BYTES_MAX
    }

    fn add(&mut self, shown: ShownRecord) {
        self.records += 1;
        self.bytes += shown.record.len();
        self.entries.push_back(Tapped::Record(shown));
    }

    fn lose(&mut self) {
        match self.entries.back_mut() {
            Some(Tapped::Lost(lost)) => *lost += 1,
            Some(Tapped::Record(_)) | None => self.entries.push_back(Tapped::Lost(1)),
        }
    }

    fn take(&mut self) -> Option<Tapped> {
        let taken = self.entries.pop_front()?;
        match &taken {
            Tapped::Record(shown) => {
                self.records -= 1;
                self.bytes -= shown.record.len();
            }
            Tapped::Lost(_) => {}
        }
        Some(taken)
    }
}

impl TapReader {
    /// What comes next. Cancellation-safe.
    pub async fn next(&self) -> Tapped {
        loop {
            match self.try_next() {
                Some(tapped) => return tapped,
                None => self.queue.filled.notified().await,
            }
        }
    }

    /// What is already there.
    pub fn try_next(&self) -> Option<Tapped> {
        lock(&self.queue.waiting).take()
    }
}

impl Drop for TapReader {
    fn drop(&mut self) {
        let mut readers = lock(&self.tap.0.readers);
        readers.retain(|reader| !Arc::ptr_eq(reader, &self.queue));
        self.tap.0.watched.store(readers.len(), Relaxed);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap() -> Tap {
        let tap = Tap::default();
        tap.show_by([("a".to_owned(), "a/one".to_owned()), ("b".to_owned(), "b/one".to_owned())]);
        tap
    }

    fn all() -> TapSelection {
        TapSelection::Collectors(BTreeSet::new())
    }

    fn show(tap: &Tap, route: &str, records: &[&str]) {
        let collector = route.split('/').next().unwrap();
        tap.inlet(collector, route, "T").show(records.iter().map(|record| record.as_bytes()));
    }

    /// Everything that waits, as `route record` and `lost n`.
    fn taken(reader: &TapReader) -> Vec<String> {
        std::iter::from_fn(|| reader.try_next())
            .map(|tapped| match tapped {
                Tapped::Record(ShownRecord { route, record, .. }) => {
                    format!("{route} {}", String::from_utf8_lossy(&record))
                }
                Tapped::Lost(lost) => format!("lost {lost}"),
            })
            .collect()
    }

    #[test]
    fn a_record_that_goes_to_several_sinks_is_shown_once_and_a_route_on_request() {
        let tap = tap();
        let (everything, b) = (tap.open(all()).unwrap(), TapSelection::Collectors(["b".to_owned()].into()));
        let (b, two) = (tap.open(b).unwrap(), tap.open(TapSelection::Route("a/two".to_owned())).unwrap());
        for route in ["a/one", "a/two", "b/one", "a/one/backfill/1d.."] {
            show(&tap, route, &["1"]);
        }
        assert_eq!(taken(&everything), ["a/one 1", "b/one 1"]);
        assert_eq!((taken(&b), taken(&two)), (vec!["b/one 1".to_owned()], vec!["a/two 1".to_owned()]));
        tap.show_by([("a".to_owned(), "a/two".to_owned())]);
        show(&tap, "a/one", &["2"]);
        show(&tap, "a/two", &["2"]);
        assert_eq!(taken(&everything), ["a/two 2"], "as the configuration is now");
    }

    #[test]
    fn what_does_not_fit_is_counted_in_its_place_and_the_other_readers_miss_nothing() {
        let tap = tap();
        let (slow, fast) = (tap.open(all()).unwrap(), tap.open(all()).unwrap());
        for _ in 0..RECORDS_MAX + 5 {
            show(&tap, "a/one", &["1"]);
            assert_eq!(taken(&fast), ["a/one 1"]);
        }
        assert_eq!(slow.try_next(), Some(record("1")));
        show(&tap, "a/one", &["2"]);
        let rest = taken(&slow);
        assert_eq!(rest[RECORDS_MAX - 1..], ["lost 5", "a/one 2"]);
    }

    #[test]
    fn bytes_are_bounded_and_a_record_above_the_bound_is_only_counted() {
        let tap = tap();
        let reader = tap.open(all()).unwrap();
        let (half, large) = ("x".repeat(BYTES_MAX / 2), "y".repeat(BYTES_MAX + 1));
        show(&tap, "a/one", &[&large, &half, &half, "1", &large]);
        let kinds: Vec<String> =
            taken(&reader).into_iter().map(|line| line.chars().take(7).collect()).collect();
        assert_eq!(kinds, ["lost 1", "a/one x", "a/one x", "lost 2"]);
    }

    #[test]
    fn a_reader_too_many_is_refused_until_another_one_ends() {
        let tap = tap();
        let mut readers: Vec<_> = (0..READERS_MAX).map(|_| tap.open(all()).unwrap()).collect();
        assert!(tap.open(all()).is_err());
        readers.pop();
        readers.push(tap.open(all()).unwrap());
        let inlet = tap.inlet("a", "a/one", "T");
        assert!(inlet.is_watched());
        drop(readers);
        assert!(!inlet.is_watched());
    }

    #[tokio::test]
    async fn a_reader_gets_records_as_they_come_each_on_one_line() {
        let tap = tap();
        let reader = tap.open(all()).unwrap();
        let next = tokio::spawn(async move { reader.next().await });
        tokio::task::yield_now().await;
        show(&tap, "a/one", &["{\n  \"id\": 1\r\n}"]);
        assert_eq!(next.await.unwrap(), record("{  \"id\": 1}"));
    }

    fn record(text: &str) -> Tapped {
        Tapped::Record(ShownRecord {
            route: "a/one".into(),
            table: "T".into(),
            record: text.as_bytes().into(),
        })
    }
}
