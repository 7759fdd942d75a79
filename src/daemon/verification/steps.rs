//! The steps of a run up to the comparison.

use std::{sync::Arc, time::Duration};

use collectors::Cursor;

use super::{Phase, VerificationRun, VerifyError, read::SourceRead};
use crate::{
    config::SinkSettings,
    daemon::checkpoints::load,
    pipeline::{
        checkpoint::{Changed, Checkpoint, Identity},
        names::{is_backfill_of, route_name},
        progress::RouteState,
    },
    reasons::with_reasons,
    redact::Redaction,
    sinks::comparable::{Comparable, Redact, Statement},
    tables::format_utc,
    verify::{
        self,
        ledger::Ledger,
        report::{Report, ReportStatement},
        window::{Closing, open},
    },
};

impl VerificationRun<'_> {
    /// Everything up to the verdict. Returns why it is not provable; empty if it is.
    pub(super) async fn steps(&mut self, sink: &SinkSettings) -> Result<Vec<String>, VerifyError> {
        let comparable = match self.assembly.comparable(sink) {
            Ok(comparable) => comparable,
            Err(reason) => return Ok(vec![format!("not comparable: {reason}")]),
        };
        match self.assembly.redaction(self.settings) {
            Ok(redaction) => {
                let redact = |redaction| -> Redact {
                    let redaction: Redaction = redaction;
                    Arc::new(move |record| redaction.kept_record(record))
                };
                self.question.redact = redaction.map(redact);
            }
            Err(failure) => return Ok(vec![failure.to_string()]),
        }
        // With messages, each completion would take requests of its own.
        let with_records = comparable.shows().records && self.settings.messages.is_none();
        self.describe(&*comparable, with_records);
        let route = route_name(&self.wanted.collector, &self.wanted.sink);
        let own = load(self.store, &route).await?;
        let mut closing = Closing {
            delivered_before: own.as_ref().and_then(|own| delivered_before(own, self.settings.overlap)),
            overlap: self.settings.overlap,
            latency: comparable.latency(),
            now: self.assembly.clock.now(),
        };
        self.report.clock.delivered_before = closing.delivered_before.map(format_utc);
        let kept: Vec<String> = own
            .iter()
            .flat_map(|own| &own.walks)
            .flat_map(|walk| walk.kept.keys())
            .filter(|second| self.question.window.has(**second))
            .map(|second| format_utc(*second))
            .collect();
        let (own_start, own_identity) = own.map(|own| (own.start, own.identity)).unzip();
        if let Some(start) = own_start.filter(|start| *start > self.question.window.from) {
            self.report.limits.push(format!(
                "the route itself covers the list from {}: earlier records are in the sink only if a backfill brought them",
                format_utc(start)
            ));
        }
        if let Some(why) = open(self.question.window, closing) {
            return Ok(vec![why]);
        }
        if let Some(first) = kept.first() {
            let seconds = kept.len();
            return Ok(vec![format!(
                "open: the route could not read {seconds} crowded seconds whole and reads them again, the first is {first}"
            )]);
        }
        if let Some(backfill) = self.unfinished_backfill(own_start).await? {
            return Ok(vec![format!("open: the backfill {backfill} of this time has not ended")]);
        }
        let mut why = Vec::new();
        why.extend(self.removed(&*comparable, closing.now).await);
        let ledger = match Ledger::create(&verify::run_dir(&self.assembly.config.state.dir, self.id)) {
            Ok(ledger) => ledger,
            Err(error) => return Ok(vec![with_reasons(&error)]),
        };
        _ = self.phase.send_replace(Phase::Reading);
        let read = self.read_source(&ledger).await?;
        if let Some(failed) = &read.failed {
            why.push(format!("the source could not be read: {failed}"));
            return Ok(why);
        }
        closing.now = closing.now.saturating_add(read.server_ahead.unwrap_or(0).min(0));
        if let Some(open) = open(self.question.window, closing) {
            return Ok(vec![open]);
        }
        if let Some(changed) = is_of_another(own_identity.as_ref(), &read) {
            return Ok(vec![format!("the source is not that of the route: {changed}")]);
        }
        let may_repair = self.wanted.repair && why.is_empty();
        why.extend(self.compare_and_repair(&ledger, &*comparable, with_records, may_repair, &read).await?);
        // Reading takes time, in which more may have been removed.
        if why.is_empty() {
            why.extend(self.removed(&*comparable, self.assembly.clock.now()).await);
        }
        Ok(why)
    }

    /// Why rows may be missing that were removed on purpose, or why that cannot be found out.
    async fn removed(&self, comparable: &dyn Comparable, now: i64) -> Option<String> {
        match comparable.held_from(&self.question, now).await {
            Ok(Some(held)) if held > self.question.window.from => {
                let until = held.min(self.question.window.to);
                Some(format!(
                    "the sink may have removed rows before {} by age or size: until then nothing is provable, and nothing \
                     is repaired",
                    format_utc(until)
                ))
            }
            Ok(_) => None,
            Err(error) => Some(format!("the sink cannot be read: {}", with_reasons(&error))),
        }
    }

    /// A backfill that may still deliver records of the window: one that runs, or that has not read what the route itself does
    /// not cover.
    async fn unfinished_backfill(&self, own_start: Option<i64>) -> Result<Option<String>, VerifyError> {
        let (route, window) = (route_name(&self.wanted.collector, &self.wanted.sink), self.question.window);
        let is_covered = own_start.is_some_and(|start| start <= window.from);
        for name in self.store.names()?.into_iter().filter(|name| is_backfill_of(name, &route)) {
            let runs = || self.assembly.registry.get(&name).is_some_and(|shown| may_deliver(shown.state()));
            if is_covered && !runs() {
                continue;
            }
            let read = load(self.store, &name).await?;
            let is_unread = |walk: &Cursor| {
                !walk.finished
                    && walk.watermark < window.to
                    && walk.until.is_none_or(|until| until >= window.from)
            };
            if read.is_some_and(|read| read.walks.iter().any(is_unread)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// What is known before anything is read.
    fn describe(&mut self, comparable: &dyn Comparable, with_records: bool) {
        let Report { destination, limits, statements, .. } = &mut self.report;
        destination.identity = comparable.identity();
        destination.compares = if with_records { "ids and records" } else { "ids only" }.to_owned();
        limits.extend(comparable.limits(&self.question));
        if self.settings.source.list.expires() {
            limits.push(
                "stored completions expire and can be deleted: what is listed now is compared with the sink, and a row \
                 that is not listed any more is explained by that"
                    .to_owned(),
            );
        }
        if self.settings.messages.is_some() {
            limits.push("ids only: messages are not read again, so records are not compared".to_owned());
        }
        if !comparable.shows().doubled {
            limits.push("doubled rows cannot be seen in this sink".to_owned());
        }
        let statement = |one: Statement| ReportStatement {
            about: one.about,
            language: one.language.to_owned(),
            text: one.text,
        };
        statements.extend(comparable.statements(&self.question).into_iter().map(statement));
    }
}

/// Whether a backfill in this state runs. One that is parked has ended.
fn may_deliver(state: RouteState) -> bool {
    match state {
        RouteState::Starting
        | RouteState::Searching
        | RouteState::CatchingUp
        | RouteState::Live
        | RouteState::BackingOff => true,
        RouteState::Parked | RouteState::Paused | RouteState::Stopped => false,
    }
}

/// How the account or the filters differ from those with which the route filled the sink.
fn is_of_another(own: Option<&Identity>, read: &SourceRead) -> Option<Changed> {
    let (own, read) = (own?, read.identity.as_ref()?);
    // The sink of the reading is the ledger.
    own.change_to(&Identity { sink: own.sink.clone(), ..read.clone() })
}

/// The second before which a route has delivered everything: its watermark, or further where its last sweep has read
/// without a record to move the watermark to.
fn delivered_before(own: &Checkpoint, overlap: Duration) -> Option<i64> {
    let overlap = i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX);
    let of = |walk: &Cursor| match walk.swept {
        Some(swept) => walk.watermark.max(swept.saturating_sub(overlap)),
        None => walk.watermark,
    };
    own.walks.iter().map(of).min()
}
