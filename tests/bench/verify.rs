//! What a verification costs: beside reading the same window without keeping anything of it.

use crate::{
    measure::measure,
    runs::{NDJSON, Simulator, ccfd, head, row},
};

const SQLITE: &str = "type = \"sqlite\"\npath = \"tables.db\"";
const NOTHING: &str = "type = \"ndjson\"\ndir = \"-\"";
const WINDOW: [&str; 4] = ["--from", "8d", "--to", "2h"];

/// A window in which everything agrees.
pub fn verify(events: u64) {
    let simulator = Simulator::start(events, "0s");
    head(&format!("{events} audit events, verified from a loopback simulator, no latency"));
    let dir = tempfile::tempdir().unwrap();
    let backfill = [&["backfill", "--collector", "bench"][..], &WINDOW].concat();
    let alone = measure(&mut ccfd(dir.path(), &simulator.url, NOTHING, &backfill));
    row("source alone", events, alone);
    for (name, sink) in [("verify of sqlite", SQLITE), ("verify of ndjson", NDJSON)] {
        let dir = tempfile::tempdir().unwrap();
        measure(&mut ccfd(dir.path(), &simulator.url, sink, &["run", "--once"]));
        let verify = [&["verify", "bench"][..], &WINDOW].concat();
        let run = measure(&mut ccfd(dir.path(), &simulator.url, sink, &verify));
        row(name, events, run);
        println!("{:<28} {:.2} times the source alone", "", run.wall / alone.wall);
    }
}
