//! The real binary, killed while it writes to a real node: every record is there, once.

use std::{collections::BTreeSet, time::Duration};

use ccfd::simulator::{SimulatedList, SimulatorOptions};

use crate::support::{opensearch::Node, process_kill::Site};

const KILLS: u64 = 25;

#[test]
fn nothing_is_lost_or_doubled_however_often_the_process_is_killed() {
    let Some(node) = Node::shared() else { return };
    let options = SimulatorOptions {
        audit_logs: 4_000,
        completions: 2_000,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    };
    let sink = format!(
        "[sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n\
         index = {{ audit_logs = \"ccfd-kill-audit\", chat_completions = \"ccfd-kill-chat\" }}",
        node.url()
    );
    let site = Site::into(options, &["es"], &sink);
    for kill in 0..KILLS {
        site.grow(3);
        // While it starts, and ever later while it writes.
        let ended = site.start(&["run"]).kill_after(Duration::from_millis(15 + 37 * kill));
        ended.assert_nothing_for_a_person();
    }
    site.read_the_rest();
    for (list, index) in
        [(SimulatedList::AuditLogs, "ccfd-kill-audit"), (SimulatedList::Completions, "ccfd-kill-chat")]
    {
        let issued: BTreeSet<String> = site.simulator.issued(list).into_iter().map(|(id, _)| id).collect();
        assert_eq!(node.count(index), issued.len() as u64, "{index}");
        let found = node.documents(index).into_iter().map(|found| found["_id"].as_str().unwrap().to_owned());
        assert_eq!(found.collect::<BTreeSet<_>>(), issued, "{index}");
    }
}
