//! The runs and their table.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::measure::{Measured, measure};

pub const CCFD: &str = env!("CARGO_BIN_EXE_ccfd");

/// A simulator, as long as this lives.
pub struct Simulator {
    child: Child,
    pub url: String,
}

impl Simulator {
    pub fn start(events: u64, latency: &str) -> Self {
        Self::with(events, &["--completions", "0", "--latency", latency])
    }

    /// One with so many records of each list, and so many new ones of each a second.
    pub fn trickling(records: u64, live: u64) -> Self {
        Self::with(records, &["--completions", &records.to_string(), "--live", &live.to_string()])
    }

    fn with(events: u64, arguments: &[&str]) -> Self {
        let mut command = Command::new(CCFD);
        command.args(["simulate", "--listen", "127.0.0.1:0"]).args(arguments);
        command.args(["--audit-logs", &events.to_string(), "--habits", "ties,shuffle,newest,tenant-ignore"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

pub fn ccfd(dir: &Path, url: &str, sink: &str, arguments: &[&str]) -> Command {
    ccfd_of(dir, "audit_logs", url, sink, arguments)
}

/// A run with one collector of this list.
pub fn ccfd_of(dir: &Path, list: &str, url: &str, sink: &str, arguments: &[&str]) -> Command {
    let (key, own) = match list {
        "audit_logs" => ("sk-admin-bench", "tenant_walk = \"off\"\n"),
        _ => ("sk-proj-bench", ""),
    };
    let settings = format!(
        "[state]\ndir = \"state\"\n[log]\nlevel = \"warn\"\n[collector.bench]\nsource = \"{list}\"\n\
         api_key = {{ env = \"BENCH_KEY\" }}\nbase_url = \"{url}\"\nrate_limit_qps = 1000000\nstart = \"30d\"\n\
         {own}sinks = [\"out\"]\n[sink.out]\n{sink}\n"
    );
    std::fs::write(dir.join("ccfd.toml"), settings).unwrap();
    let mut command = Command::new(CCFD);
    command.current_dir(dir).env("BENCH_KEY", key).args(arguments).stdout(Stdio::null());
    command
}

/// The floor into a file, or into a receiver.
pub fn floor(dir: &Path, url: &str, receiver: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let file = dir.join("floor.bytes");
    command.args(["floor", url]).arg(receiver.map_or(file.as_path(), Path::new));
    command
}

pub fn row(name: &str, events: u64, run: Measured) {
    let rate = events as f64 / run.wall;
    let million = run.cpu * 1e6 / events as f64;
    println!(
        "{name:<28} {:>8.2} {:>8.2} {million:>12.2} {:>10.1} {rate:>12.0}",
        run.wall, run.cpu, run.peak_mib
    );
}

pub fn head(title: &str) {
    println!("\n{title}");
    println!(
        "{:<28} {:>8} {:>8} {:>12} {:>10} {:>12}",
        "", "wall s", "CPU s", "CPU s/10^6", "peak MiB", "records/s"
    );
}

pub const NDJSON: &str = "type = \"ndjson\"\ndir = \"archive\"";
pub const SQLITE: &str = "type = \"sqlite\"\npath = \"tables.db\"";

/// Everything at full speed.
pub fn throughput(events: u64) {
    let simulator = Simulator::start(events, "0s");
    head(&format!("{events} audit events from a loopback simulator, no latency"));
    let dir = tempfile::tempdir().unwrap();
    let least = measure(&mut floor(dir.path(), &simulator.url, None));
    row("floor (no parsing)", events, least);
    for (name, sink) in [("ccfd into ndjson", NDJSON), ("ccfd into sqlite", SQLITE)] {
        let dir = tempfile::tempdir().unwrap();
        let run = measure(&mut ccfd(dir.path(), &simulator.url, sink, &["run", "--once"]));
        row(name, events, run);
        println!("{:<28} {:.2} times the floor's wall", "", run.wall / least.wall);
    }
}

/// With every delivered id held: memory must not grow with it.
pub fn held(events: u64) {
    let simulator = Simulator::start(events, "0s");
    head(&format!("{events} audit events, all of them within the overlap, so that every id is held"));
    for (name, sink) in [("ccfd into ndjson", NDJSON), ("ccfd into sqlite", SQLITE)] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = ccfd(dir.path(), &simulator.url, sink, &["run", "--once"]);
        row(name, events, measure(command.env("CCFD__COLLECTOR__BENCH__OVERLAP", "8d")));
    }
}

/// With the latency of a real network.
pub fn latency(events: u64) {
    let simulator = Simulator::start(events, "50ms");
    head(&format!("{events} audit events, 50 ms latency"));
    let dir = tempfile::tempdir().unwrap();
    let least = measure(&mut floor(dir.path(), &simulator.url, None));
    row("floor (no parsing)", events, least);
    let dir = tempfile::tempdir().unwrap();
    let run = measure(&mut ccfd(dir.path(), &simulator.url, NDJSON, &["run", "--once"]));
    row("ccfd into ndjson", events, run);
    println!("{:<28} {:.1} % of the floor's speed", "", least.wall / run.wall * 100.0);
    let mut one = 0.0;
    for parallel in ["1", "8"] {
        let dir = tempfile::tempdir().unwrap();
        let arguments = ["backfill", "--collector", "bench", "--from", "8d", "--parallel", parallel];
        let run = measure(&mut ccfd(dir.path(), &simulator.url, NDJSON, &arguments));
        row(&format!("backfill --parallel {parallel}"), events, run);
        if parallel == "1" {
            one = run.wall;
        } else {
            println!("{:<28} {:.1} times one slice", "", one / run.wall);
        }
    }
}
