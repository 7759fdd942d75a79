//! The steps of a run up to the comparison.

use std::{sync::Arc, time::Duration};

use collectors::Cursor;

use super::{Phase, VerificationRun, VerifyError};
use crate::{
    config::SinkSettings,
    daemon::checkpoints::load,
    pipeline::{checkpoint::Checkpoint, names::route_name},
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
        if let Some(start) = own.map(|own| own.start).filter(|start| *start > self.question.window.from) {
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
        let mut why = Vec::new();
        match comparable.held_from(&self.question, closing.now).await {
            Ok(Some(held)) if held > self.question.window.from => why.push(format!(
                "the sink may have removed rows before {} by age or size: until then nothing is provable",
                format_utc(held)
            )),
            Ok(_) => {}
            Err(error) => return Ok(vec![format!("the sink cannot be read: {}", with_reasons(&error))]),
        }
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
        why.extend(self.compare_and_repair(&ledger, &*comparable, with_records, &read).await?);
        Ok(why)
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
