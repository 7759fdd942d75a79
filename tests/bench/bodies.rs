//! A small footprint under odd conditions: bodies of other shapes than the simulator's, and a receiver that is slower than
//! the source.

use std::time::Duration;

use crate::{
    measure::measure,
    receiver::Receiver,
    runs::{NDJSON, Simulator, ccfd, ccfd_of, head, row},
    source::{Shape, Source},
};

/// How long a slow receiver keeps each request: far longer than what is in it takes to be read.
const KEPT: Duration = Duration::from_millis(400);

/// Each shape into files of lines.
pub fn bodies() {
    head("bodies of other shapes into ndjson");
    for shape in Shape::BODIES {
        let source = Source::start(shape);
        let dir = tempfile::tempdir().unwrap();
        let mut command = ccfd_of(dir.path(), shape.list(), &source.url, NDJSON, &["run", "--once"]);
        let run = measure(&mut command);
        row(&format!("{} {}", shape.records(), shape.name()), shape.records(), run);
    }
}

/// The source waits for the receiver: what is read must not pile up.
pub fn slow_receiver(events: u64) {
    let simulator = Simulator::start(events, "0s");
    head(&format!("{events} audit events into a receiver that keeps each request {} ms", KEPT.as_millis()));
    for (name, gzip) in [("ccfd into _bulk, no gzip", false), ("ccfd into _bulk, gzip", true)] {
        let receiver = Receiver::slow(KEPT);
        let dir = tempfile::tempdir().unwrap();
        let sink = format!("type = \"elasticsearch\"\nurls = [\"{}\"]\ngzip = {gzip}\n", receiver.url);
        let run = measure(&mut ccfd(dir.path(), &simulator.url, &sink, &["run", "--once"]));
        let received = receiver.end();
        row(name, events, run);
        println!("{:<28} {} calls, {:.2} MiB each", "", received.calls, received.mib / received.calls as f64);
    }
}
