//! What a repair delivers, it delivers once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ccfd::{
    sinks::{Batch, Sink},
    tables::AUDIT_LOGS,
    verify::{
        ledger::Ledger,
        repair::{MissingOnly, NoteRepair},
    },
};
use collectors::{Record, TimeField};

use crate::support::sink::{SinkAnswer, SpySink};

fn batch(ids: &[&str]) -> Batch {
    let record = |id: &&str| {
        let line = format!("{{\"id\":\"{id}\",\"effective_at\":5}}");
        Record::read(line.as_bytes(), TimeField::EffectiveAt).unwrap()
    };
    Batch {
        table: AUDIT_LOGS.clone(),
        connector: "audit".into(),
        records: ids.iter().map(record).collect::<Vec<_>>().into(),
    }
}

async fn ledger(dir: &std::path::Path, missing: &'static [&str]) -> Ledger {
    let ledger = Ledger::create(&dir.join("run")).unwrap();
    let insert = ledger.run(move |connection| {
        for id in missing {
            connection.execute("INSERT INTO missing VALUES (?1)", [id])?;
        }
        Ok(())
    });
    insert.await.unwrap();
    ledger
}

#[tokio::test]
async fn a_record_that_the_sink_took_is_not_given_to_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), &["a", "b", "c", "d"]).await;
    let (spy, delivered) = (Arc::new(SpySink::new("spy")), Arc::new(AtomicU64::new(0)));
    let sink = MissingOnly::new(spy.clone(), ledger, delivered.clone(), None);
    spy.script([SinkAnswer::Fail, SinkAnswer::Partly(1), SinkAnswer::Refuse(1)]);
    let all = || batch(&["x", "a", "b", "c", "d", "y"]);
    assert!(sink.write(all()).await.unwrap_err().partial.is_none());
    let partial = sink.write(all()).await.unwrap_err().partial.unwrap();
    assert_eq!(partial.left, [2, 3, 4], "places in the whole batch");
    // The route begins again from its last commit, and reads everything once more.
    let third = sink.write(all()).await.unwrap();
    assert_eq!(third.refused.iter().map(|one| one.index).collect::<Vec<_>>(), [3]);
    let again = sink.write(all()).await.unwrap();
    assert_eq!((again.accepted, again.refused.len()), (1, 0), "only what was refused is tried again");
    let seen = spy.seen();
    assert_eq!((seen.doubled(), seen.rows.len()), (0, 4));
    assert_eq!(delivered.load(Relaxed), 4);
}

#[tokio::test]
async fn nothing_is_delivered_that_could_not_be_noted_first() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), &["a"]).await;
    let spy = Arc::new(SpySink::new("spy"));
    let note: NoteRepair = Arc::new(|| Err(io::Error::other("no room")));
    let sink = MissingOnly::new(spy.clone(), ledger, Arc::default(), Some(note));
    assert!(sink.write(batch(&["x"])).await.is_ok(), "nothing of it is missing");
    assert!(sink.write(batch(&["a"])).await.is_err());
    assert!(spy.seen().rows.is_empty());
}
