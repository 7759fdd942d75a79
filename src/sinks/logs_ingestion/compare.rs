//! What the tables of a Log Analytics workspace hold, for `ccfd verify`, asked through its query API.

mod client;
mod query;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use client::{QueryApi, QueryOutcome};
use collectors::Clock;
use query::{HourRow, IdRow};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::{
    config::{Environment, LogsIngestionSettings, Profile, QuerySettings},
    sinks::{
        SinkError,
        comparable::{Comparable, HOUR, HourDigest, PAGE_ROWS, Question, Shows, SinkRow, Span, Statement},
        remote::{RemoteError, RemoteErrorKind, Service},
    },
    tables::Table,
};

/// The longest span of one question for rows.
const DAY: i64 = 24 * HOUR;
/// How long Azure may take until a row can be found.
const LATENCY: Duration = Duration::from_secs(30 * 60);

/// Reads the rows of a sink.
pub struct LogsIngestionRows {
    settings: LogsIngestionSettings,
    workspace: QueryApi,
    clock: Clock,
}

impl LogsIngestionRows {
    /// Sends nothing yet.
    pub fn new(
        settings: LogsIngestionSettings,
        query: QuerySettings,
        environment: Environment,
        clock: Clock,
    ) -> Self {
        let workspace = QueryApi::new(settings.clone(), query, environment, clock.clone());
        Self { settings, workspace, clock }
    }

    /// Refuses a table whose rows the rule writes in another form.
    fn has_own_table(&self, table: &Table) -> Result<(), RemoteError> {
        if self.settings.profile == Profile::Asim && table.has_asim {
            let why = "rows of ASimAgentEventLogs, which the rule of `profile = \"asim\"` writes, cannot be compared";
            return Err(RemoteErrorKind::Settings(why.to_owned()).of(Service::LogAnalytics));
        }
        Ok(())
    }

    /// The rows of a span, in parts that the service returns whole: none is shorter than `shortest`.
    async fn parts<T: DeserializeOwned>(
        &self,
        question: &Question,
        span: Span,
        shortest: i64,
        text: fn(&Question, Span) -> String,
        each: &mut (dyn FnMut(Vec<T>) + Send),
    ) -> Result<(), RemoteError> {
        let mut waiting = vec![span];
        while let Some(span) = waiting.pop() {
            let timespan = query::timespan(span, self.clock.now());
            match self.workspace.ask(&text(question, span), &timespan).await? {
                QueryOutcome::Rows(rows) => each(rows),
                QueryOutcome::Incomplete(error) => {
                    let middle = query::middle(span, shortest).ok_or(error)?;
                    waiting.push(Span { from: middle, ..span });
                    waiting.push(Span { to: middle, ..span });
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Comparable for LogsIngestionRows {
    fn identity(&self) -> String {
        format!("logs_ingestion {}", self.workspace.url())
    }

    fn shows(&self) -> Shows {
        Shows { records: false, doubled: true, collectors: true }
    }

    fn latency(&self) -> Duration {
        LATENCY
    }

    fn limits(&self, question: &Question) -> Vec<String> {
        vec![
            "ids only: rows are not compared with the record, and their times only by the hour".to_owned(),
            format!(
                "rows whose ConnectorName is not `{}` are those of other collectors and are not compared",
                question.connector
            ),
            "what the retention of the table has removed is reported as missing".to_owned(),
        ]
    }

    fn statements(&self, question: &Question) -> Vec<Statement> {
        let statement = |about: &str, text| Statement { about: about.to_owned(), language: "KQL", text };
        vec![
            statement(
                "rows, distinct ids and the digest of each hour, as signed numbers; the time range must be wide, because \
                 Azure changes TimeGenerated of old rows",
                query::hours(question, question.window),
            ),
            statement("every id, its time, and how often it is there", query::ids(question, question.window)),
        ]
    }

    async fn readable(&self, table: &Arc<Table>) -> Result<(), SinkError> {
        self.has_own_table(table)?;
        let timespan =
            query::timespan(Span { from: self.clock.now() - DAY, to: self.clock.now() }, self.clock.now());
        match self.workspace.ask::<serde::de::IgnoredAny>(&query::one(table), &timespan).await? {
            QueryOutcome::Rows(_) => Ok(()),
            QueryOutcome::Incomplete(error) => Err(error.into()),
        }
    }

    async fn hours(&self, question: &Question) -> Result<Option<Vec<HourDigest>>, SinkError> {
        self.has_own_table(&question.table)?;
        let mut hours = Vec::new();
        let mut each = |rows: Vec<HourRow>| {
            hours.extend(rows.into_iter().map(|row| HourDigest {
                hour: row.0.0,
                rows: row.1.0.unsigned_abs(),
                ids: row.2.0.unsigned_abs(),
                // Kusto has signed numbers only.
                id_digest: row.3.0 as u64,
                record_digest: None,
            }));
        };
        self.parts(question, question.window, HOUR, query::hours, &mut each).await?;
        Ok(Some(hours))
    }

    async fn rows(
        &self,
        question: &Question,
        spans: &[Span],
        pages: mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<(), SinkError> {
        self.has_own_table(&question.table)?;
        for span in spans {
            let mut from = span.from;
            while from < span.to {
                let day = Span { from, to: span.to.min(from + DAY) };
                let mut found: Vec<IdRow> = Vec::new();
                let mut each = |rows: Vec<IdRow>| found.extend(rows);
                self.parts(question, day, 1, query::ids, &mut each).await?;
                for page in found.chunks(PAGE_ROWS) {
                    let rows = page.iter().map(|row| SinkRow {
                        id: row.0.clone(),
                        second: row.1.0,
                        copies: row.2.0.unsigned_abs(),
                        record: None,
                        redacted: None,
                    });
                    if pages.send(rows.collect()).await.is_err() {
                        return Ok(());
                    }
                }
                from = day.to;
            }
        }
        Ok(())
    }
}
