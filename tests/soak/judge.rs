//! Compares what arrived with what was issued.

use std::collections::{HashMap, HashSet};

use ccfd::simulator::SimulatedList;

use super::scene::Scene;
use crate::support::process_kill::{LISTS, lines_below};

/// Of all records: how many are missing, stand there more than once, or were never issued.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    pub missing: usize,
    pub repeated: usize,
    /// Not as they were issued.
    pub altered: usize,
}

impl Verdict {
    fn add(&mut self, other: Self) {
        self.missing += other.missing;
        self.repeated += other.repeated;
        self.altered += other.altered;
    }
}

/// The ids that a sink holds for a list, each with what is kept of it, where that is the record itself.
type Kept = Vec<(String, Option<String>)>;

/// The verdict on each sink: tables, lines, cluster.
pub fn judge(scene: &Scene) -> [Verdict; 3] {
    let mut verdicts = [Verdict::default(); 3];
    for (list, table) in LISTS {
        let issued: HashSet<String> =
            scene.site.simulator.issued(list).into_iter().map(|(id, _)| id).collect();
        for (verdict, kept) in
            verdicts.iter_mut().zip([tables(scene, table), lines(scene, table), cluster(scene, list)])
        {
            verdict.add(of(scene, &issued, &kept));
        }
    }
    verdicts
}

fn of(scene: &Scene, issued: &HashSet<String>, kept: &Kept) -> Verdict {
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut altered = 0;
    for (id, record) in kept {
        *times.entry(id).or_default() += 1;
        // What was deleted meanwhile can be compared with nothing.
        let body = scene.site.simulator.body_of(id);
        let differs = |body: &[u8]| record.as_ref().is_some_and(|record| record.as_bytes() != body);
        altered += usize::from(body.is_some_and(|body| differs(&body)));
    }
    Verdict {
        missing: issued.iter().filter(|id| !times.contains_key(id.as_str())).count(),
        repeated: times.values().map(|times| times - 1).sum(),
        altered,
    }
}

fn tables(scene: &Scene, table: &str) -> Kept {
    let tables = rusqlite::Connection::open(scene.site.path("tables.db")).unwrap();
    let mut query = tables.prepare(&format!("SELECT Id, Record FROM {table}")).unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, Some(row.get(1)?)))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn lines(scene: &Scene, table: &str) -> Kept {
    let lines = lines_below(&scene.site.path("lines"), table).into_iter();
    let read = |line: String| {
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        (record["id"].as_str().unwrap().to_owned(), Some(line))
    };
    lines.map(read).collect()
}

fn cluster(scene: &Scene, list: SimulatedList) -> Kept {
    let index = match list {
        SimulatedList::AuditLogs => "openai-audit-logs",
        SimulatedList::Completions => "openai-chat-completions",
    };
    let documents = scene.elastic.documents(index).into_values();
    documents.map(|document| (document["Id"].as_str().unwrap().to_owned(), None)).collect()
}
