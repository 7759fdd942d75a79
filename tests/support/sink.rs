//! A sink in memory that answers by a test's script, and remembers what it received.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use ccfd::{
    sinks::{
        Batch, Cut, Looked, PartialWrite, Receipt, Redelivery, Refused, Sink, SinkError, WriteFailure,
        remote::{RemoteErrorKind, Service},
    },
    tables::Table,
};
use collectors::IdHash;
use tokio::sync::{Notify, watch};

/// How the sink answers one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkAnswer {
    Accept,
    /// Takes all but the row at this place.
    Refuse(usize),
    /// Takes none of the rows.
    RefuseAll,
    /// Takes all, and each of them shortened.
    Cut,
    /// Fails in a way that passes, before anything is written.
    Fail,
    /// Asks for this delay, before anything is written.
    Throttle(Duration),
    /// Takes this many of the rows, and fails at the next one in a way that passes.
    Partly(usize),
    /// Takes this many of the rows, and has no room for more.
    PartlyFull(usize),
    /// Fails until a person has made room, before anything is written.
    DiskFull,
    /// Writes, and then says that it failed.
    Lose,
    /// Writes after this long.
    Slow(Duration),
    /// Writes, and the process dies before it hears of that: the answer never comes.
    Die,
}

pub struct SpySink {
    name: &'static str,
    script: Mutex<VecDeque<SinkAnswer>>,
    otherwise: Mutex<SinkAnswer>,
    held: watch::Sender<bool>,
    writes_in_flight: AtomicUsize,
    pub called: Notify,
    pub died: Notify,
    seen: Mutex<Seen>,
}

/// What was handed in.
#[derive(Clone, Default)]
pub struct Seen {
    /// The ids of each write that was begun, and whether it was acknowledged.
    pub writes: Vec<(Vec<IdHash>, bool)>,
    /// How often each record is in the destination.
    pub rows: HashMap<IdHash, u32>,
    pub bytes: usize,
    /// The records themselves, where a test wants them.
    pub records: Option<HashMap<IdHash, Bytes>>,
}

impl Seen {
    pub fn doubled(&self) -> usize {
        self.rows.values().filter(|times| **times > 1).count()
    }

    /// Records in acknowledged writes, with their repeats.
    pub fn acknowledged(&self) -> u64 {
        let acknowledged = self.writes.iter().filter(|(_, acknowledged)| *acknowledged);
        acknowledged.map(|(ids, _)| ids.len() as u64).sum()
    }
}

impl SpySink {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            script: Mutex::default(),
            otherwise: Mutex::new(SinkAnswer::Accept),
            held: watch::Sender::new(false),
            writes_in_flight: AtomicUsize::new(1),
            called: Notify::new(),
            died: Notify::new(),
            seen: Mutex::default(),
        }
    }

    /// The next answers, in turn.
    pub fn script(&self, answers: impl IntoIterator<Item = SinkAnswer>) {
        self.script.lock().unwrap().extend(answers);
    }

    /// The answer when the script is used up.
    pub fn otherwise(&self, answer: SinkAnswer) {
        *self.otherwise.lock().unwrap() = answer;
    }

    /// From now on the records themselves are kept, too.
    pub fn keep_records(&self) {
        self.seen.lock().unwrap().records = Some(HashMap::new());
    }

    /// Lets so many writes of a route go on at the same time.
    pub fn allow_writes(&self, number: usize) {
        self.writes_in_flight.store(number, Ordering::Relaxed);
    }

    /// Lets writes wait, from now on, until `release`.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn release(&self) {
        self.held.send_replace(false);
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    fn answer(&self) -> SinkAnswer {
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or(*self.otherwise.lock().unwrap())
    }

    fn write_down(&self, batch: &Batch, taken: impl Fn(usize) -> bool) {
        let mut seen = self.seen.lock().unwrap();
        for (_, record) in batch.records.iter().enumerate().filter(|(place, _)| taken(*place)) {
            *seen.rows.entry(record.id).or_default() += 1;
            seen.bytes += record.raw.len();
            if let Some(records) = &mut seen.records {
                records.insert(record.id, record.raw.clone());
            }
        }
    }
}

impl SpySink {
    fn partial(&self, batch: &Batch, taken: usize, error: SinkError) -> WriteFailure {
        self.write_down(batch, |place| place < taken);
        let receipt = Receipt { accepted: taken as u64, ..Receipt::default() };
        let left = (taken..batch.records.len()).collect();
        WriteFailure { error, partial: Some(Box::new(PartialWrite { receipt, left })) }
    }
}

#[async_trait]
impl Sink for SpySink {
    fn redelivery(&self) -> Redelivery {
        Redelivery::Repeats
    }

    fn batch_bytes(&self) -> usize {
        1 << 20
    }

    fn writes_in_flight(&self) -> usize {
        self.writes_in_flight.load(Ordering::Relaxed)
    }

    fn identity(&self, _: &Table) -> String {
        format!("memory {}", self.name)
    }

    async fn check(&self, _: &[Arc<Table>]) -> Result<Looked, SinkError> {
        Ok(self.name.to_owned().into())
    }

    async fn write(&self, batch: Batch) -> Result<Receipt, WriteFailure> {
        let path = || format!("memory {}", self.name);
        let failed = || SinkError::Io { path: path(), source: io::Error::other("scripted") };
        let place = {
            let mut seen = self.seen.lock().unwrap();
            let ids = batch.records.iter().map(|record| record.id).collect();
            seen.writes.push((ids, false));
            seen.writes.len() - 1
        };
        self.called.notify_one();
        let answer = self.answer();
        _ = self.held.subscribe().wait_for(|held| !held).await;
        let refused = match answer {
            SinkAnswer::RefuseAll => {
                let refused = |index| Refused { index, kind: "refused", reason: "scripted".to_owned() };
                self.seen.lock().unwrap().writes[place].1 = true;
                let refused = (0..batch.records.len()).map(refused).collect();
                return Ok(Receipt { refused, ..Receipt::default() });
            }
            SinkAnswer::Accept | SinkAnswer::Cut => None,
            SinkAnswer::Refuse(place) => Some(place),
            SinkAnswer::Slow(time) => {
                tokio::time::sleep(time).await;
                None
            }
            SinkAnswer::Fail => return Err(failed().into()),
            SinkAnswer::Throttle(wait) => {
                let kind = RemoteErrorKind::Throttled { retry_after: Some(wait) };
                return Err(SinkError::Remote(kind.of(Service::Elasticsearch)).into());
            }
            SinkAnswer::DiskFull => {
                let (free, wanted) = (1, 2);
                return Err(SinkError::DiskFull { path: path(), free, wanted }.into());
            }
            SinkAnswer::Partly(taken) => return Err(self.partial(&batch, taken, failed())),
            SinkAnswer::PartlyFull(taken) => {
                let full = SinkError::DiskFull { path: path(), free: 1, wanted: 2 };
                return Err(self.partial(&batch, taken, full));
            }
            SinkAnswer::Lose => {
                self.write_down(&batch, |_| true);
                return Err(failed().into());
            }
            SinkAnswer::Die => {
                self.write_down(&batch, |_| true);
                self.died.notify_one();
                return std::future::pending().await;
            }
        };
        self.write_down(&batch, |place| Some(place) != refused);
        self.seen.lock().unwrap().writes[place].1 = true;
        let refused: Vec<_> = refused
            .map(|index| Refused { index, kind: "refused", reason: "scripted".to_owned() })
            .into_iter()
            .collect();
        let accepted = (batch.records.len() - refused.len()) as u64;
        let cut = |index| Cut { index, reason: "scripted".to_owned() };
        let places = if answer == SinkAnswer::Cut { 0..batch.records.len() } else { 0..0 };
        Ok(Receipt { accepted, refused, cut: places.map(cut).collect(), ..Receipt::default() })
    }
}

/// What became of a batch that was written until all of it was acknowledged or refused.
#[derive(Debug, Default)]
pub struct Written {
    /// Records that are there.
    pub there: u64,
    /// The ids of those that are refused.
    pub refused: BTreeSet<String>,
    pub tries: usize,
}

/// Writes until all of it is acknowledged or refused, as a route does; at most so often.
pub async fn write_all(sink: &dyn Sink, batch: Batch, tries_max: usize) -> Written {
    write_all_between(sink, batch, tries_max, async || {}).await
}

/// The same, with something that happens after each try that fails.
pub async fn write_all_between(
    sink: &dyn Sink,
    batch: Batch,
    tries_max: usize,
    between: impl AsyncFn(),
) -> Written {
    let mut written = Written::default();
    let mut left = batch;
    while !left.records.is_empty() {
        written.tries += 1;
        assert!(written.tries <= tries_max, "never done");
        let (receipt, places) = match sink.write(left.clone()).await {
            Ok(receipt) => (receipt, Vec::new()),
            Err(WriteFailure { partial, .. }) => {
                between().await;
                match partial {
                    Some(partial) => (partial.receipt, partial.left),
                    None => continue,
                }
            }
        };
        written.there += receipt.accepted + receipt.already_there;
        let id = |one: &Refused| left.records[one.index].id_text().unwrap().into_owned();
        written.refused.extend(receipt.refused.iter().map(id));
        let rest = places.iter().map(|place| left.records[*place].clone()).collect();
        left = Batch { records: rest, ..left };
    }
    written
}
