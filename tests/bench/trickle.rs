//! What is written to disk while few records come: two a second, after a history of 7,000. Bytes as the kernel counts them,
//! of the whole process: the database, its log, the state, `status.json`.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    idle::wait_until_live,
    runs::{NDJSON, SQLITE, Simulator},
};

/// Of each list.
const HISTORY: u64 = 3_500;
const LIVE_PER_SECOND: u64 = 1;
/// Several polls, and several times that the log is copied back.
const WINDOW: Duration = Duration::from_secs(180);
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// At the usual interval between polls; each poll more is a batch more, of whole pages.
const WRITTEN_MIB_MAX: f64 = 3.0;
const LOG_MIB_MAX: f64 = 8.0;

/// The files are for comparison: with them, what is written is hardly more than the state.
pub fn trickle() {
    println!("\n{HISTORY} records of each list, then {LIVE_PER_SECOND} a second of each");
    println!("{:<28} {:>8} {:>14} {:>12} {:>12}", "", "poll", "MiB a minute", "-wal MiB", "database MiB");
    for (poll, written_max) in [("60s", WRITTEN_MIB_MAX), ("5s", f64::INFINITY)] {
        for (name, sink) in [("ccfd into ndjson", NDJSON), ("ccfd into sqlite", SQLITE)] {
            let simulator = Simulator::trickling(HISTORY, LIVE_PER_SECOND);
            let dir = tempfile::tempdir().unwrap();
            let mut daemon = start(dir.path(), &simulator.url, sink, poll);
            wait_until_live(dir.path(), &mut daemon);
            let mib =
                |name: &str| fs::metadata(dir.path().join(name)).map_or(0.0, |file| file.len() as f64 / MIB);
            let (before, begun) = (written_mib(daemon.id()), Instant::now());
            let mut log: f64 = 0.0;
            while begun.elapsed() < WINDOW {
                log = log.max(mib("tables.db-wal"));
                thread::sleep(LOOK_INTERVAL);
            }
            let minutes = begun.elapsed().as_secs_f64() / 60.0;
            let written = (written_mib(daemon.id()) - before) / minutes;
            println!("{name:<28} {poll:>8} {written:>14.2} {log:>12.2} {:>12.1}", mib("tables.db"));
            kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
            assert!(daemon.wait().unwrap().success());
            assert!(written <= written_max && log <= LOG_MIB_MAX, "more is written than is promised");
        }
    }
}

fn written_mib(pid: u32) -> f64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.unwrap().parse::<f64>().unwrap() / MIB
}

const MIB: f64 = (1 << 20) as f64;

fn start(dir: &Path, url: &str, sink: &str, poll: &str) -> Child {
    let settings = format!(
        "[state]\ndir = \"state\"\n[log]\nlevel = \"warn\"\n[default.collector]\nbase_url = \"{url}\"\n\
         rate_limit_qps = 1000\nstart = \"30d\"\npoll_interval = \"{poll}\"\nsinks = [\"out\"]\n\
         [collector.audit]\nsource = \"audit_logs\"\napi_key = {{ env = \"ADMIN_KEY\" }}\ntenant_walk = \"off\"\n\
         [collector.chat]\nsource = \"chat_completions\"\napi_key = {{ env = \"PROJECT_KEY\" }}\n[sink.out]\n{sink}\n"
    );
    fs::write(dir.join("ccfd.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccfd"));
    command.env("ADMIN_KEY", "sk-admin-bench").env("PROJECT_KEY", "sk-proj-bench");
    command.current_dir(dir).arg("run").stdout(Stdio::null()).spawn().unwrap()
}
