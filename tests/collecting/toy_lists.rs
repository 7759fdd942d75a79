//! Lists that the code has never heard of: a value is all that a list takes to be read completely.

use std::{borrow::Cow, time::Duration};

use ccfd::simulator::SimulatedList as Simulated;
use collectors::{FilterField, List, Paging, TimeField};

use crate::support::rig::{Rig, options};

/// One list holds all audit events.
const HABITS: &str = "ties,shuffle,late,tenant-ignore";

/// Audit events under other names, behind a server that knows the names of the simulator.
fn toys() -> List {
    List {
        name: "toys",
        path: "/toys",
        scope: "toys.read",
        time: TimeField::EffectiveAt,
        paging: Paging::ByTime { from: "since", to: "until" },
        kind: FilterField { member: "type", parameter: "kind", is_listed: None },
        filters: vec![(Cow::Borrowed("colour"), "any".to_owned())],
        kept_for: None,
    }
}

/// Completions under other names.
fn chats() -> List {
    List {
        name: "chats",
        path: "/chats",
        scope: "chats.read",
        time: TimeField::Created,
        paging: Paging::ByAnchor { order: "sort" },
        kind: FilterField { member: "model", parameter: "model", is_listed: None },
        filters: Vec::new(),
        kept_for: Some(Duration::from_secs(86_400)),
    }
}

async fn is_read_completely(
    simulated: Simulated,
    list: List,
    names: &'static [(&'static str, &'static str)],
) {
    let options = options(simulated, 3_000, HABITS, 11);
    let mut rig = Rig::new(simulated, options, 0);
    rig.source = list.into();
    rig.tamper(move |url| Ok(names.iter().fold(url.to_owned(), |url, (toy, real)| url.replace(toy, real))));
    let mut reader = rig.reader().await;
    rig.run_for(&mut reader, Duration::from_secs(3_600)).await;
    rig.assert_conserved(simulated);
}

#[tokio::test(start_paused = true)]
async fn a_list_with_a_time_filter_is_a_value() {
    let names = &[
        ("/toys?", "/organization/audit_logs?"),
        ("since=", "effective_at%5Bgte%5D="),
        ("until=", "effective_at%5Blte%5D="),
        ("kind=", "event_types%5B%5D="),
        ("&colour=any", ""),
    ];
    is_read_completely(Simulated::AuditLogs, toys(), names).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_read_from_anchors_is_a_value() {
    let names = &[("/chats?", "/chat/completions?"), ("sort=", "order=")];
    is_read_completely(Simulated::Completions, chats(), names).await;
}
