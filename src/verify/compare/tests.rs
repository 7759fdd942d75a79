use async_trait::async_trait;
use collectors::TimeField;
use rusqlite::params;

use super::*;
use crate::{
    sinks::comparable::{Shows, Statement, id_hash},
    tables::AUDIT_LOGS,
};

/// A sink that says one thing of its hours, and another of its rows.
struct Scripted {
    hours: Option<Vec<HourDigest>>,
    rows: Vec<SinkRow>,
}

#[async_trait]
impl Comparable for Scripted {
    fn identity(&self) -> String {
        "scripted".to_owned()
    }

    fn shows(&self) -> Shows {
        Shows { records: false, doubled: true, collectors: true }
    }

    fn limits(&self, _: &Question) -> Vec<String> {
        Vec::new()
    }

    fn statements(&self, _: &Question) -> Vec<Statement> {
        Vec::new()
    }

    async fn hours(&self, _: &Question) -> Result<Option<Vec<HourDigest>>, SinkError> {
        Ok(self.hours.clone())
    }

    async fn rows(
        &self,
        _: &Question,
        spans: &[Span],
        pages: mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<(), SinkError> {
        let rows = self.rows.iter().filter(|row| cover(spans, row.second)).cloned().collect();
        _ = pages.send(rows).await;
        Ok(())
    }
}

const IDS: [&str; 3] = ["a", "b", "c"];

fn row(id: &str, second: i64) -> SinkRow {
    SinkRow { id: id.to_owned(), second, copies: 1, record: None, redacted: None }
}

fn digest(hour: i64, ids: &[&str]) -> HourDigest {
    let id_digest = ids.iter().fold(0, |digest, id| digest ^ id_hash(id));
    let rows = ids.len() as u64;
    HourDigest { hour, rows, ids: rows, id_digest, record_digest: None }
}

/// Compares a source with three records of one hour.
async fn compared(hours: Option<Vec<HourDigest>>, rows: Vec<SinkRow>) -> ComparedSides {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::create(&dir.path().join("run")).unwrap();
    let filled = ledger.run(|connection| {
        for (id, second) in IDS.into_iter().zip(1..) {
            connection.execute("INSERT INTO source VALUES (0, ?1, ?2, 7)", params![id, second])?;
        }
        Ok(())
    });
    filled.await.unwrap();
    let question = Question {
        table: AUDIT_LOGS.clone(),
        connector: "audit".into(),
        time: TimeField::EffectiveAt,
        window: Span { from: 0, to: HOUR },
        redact: None,
    };
    compare(&ledger, &Scripted { hours, rows }, &question, false).await.unwrap()
}

fn all() -> Vec<SinkRow> {
    IDS.into_iter().zip(1..).map(|(id, second)| row(id, second)).collect()
}

#[tokio::test]
async fn what_was_written_between_the_two_questions_is_judged_by_the_rows() {
    let compared = compared(Some(vec![digest(0, &["a", "b"])]), all()).await;
    assert_eq!((compared.found.len(), compared.doubt), (0, None));
    assert!(compared.hours.iter().all(ComparedHour::agrees), "{:?}", compared.hours);
}

#[tokio::test]
async fn a_wrong_digest_cannot_hide_rows() {
    let compared = compared(Some(vec![digest(0, &["a", "b", "x"])]), vec![row("a", 1), row("b", 2)]).await;
    assert_eq!(compared.found.iter().map(|one| one.finding).collect::<Vec<_>>(), [DifferenceKind::Missing]);
    assert_eq!(compared.hours[0].sink.rows, 2, "the figures are those of the rows");
}

#[tokio::test]
async fn an_hour_that_comes_twice_or_from_elsewhere_proves_nothing() {
    for hours in [
        vec![digest(0, &IDS), digest(0, &IDS)],
        vec![digest(0, &IDS), digest(HOUR, &["a"])],
        vec![digest(0, &IDS), digest(-HOUR, &["a"])],
        vec![digest(1, &IDS)],
    ] {
        assert!(compared(Some(hours.clone()), all()).await.doubt.is_some(), "{hours:?}");
    }
    assert_eq!(compared(Some(vec![digest(0, &IDS)]), Vec::new()).await.doubt, None);
}

#[tokio::test]
async fn a_second_that_moved_within_its_hour_is_altered_where_all_rows_are_fetched() {
    let mut rows = all();
    rows[1].second = 99;
    let compared = compared(None, rows).await;
    let altered = DifferenceKind::Altered { by_redaction: false };
    assert_eq!(compared.found.iter().map(|one| one.finding).collect::<Vec<_>>(), [altered]);
    assert!(!compared.hours[0].agrees() && compared.doubt.is_none());
}
