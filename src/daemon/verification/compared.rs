//! The comparison of a run: differences with their classes, and the repair.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{Phase, VerificationRun, VerifyError, read::SourceRead};
use crate::{
    pipeline::{
        names::{REJECTS_DIR, repair_name, route_name},
        rejects::{kept, work_aside},
    },
    reasons::with_reasons,
    sinks::{
        Redelivery,
        comparable::{Comparable, Shows},
    },
    tables::format_utc,
    units::counted,
    verify::{
        compare::{ComparedSides, DifferenceKind, compare},
        difference::{Class, Difference, KnownReasons, classify},
        ledger::Ledger,
        repair::NoteRepair,
        repaired,
        report::{Repaired, ReportHour, Totals},
        verdict::Verdict,
    },
};

/// Seconds for which OpenAI keeps a stored completion at least, as far as known: 30 days.
const KEPT_FOR: i64 = 30 * 24 * 3600;

impl VerificationRun<'_> {
    /// Compares, repairs if that is asked for, and gives the verdict. Returns why it is not provable.
    pub(super) async fn compare_and_repair(
        &mut self,
        ledger: &Ledger,
        comparable: &dyn Comparable,
        with_records: bool,
        may_repair: bool,
        read: &SourceRead,
    ) -> Result<Option<String>, VerifyError> {
        let mut known = self.known(read);
        let shows = comparable.shows();
        let mut left = match self.compare_once(ledger, comparable, with_records, &mut known, shows).await? {
            Ok(left) => left,
            Err(why) => return Ok(Some(why)),
        };
        // A gateway may have answered with a page of another request, and a reader that has just begun cannot always know that.
        // So what the source does not list must be missing in a second reading too.
        let is_only_in_sink = |one: &Difference| matches!(one.class, Class::OnlyInSink | Class::Unreadable);
        if self.report.differences.iter().any(is_only_in_sink) {
            _ = self.phase.send_replace(Phase::Reading);
            let again = self.read_source(ledger).await?;
            if let Some(failed) = again.failed {
                return Ok(Some(format!("the source could not be read a second time: {failed}")));
            }
            known.unsure_seconds.extend(again.unsure_seconds);
            if let Err(error) = ledger.forget_rows().await {
                return Ok(Some(with_reasons(&error)));
            }
            left = match self.compare_once(ledger, comparable, with_records, &mut known, shows).await? {
                Ok(left) => left,
                Err(why) => return Ok(Some(why)),
            };
        }
        let latency = comparable.latency();
        if left > 0
            && let Some(open) = self.repaired_lately(latency).await?
        {
            return Ok(Some(open));
        }
        if may_repair && left > 0 {
            _ = self.phase.send_replace(Phase::Repairing);
            self.repair(ledger, left, latency).await?;
            let delivered = self.report.repair.as_ref().map_or(0, |repaired| repaired.delivered);
            if delivered > 0 && !latency.is_zero() {
                // They would be missing again, and a second repair would double them.
                return Ok(Some(format!(
                    "delivered {}: the sink may take {} to show what it was given; verify again after that, without \
                     --repair",
                    counted(delivered, "record"),
                    humantime::format_duration(latency)
                )));
            }
            if let Err(error) = ledger.forget_rows().await {
                return Ok(Some(with_reasons(&error)));
            }
            left = match self.compare_once(ledger, comparable, with_records, &mut known, shows).await? {
                Ok(left) => left,
                Err(why) => return Ok(Some(why)),
            };
            tracing::info!(run = self.id, missing = left, "compared again after the repair");
        }
        if let Some(why) = self.lists_nothing() {
            return Ok(Some(why));
        }
        let Totals { unexplained, explained, unreadable_seconds, .. } = self.report.totals;
        self.report.verdict = Verdict::of(unexplained, explained + unreadable_seconds);
        Ok(None)
    }

    /// Why an empty list proves nothing. Records that expire are missing from it one by one; that all of a young window are
    /// gone looks the same as a key that no longer sees them.
    fn lists_nothing(&self) -> Option<String> {
        let Totals { source_rows: 0, sink_rows: held @ 1.., .. } = self.report.totals else { return None };
        let has_expired = self.question.window.to <= self.assembly.clock.now().saturating_sub(KEPT_FOR);
        (self.settings.source.list.expires() && !has_expired).then(|| {
            format!(
                "the API lists nothing of this window, of which the sink has {}: all were deleted, or the key no longer \
                 sees them (another project); expiry does not explain it before 30 days",
                counted(held, "row")
            )
        })
    }

    /// What helps to explain differences, besides the rejects.
    fn known(&self, read: &SourceRead) -> KnownReasons {
        let config = &self.assembly.config;
        let sharing = config.collectors.iter().filter(|(name, other)| {
            **name != self.wanted.collector
                && other.source.list == self.settings.source.list
                && other.sinks.contains(&self.wanted.sink)
        });
        KnownReasons {
            unsure_seconds: read.unsure_seconds.clone(),
            expires: self.settings.source.list.expires(),
            sharing: sharing.map(|(name, _)| name.clone()).collect(),
            ..KnownReasons::default()
        }
    }

    /// Compares and fills the report; how many are missing, or why that cannot be found out.
    async fn compare_once(
        &mut self,
        ledger: &Ledger,
        comparable: &dyn Comparable,
        with_records: bool,
        known: &mut KnownReasons,
        shows: Shows,
    ) -> Result<Result<u64, String>, VerifyError> {
        _ = self.phase.send_replace(Phase::Comparing);
        let begun = chrono::Utc::now().timestamp();
        let compared = compare(ledger, comparable, &self.question, with_records).await;
        let ComparedSides { hours, found, left_out, doubt } = match compared {
            Ok(compared) => compared,
            Err(error) => return Ok(Err(format!("the sink cannot be read: {}", with_reasons(&error)))),
        };
        if let Some(doubt) = doubt {
            return Ok(Err(doubt));
        }
        self.report.destination.read_from = Some(format_utc(begun));
        self.report.destination.read_to = Some(format_utc(chrono::Utc::now().timestamp()));
        let missing: Vec<(String, i64)> = found
            .iter()
            .filter(|one| one.finding == DifferenceKind::Missing)
            .map(|one| (one.id.clone(), one.second))
            .collect();
        let redelivery =
            self.assembly.sink(&self.wanted.sink).map_or(Redelivery::Harmless, |sink| sink.redelivery());
        if !missing.is_empty() {
            known.rejects = self.rejects(&missing).await?;
            // Where a repeat adds a row, the row of another collector keeps out none.
            if redelivery == Redelivery::Harmless {
                match comparable.of_others(&self.question, missing).await {
                    Ok(of_others) => known.of_others = of_others,
                    Err(error) => {
                        return Ok(Err(format!("the sink cannot be read: {}", with_reasons(&error))));
                    }
                }
            }
        }
        let kept_out: Vec<String> = known.keeps_out().cloned().collect();
        let differences: Vec<Difference> =
            found.into_iter().map(|one| classify(one, known, shows, redelivery)).collect();
        let explained = differences.iter().filter(|one| one.explained).count() as u64;
        self.report.totals = Totals {
            source_rows: hours.iter().map(|hour| hour.source.rows).sum(),
            sink_rows: hours.iter().map(|hour| hour.sink.rows).sum(),
            hours_differing: hours.iter().filter(|hour| !hour.agrees()).count() as u64,
            unexplained: differences.len() as u64 - explained + left_out,
            explained,
            not_listed: left_out,
            unreadable_seconds: known.unsure_seconds.len() as u64,
            by_class: BTreeMap::new(),
        };
        self.report.hours = hours.into_iter().map(ReportHour::from).collect();
        self.report.differences = differences;
        // What is in the rejects was refused, and would be again, as would be what another row keeps out.
        let left = ledger
            .run(move |connection| {
                let change = connection.transaction()?;
                for id in &kept_out {
                    change.execute("DELETE FROM missing WHERE id = ?1", [id])?;
                }
                let left =
                    change.query_row("SELECT count(*) FROM missing", [], |row| row.get::<_, i64>(0))?;
                change.commit()?;
                Ok(left.unsigned_abs())
            })
            .await;
        Ok(left.map_err(|error| with_reasons(&error)))
    }

    /// The reason of each of these records that is in the rejects of this route.
    async fn rejects(&self, ids: &[(String, i64)]) -> Result<BTreeMap<String, String>, VerifyError> {
        let dir = self.assembly.config.state.dir.join(REJECTS_DIR);
        let (collector, sink) = (self.wanted.collector.clone(), self.wanted.sink.clone());
        let wanted: BTreeSet<String> = ids.iter().map(|(id, _)| id.clone()).collect();
        let path = dir.display().to_string();
        let read = work_aside(move || {
            let mut found = BTreeMap::new();
            for file in kept::files(&dir)? {
                kept::read(&file, |_, reject| {
                    if reject.connector == collector && reject.sink() == sink {
                        let id = reject.id().filter(|id| wanted.contains(id));
                        found.extend(id.map(|id| (id, reject.kind.clone())));
                    }
                    Ok::<_, io::Error>(())
                })?;
            }
            Ok(found)
        });
        let read = read.await.map_err(io::Error::other).and_then(|read| read);
        read.map_err(|source| VerifyError::Io { path, source })
    }

    /// Why what is missing may only not be shown yet.
    async fn repaired_lately(&self, latency: Duration) -> Result<Option<String>, VerifyError> {
        if latency.is_zero() {
            return Ok(None);
        }
        let (dir, route) =
            (self.assembly.config.state.dir.clone(), route_name(&self.wanted.collector, &self.wanted.sink));
        let path = dir.join(crate::verify::DIR).display().to_string();
        let read = work_aside(move || repaired::last(&dir, &route)).await;
        let read = read.map_err(io::Error::other).and_then(|read| read);
        let last = read.map_err(|source| VerifyError::Io { path, source })?;
        let seconds = i64::try_from(latency.as_secs()).unwrap_or(i64::MAX);
        let shown = last.map(|last| last.saturating_add(seconds));
        Ok(shown.filter(|shown| *shown > self.assembly.clock.now()).map(|shown| {
            format!(
                "open: a repair has delivered records, which the sink may not show before {}: until then they seem to be \
                 missing, and are not delivered again",
                format_utc(shown)
            )
        }))
    }

    /// Delivers what the ledger names as missing.
    async fn repair(&mut self, ledger: &Ledger, missing: u64, latency: Duration) -> Result<(), VerifyError> {
        let delivered = Arc::new(AtomicU64::new(0));
        let route = route_name(&self.wanted.collector, &self.wanted.sink);
        let name = repair_name(&route, self.id);
        let span = self.missing_span();
        let (dir, clock) = (self.assembly.config.state.dir.clone(), self.assembly.clock.clone());
        let note = move || repaired::note(&dir, &route, clock.now());
        let note = (!latency.is_zero()).then(|| Arc::new(note) as NoteRepair);
        let (rejected, failed) = self.deliver_missing(ledger, &name, span, delivered.clone(), note).await?;
        self.report.repair = Some(Repaired { missing, delivered: delivered.load(Relaxed), rejected, failed });
        Ok(())
    }
}
