//! What redaction costs: CPU time to redact generated records, beside the time to copy their bytes.
//!
//! ```sh
//! cargo run --release --example redaction_cost
//! ```

use std::{error::Error, fs, hint::black_box, sync::Arc};

use bytes::Bytes;
use ccfd::{
    redact::{Hasher, Path, Preset, Redaction, RedactionRule, RuleAction, Rules},
    simulator::{SimulatedList, Simulator, SimulatorOptions},
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Table},
};
use collectors::Clock;

const RECORDS: u64 = 20_000;
const ROUNDS: usize = 20;
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn main() -> Result<(), Box<dyn Error>> {
    let options =
        SimulatorOptions { audit_logs: RECORDS, completions: RECORDS, ..SimulatorOptions::default() };
    let simulator = Simulator::new(options, Clock::system())?;
    let records = |list| -> Arc<[Bytes]> {
        simulator.issued(list).iter().filter_map(|(id, _)| simulator.body_of(id)).collect()
    };
    let (events, completions) = (records(SimulatedList::AuditLogs), records(SimulatedList::Completions));

    let audit: &[(RuleAction, &str)] = &[
        (RuleAction::Drop, "actor.session.user_agent"),
        (RuleAction::Mask, "actor.session.ip_address_details"),
        (RuleAction::Hash, "actor.session.user.email"),
        (RuleAction::Hash, "@other.data.email"),
    ];
    println!("{:<44} {:>12} {:>12} {:>10}", "records", "bytes each", "CPU ns each", "MB a CPU s");
    report("events, copied", &events, |raw| Some(Bytes::copy_from_slice(raw)))?;
    let nothing = redaction(&[(RuleAction::Drop, "choices")], None, &AUDIT_LOGS)?;
    report("events, a path that leads nowhere", &events, |raw| nothing.record(raw))?;
    for count in 1..=audit.len() {
        let redaction = redaction(&audit[..count], None, &AUDIT_LOGS)?;
        let (action, path) = audit[count - 1];
        report(&format!("events, and {} {path}", action.key()), &events, |raw| redaction.record(raw))?;
    }
    report("completions, copied", &completions, |raw| Some(Bytes::copy_from_slice(raw)))?;
    let redaction = redaction(&[], Some(Preset::NoContent), &CHAT_COMPLETIONS)?;
    report("completions, no-content", &completions, |raw| redaction.record(raw))
}

fn redaction(
    rules: &[(RuleAction, &str)],
    preset: Option<Preset>,
    table: &Arc<Table>,
) -> Result<Redaction, Box<dyn Error>> {
    let rule =
        |(action, path): &(RuleAction, &str)| Ok(RedactionRule { path: Path::parse(path)?, action: *action });
    let rules: Result<Vec<RedactionRule>, ccfd::redact::PathError> = rules.iter().map(rule).collect();
    let rules = Rules::new(rules?, preset, table).map_err(|covered| covered[0].to_string())?;
    Ok(Redaction::new(rules, Some(Hasher::new(&KEY.into())?)))
}

fn report(
    what: &str,
    records: &[Bytes],
    work: impl Fn(&Bytes) -> Option<Bytes>,
) -> Result<(), Box<dyn Error>> {
    let before = cpu_nanoseconds()?;
    for _ in 0..ROUNDS {
        for raw in records {
            black_box(work(black_box(raw)));
        }
    }
    let nanoseconds = (cpu_nanoseconds()? - before) as f64;
    let bytes: usize = records.iter().map(Bytes::len).sum();
    let times = (records.len() * ROUNDS) as f64;
    let (each, rate) = (nanoseconds / times, (bytes * ROUNDS) as f64 * 1e3 / nanoseconds);
    println!("{what:<44} {:>12} {each:>12.0} {rate:>10.0}", bytes / records.len());
    Ok(())
}

/// What this thread has had of a CPU. Others on the machine do not count.
fn cpu_nanoseconds() -> Result<u64, Box<dyn Error>> {
    let times = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(times.split(' ').next().ok_or("no times")?.parse()?)
}
