//! What judging records costs, beside writing them to files.

use crate::{
    measure::measure,
    runs::{NDJSON, ccfd, head, row},
    source::{Shape, Source},
};

/// Every built-in rule, also the one that needs a list.
const DETECT: &str = "type = \"detect\"\nplaceholders = { OwnDomains = [\"@example.com\"] }";

/// Ordinary and hostile events into files of lines, then through the built-in rules.
pub fn detect() {
    for shape in Shape::JUDGED {
        head(&format!("{} audit events, {}", shape.records(), shape.name()));
        let mut least = None;
        for (name, sink) in [("ccfd into ndjson", NDJSON), ("ccfd into detect", DETECT)] {
            let source = Source::start(shape);
            let dir = tempfile::tempdir().unwrap();
            let run = measure(&mut ccfd(dir.path(), &source.url, sink, &["run", "--once"]));
            let cpu = run.cpu * 1e6 / shape.records() as f64;
            row(name, shape.records(), run);
            let before = *least.get_or_insert(cpu);
            if cpu != before {
                let database =
                    std::fs::metadata(dir.path().join("state/detect.db")).map_or(0, |file| file.len());
                let mib = database as f64 / f64::from(1 << 20);
                println!("{:<28} {:.2} CPU s a million more; detect.db {mib:.1} MiB", "", cpu - before);
            }
        }
    }
}
