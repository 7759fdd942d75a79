//! `cargo bench --bench catch_up`: what a catch-up costs, beside a floor that makes the same requests and parses nothing.
//!
//! Every measured run is a process of its own, so that CPU seconds and peak memory are its own. The simulator is another one.
//! `cargo bench --bench catch_up -- --events 100000` for a shorter run; `-- throughput`, `-- sinks`, `-- held`, `-- detect`, `-- latency`,
//! `-- bodies` or `-- slow_receiver` for one part. `-- opensearch` wants Java and Maven, `-- peers` Python and a
//! package of 200 MB, and `-- idle` and `-- trickle` take minutes: each runs only when it is asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bodies;
mod detect;
mod floor;
mod idle;
mod judged;
mod measure;
mod node;
mod peers;
mod receiver;
mod runs;
mod sinks;
mod source;
mod support;
mod trickle;
mod verify;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    if arguments.first().is_some_and(|first| first == "floor") {
        return floor::run(&arguments[1], &arguments[2]);
    }
    if arguments.first().is_some_and(|first| first == "receiver") {
        return receiver::run(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == "source") {
        return source::run(&arguments[1]);
    }
    let events: u64 = value("--events").map_or(500_000, |count| count.parse().expect("--events N"));
    let only = |part: &str| arguments.iter().any(|argument| argument == part);
    let parts = [
        "throughput",
        "sinks",
        "opensearch",
        "peers",
        "held",
        "detect",
        "latency",
        "bodies",
        "slow_receiver",
        "idle",
        "verify",
        "trickle",
    ];
    let all = !parts.into_iter().any(only);
    if all || only("throughput") {
        runs::throughput(events);
    }
    if all || only("sinks") {
        sinks::remote(events);
    }
    if only("opensearch") {
        node::opensearch(value("--events").map_or(100_000, |_| events));
    }
    if only("peers") {
        peers::peers(events);
    }
    if all || only("held") {
        runs::held(100_000);
    }
    if all || only("detect") {
        detect::detect();
    }
    if all || only("latency") {
        runs::latency(20_000);
    }
    if all || only("bodies") {
        bodies::bodies();
    }
    if all || only("slow_receiver") {
        bodies::slow_receiver(100_000);
    }
    if only("trickle") {
        trickle::trickle();
    }
    if only("verify") {
        verify::verify(value("--events").map_or(1_000_000, |_| events));
    }
    if only("idle") {
        idle::idle(value("--collectors").map_or(1000, |count| count.parse().expect("--collectors N")));
    }
}
