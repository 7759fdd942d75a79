//! `ccfd rejects retry`

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use clap::Args;
use collectors::{Clock, IdHash, Record, TimeField};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{
    RejectsFilter,
    batch::{self, RetryBatch},
    files,
    turn::RejectsTurn,
};
use crate::{
    cli::{
        Context,
        exit::{Exit, exit_of},
        logging, runtime,
        text::{counted, print_json_line, say},
    },
    config::Config,
    daemon::{alerts, assembly::Assembly, signals::watch_stop},
    lists::ListDescriptor,
    pipeline::{
        flight::{Flight, Trying},
        policy::{Failure, judge},
        poll_now::PollNow,
        progress::{Progress, RouteStatus},
        rejects::{
            Reject, Rejects, Side,
            kept::{self, KeptReject, LineKey},
            taken::{Place, Taking},
        },
        shutdown::{Shutdown, shutdown},
        write::{BatchWriter, GivenUpWrite},
    },
    redact::Redaction,
    sinks::{Cut, PartialWrite, Receipt},
    tables::{ALERTS, CONNECTOR_RUNS, Table},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these, as shown by `list`; the beginning is enough
    #[arg(value_name = "REJECT")]
    rejects: Vec<String>,
    #[command(flatten)]
    filter: RejectsFilter,
    /// One JSON object: sent, taken, refused, not_sendable
    #[arg(long)]
    json: bool,
}

/// How many taken records are remembered: 16 bytes each, and the overhead of a set.
const REMEMBERED_MAX: usize = 500_000;

/// Results.
#[derive(Default)]
struct Counts {
    sent: u64,
    taken: u64,
    refused: u64,
    /// Never a usable record, or delivered with fields cut, or the sink is no longer configured.
    not_sendable: u64,
}

pub fn run(context: &Context, config: Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    logging::start(&config.log);
    let runtime = runtime()?;
    let (sender, stop) = shutdown();
    let _signals = runtime.block_on(async { watch_stop(sender) })?;
    let _turn = RejectsTurn::take(&config, "ccfd rejects retry")?;
    let paths = files(&config)?;
    let assembly = Assembly::new(config, context.environment.clone());
    let mut retry = RejectsRetry {
        runtime,
        begun: Clock::system().now(),
        assembly,
        arguments,
        stop,
        counts: Counts::default(),
        redactions: HashMap::new(),
        batch: None,
        taking: None,
        has_taken: false,
        taken: HashSet::new(),
    };
    for path in paths {
        match retry.file(&path) {
            Ok(()) => {}
            Err(Break::Failed(failure)) => return retry.conclude(Some(&failure)),
            Err(Break::Stopped) => return retry.conclude(None),
            Err(Break::Unreadable(error)) => {
                // Taken records are marked already, and without this their counts would be lost.
                retry.conclude(None)?;
                return Err(error.context(format!("cannot process {}", path.display())));
            }
        }
    }
    retry.conclude(None)
}

struct RejectsRetry<'a> {
    runtime: Runtime,
    /// When it began. An alert says that a sink has it since then, and later versions of it say the same.
    begun: i64,
    assembly: Arc<Assembly>,
    arguments: &'a Arguments,
    stop: Shutdown,
    counts: Counts,
    /// The redaction of each collector seen so far.
    redactions: HashMap<String, Option<Redaction>>,
    batch: Option<RetryBatch>,
    /// The file being read.
    taking: Option<Arc<Taking>>,
    /// Whether lines of it are marked as taken.
    has_taken: bool,
    /// Records of it that were taken. A kill between saving a record and the commit saves it twice.
    taken: HashSet<IdHash>,
}

/// Why a file is not read to its end.
enum Break {
    Failed(Failure),
    /// Shutdown was requested.
    Stopped,
    Unreadable(anyhow::Error),
}

impl From<std::io::Error> for Break {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error.into())
    }
}

impl RejectsRetry<'_> {
    /// Sends the records of a file. What a write has taken is marked before the next write, because this may
    /// end at any time; the file is rewritten without marked lines once, at the end.
    fn file(&mut self, path: &Path) -> Result<(), Break> {
        let Some(taking) = Taking::open(path)?.map(Arc::new) else { return Ok(()) };
        (self.taking, self.has_taken) = (Some(taking.clone()), false);
        self.taken.clear();
        let mut done = taking.read(|key, place, kept| self.gather(key, place, &kept)).map(|seen| {
            self.has_taken |= seen.taken > 0;
        });
        if done.is_ok() {
            done = self.write();
        }
        (self.batch, self.taking) = (None, None);
        if !self.has_taken {
            return done;
        }
        let removed = kept::remove(path, &HashSet::new()).map(drop);
        done.and(removed.map_err(|error| {
            let left = "accepted records are marked there, and removed by the next retry or prune";
            Break::Unreadable(anyhow::Error::from(error).context(left))
        }))
    }

    fn gather(&mut self, key: LineKey, place: Place, kept: &KeptReject<'_>) -> Result<(), Break> {
        let named = |key: &LineKey| {
            let (key, rejects) = (key.to_string(), &self.arguments.rejects);
            rejects.is_empty() || rejects.iter().any(|one| key.starts_with(one.as_str()))
        };
        if !self.arguments.filter.admits(kept) || !named(&key) {
            return Ok(());
        }
        let table = self.assembly.config.tables.named(kept.table).cloned();
        let sink = self.assembly.sink(kept.sink());
        let record = match &table {
            Some(table) if table.name == ALERTS.name => self.alert(kept)?,
            // A run does not change.
            Some(table) if table.name == CONNECTOR_RUNS.name => {
                Record::read(kept.record.get().as_bytes(), TimeField::Created).ok()
            }
            Some(table) => self.record(kept, table)?,
            None => None,
        };
        let (Some(table), Some(sink), Some(record), true) = (table, sink, record, kept.can_be_sent()) else {
            self.counts.not_sendable += 1;
            return Ok(());
        };
        let name = batch::named_by(kept);
        if self.taken.contains(&name) {
            return self.mark(&[place]);
        }
        if self.batch.as_mut().is_some_and(|batch| batch.has(name, place)) {
            return Ok(());
        }
        if self.batch.as_ref().is_some_and(|batch| !batch.is_for(kept) || batch.is_full(&*sink)) {
            self.write()?;
        }
        self.batch.get_or_insert_with(|| RetryBatch::of(kept, table)).add(name, record, place);
        Ok(())
    }

    /// The record as its collector would send it today: when it was saved, other fields may have been
    /// redacted, or none. `None` if it never was a usable record.
    fn record(&mut self, kept: &KeptReject<'_>, table: &Table) -> Result<Option<Record>, Break> {
        let Some(list) = ListDescriptor::of_table(&table.name) else { return Ok(None) };
        let Ok(record) = Record::read(kept.record.get().as_bytes(), list.time()) else { return Ok(None) };
        if !self.redactions.contains_key(kept.connector) {
            let settings = self.assembly.config.collectors.get(kept.connector);
            let redaction = settings.map(|settings| self.assembly.redaction(settings)).transpose();
            let redaction = redaction.map_err(Break::Failed)?.flatten();
            self.redactions.insert(kept.connector.to_owned(), redaction);
        }
        let Some(Some(redaction)) = self.redactions.get(kept.connector) else { return Ok(Some(record)) };
        Ok(redaction.kept_record(&record.raw).map(|raw| record.with_raw(raw)))
    }

    /// An alert as it is now: when it was saved, it may have had another status. `None` if it is no longer kept.
    fn alert(&mut self, kept: &KeptReject<'_>) -> Result<Option<Record>, Break> {
        let Some(id) = kept.id() else { return Ok(None) };
        let again = alerts::refused_again(&self.assembly, kept.route, kept.sink(), &id, self.begun);
        again.map_err(|error| Break::Failed(error.into()))
    }

    /// Writes the gathered records.
    fn write(&mut self) -> Result<(), Break> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        let Some(sink) = self.assembly.sink(&batch.sink) else { return Ok(()) };
        let records: Arc<[Record]> = batch.records.into();
        let writer = BatchWriter {
            connector: batch.connector.clone(),
            table: batch.table.clone(),
            sink,
            retry: self.assembly.retry(&batch.sink),
            trying: Trying {
                progress: Progress::new(RouteStatus::default(), Arc::default()),
                poll_now: PollNow::default(),
                ends: true,
            },
        };
        let mut place = Flight::default().begin();
        let written = self.runtime.block_on(writer.write(records.clone(), &mut place, &self.stop));
        let (receipt, left, failure) = match written {
            Ok(receipt) => (receipt, Vec::new(), None),
            Err(GivenUpWrite { failure, partial: None }) => return Err(Break::Failed(failure)),
            Err(GivenUpWrite { failure, partial: Some(partial) }) => {
                let PartialWrite { receipt, left } = *partial;
                (receipt, left, Some(failure))
            }
        };
        let Receipt { refused, cut, .. } = receipt;
        let refused: BTreeSet<usize> = refused.into_iter().map(|one| one.index).collect();
        let mut not_taken: BTreeSet<usize> = left.into_iter().collect();
        let sent = records.len() - not_taken.len();
        not_taken.extend(&refused);
        self.counts.sent += sent as u64;
        self.counts.refused += refused.len() as u64;
        self.counts.taken += (sent - refused.len()) as u64;
        let were_cut: Vec<usize> = cut.iter().map(|one| one.index).collect();
        let copied = self.keep_cut(&batch.route, &writer, cut, &records);
        if copied.is_err() {
            // No other file has them whole.
            not_taken.extend(were_cut);
        }
        let taken = batch.places.iter().enumerate().filter(|(place, _)| !not_taken.contains(place));
        let taken: Vec<Place> = taken.flat_map(|(_, places)| places).copied().collect();
        self.mark(&taken)?;
        if batch.table.name == ALERTS.name {
            let ids = records.iter().enumerate().filter(|(place, _)| !not_taken.contains(place));
            let ids = ids.filter_map(|(_, record)| Some(record.id_text()?.into_owned()));
            alerts::note_taken(&self.assembly, &batch.route, ids, self.begun)
                .map_err(|error| Break::Failed(error.into()))?;
        }
        if self.taken.len() > REMEMBERED_MAX {
            self.taken.clear();
        }
        self.taken
            .extend(batch.known.iter().filter(|(_, at)| !not_taken.contains(at)).map(|(name, _)| *name));
        copied?;
        match failure {
            Some(failure) => Err(Break::Failed(failure)),
            None if self.stop.is_requested() => Err(Break::Stopped),
            None => Ok(()),
        }
    }

    fn mark(&mut self, places: &[Place]) -> Result<(), Break> {
        if let Some(taking) = &self.taking {
            taking.take(places)?;
            self.has_taken |= !places.is_empty();
        }
        Ok(())
    }

    /// Fields that are cut now were not cut before: saves a whole copy where a route would.
    fn keep_cut(
        &self,
        route: &str,
        writer: &BatchWriter,
        cut: Vec<Cut>,
        records: &[Record],
    ) -> Result<(), Break> {
        let rejects: Arc<[Reject]> = cut
            .into_iter()
            .filter_map(|one| {
                Some(Reject {
                    connector: writer.connector.clone(),
                    table: writer.table.clone(),
                    side: Side::Sink,
                    kind: "cut",
                    reason: one.reason,
                    record: records.get(one.index)?.raw.clone(),
                })
            })
            .collect();
        if rejects.is_empty() {
            return Ok(());
        }
        let kept = self.runtime.block_on(async {
            let (dir, bounds) = (&self.assembly.config.state.dir, self.assembly.rejects_bounds());
            let file = Rejects::open(dir, route, bounds, Clock::system())?;
            file.keep_cut(rejects).await
        });
        kept.map(drop).map_err(|error| Break::Failed(error.into()))
    }

    fn conclude(self, failure: Option<&Failure>) -> anyhow::Result<Exit> {
        let Counts { sent, taken, refused, not_sendable } = self.counts;
        if self.arguments.json {
            let counts =
                json!({ "sent": sent, "taken": taken, "refused": refused, "not_sendable": not_sendable });
            print_json_line(&counts)?;
        } else {
            say(format_args!(
                "{} sent: {taken} accepted and removed, {refused} refused again and kept",
                counted(sent, "record")
            ));
            if not_sendable > 0 {
                say(format_args!(
                    "{} skipped: unusable, delivered with shortened fields, or for a sink that is not \
                     configured",
                    counted(not_sendable, "record")
                ));
            }
        }
        Ok(match failure {
            Some(failure) => {
                say(format_args!("ccfd: {failure}\n      -> {}", judge(failure).advice));
                exit_of(failure)
            }
            None if self.stop.is_requested() => {
                say(format_args!("stopped: the rest was not sent"));
                Exit::Failed
            }
            None if refused > 0 => Exit::Operator,
            None => Exit::Done,
        })
    }
}
