//! What a plain cursor walk finds in the same lists: `limit=100`, then `after` the last record of each page until
//! `has_more` is false, as client libraries page.

use std::collections::HashSet;

use anyhow::Context as _;
use serde::Deserialize;

use crate::simulator::{Request, SimulatedList, Simulator};

/// More pages than any list of the demo has: a cursor that leads in a circle must not keep the demo.
const PAGES_MAX: usize = 10_000;

/// What it found.
#[derive(Debug, PartialEq, Eq)]
pub struct WalkFound {
    /// Different records.
    pub records: u64,
    /// Records that came again.
    pub repeated: u64,
}

#[derive(Deserialize)]
struct PlainPage {
    data: Vec<PlainRecord>,
    has_more: bool,
    last_id: Option<String>,
}

#[derive(Deserialize)]
struct PlainRecord {
    id: String,
}

/// Walks a list once, to its end. It asks the simulator without a network in between, which can lose nothing.
///
/// # Errors
///
/// When a page is not the API's.
pub fn walk(simulator: &Simulator, list: SimulatedList) -> anyhow::Result<WalkFound> {
    let (path, key) = match list {
        SimulatedList::AuditLogs => ("/v1/organization/audit_logs", "sk-admin-demo"),
        SimulatedList::Completions => ("/v1/chat/completions", "sk-proj-demo"),
    };
    let (mut ids, mut repeated) = (HashSet::new(), 0);
    let mut target = format!("{path}?limit=100");
    for _ in 0..PAGES_MAX {
        let reply = simulator.answer(&Request::get(&target, key));
        let page: PlainPage =
            serde_json::from_slice(&reply.body).with_context(|| format!("{target}: not a page"))?;
        repeated += page.data.into_iter().filter(|record| !ids.insert(record.id.clone())).count() as u64;
        match page.last_id {
            Some(last) if page.has_more => target = format!("{path}?limit=100&after={last}"),
            Some(_) | None => break,
        }
    }
    Ok(WalkFound { records: ids.len() as u64, repeated })
}

#[cfg(test)]
mod tests {
    use collectors::Clock;

    use super::*;
    use crate::simulator::SimulatorOptions;

    fn simulated(habits: &str) -> Simulator {
        let options = SimulatorOptions {
            audit_logs: 2000,
            completions: 500,
            habits: habits.parse().expect("habits"),
            ..SimulatorOptions::default()
        };
        Simulator::new(options, Clock::from_fn(|| 1_800_000_000)).expect("options")
    }

    #[test]
    fn it_misses_records_that_share_a_second() {
        let simulator = simulated("ties,shuffle,newest");
        for (list, issued) in [(SimulatedList::AuditLogs, 2000), (SimulatedList::Completions, 500)] {
            let found = walk(&simulator, list).expect("pages");
            assert!(found.records > issued / 2 && found.records < issued, "{list:?}: {found:?}");
        }
    }

    #[test]
    fn it_finds_everything_in_a_list_whose_cursor_drops_nothing() {
        let simulator = simulated("newest");
        let found = walk(&simulator, SimulatedList::Completions).expect("pages");
        assert_eq!(found, WalkFound { records: 500, repeated: 0 });
    }
}
