//! The cost of many idle collectors: each polls a simulator on loopback every minute.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{runs::Simulator, support::observed::Observed};

/// How long the start may take: every route asks, reads the list once and commits.
const START_MAX: Duration = Duration::from_secs(300);
/// Two polls of each collector.
const WINDOW: Duration = Duration::from_secs(120);
/// Few, so that what is measured is the waiting.
const EVENTS: u64 = 100;

pub fn idle(collectors: usize) {
    let simulator = Simulator::start(EVENTS, "0s");
    println!("\n{collectors} collectors that poll every 60 s and find nothing new");
    println!(
        "{:<28} {:>8} {:>14} {:>12} {:>10} {:>12}",
        "", "start s", "% of one core", "idle MiB", "peak MiB", "descriptors"
    );
    for (name, keys) in [("one key for all", 1), ("a key for each", collectors)] {
        let dir = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let mut daemon = start(dir.path(), &simulator.url, collectors, keys);
        wait_until_live(dir.path(), &mut daemon);
        let start = began.elapsed().as_secs_f64();
        let process = Observed::of(daemon.id());
        let before = process.cpu_seconds();
        thread::sleep(WINDOW);
        let share = (process.cpu_seconds() - before) / WINDOW.as_secs_f64() * 100.0;
        let (resident, peak) = (process.mib("VmRSS"), process.mib("VmHWM"));
        let descriptors = process.descriptors();
        println!("{name:<28} {start:>8.1} {share:>14.2} {resident:>12.1} {peak:>10.1} {descriptors:>12}");
        kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
        assert!(daemon.wait().unwrap().success());
    }
}

fn start(dir: &Path, url: &str, collectors: usize, keys: usize) -> Child {
    let mut settings = format!(
        "[state]\ndir = \"state\"\n[log]\nlevel = \"warn\"\n[default.collector]\nbase_url = \"{url}\"\n\
         rate_limit_qps = 1000\nsinks = [\"out\"]\n[sink.out]\ntype = \"sqlite\"\npath = \"tables.db\"\n"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccfd"));
    for number in 0..collectors {
        let key = number % keys;
        _ = writeln!(
            settings,
            "[collector.c{number}]\nsource = \"audit_logs\"\napi_key = {{ env = \"KEY_{key}\" }}"
        );
        command.env(format!("KEY_{key}"), format!("sk-admin-bench-{key}"));
    }
    fs::write(dir.join("ccfd.toml"), settings).unwrap();
    command.current_dir(dir).arg("run").stdout(Stdio::null()).spawn().unwrap()
}

pub fn wait_until_live(dir: &Path, daemon: &mut Child) {
    let deadline = Instant::now() + START_MAX;
    loop {
        assert!(Instant::now() < deadline, "not every route is live after {START_MAX:?}");
        assert!(daemon.try_wait().unwrap().is_none(), "ccfd ended");
        let text = fs::read(dir.join("state/status.json")).unwrap_or_default();
        let status: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        let routes = status["routes"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !routes.is_empty() && routes.iter().all(|route| route["state"] == "live") {
            return;
        }
        thread::sleep(Duration::from_secs(1));
    }
}
