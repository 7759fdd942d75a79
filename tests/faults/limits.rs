//! Resource limits of a process, and a process that is suspended: logged, waited out, and survived.

use std::{process::Command, thread, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::support::process::{Place, Running, Simulated, wait_until};

/// `ulimit -f` counts in blocks of 512 bytes: 256 KiB.
const BLOCKS: &str = "512";

/// The command, under a limit that a shell sets.
fn limited(place: &Place, limit: &str, arguments: &[&str]) -> Command {
    let inner = place.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]).arg(inner.get_program());
    command.args(inner.get_args()).env_clear().current_dir(place.path(""));
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn a_file_that_may_not_grow_parks_its_route_and_kills_nobody() {
    let api = Simulated::start(&["--audit-logs", "2000", "--completions", "0", "--live", "20"]);
    let ndjson = "type = \"ndjson\"\ndir = \"./lines\"";
    for sink in ["type = \"sqlite\"\npath = \"./tables.db\"", ndjson] {
        let place = Place::new(&api.base_url);
        place.replace("type = \"sqlite\"\npath = \"./tables.db\"", sink);
        // The store's own file is made with more than this at once.
        place.run_to(0, &["check"]);
        let mut running = Running::start(limited(&place, &format!("-f {BLOCKS}"), &["run"]));
        running.wait_for_log("\"parked\"");
        let said = running.stderr();
        assert!(said.contains("raise the limit on the size of files"), "{said}");
        running.signal(Signal::TERM);
        assert_eq!(running.wait().code, Some(0));
    }
}

#[test]
fn threads_that_cannot_be_had_are_said_and_are_no_panic() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "0"]);
    // No stack of this size can be had.
    let place = Place::new(&api.base_url).with("RUST_MIN_STACK", "140000000000000");
    let ended = place.run_to(1, &["run"]);
    assert!(ended.stderr.contains("cannot start 16 threads, raise the limit"), "{}", ended.stderr);
}

#[test]
fn descriptors_that_cannot_be_had_are_waited_for() {
    let api = Simulated::start(&["--audit-logs", "50", "--completions", "30", "--live", "10"]);
    let place = Place::new(&api.base_url);
    let mut running = place.start(&["run"]);
    wait_until("the first records", || place.rows() >= (50, 30));
    let descriptors = |limit| {
        let pid = Pid::from_raw(running.id().cast_signed());
        prlimit(pid, Resource::Nofile, Rlimit { current: Some(limit), maximum: Some(4096) }).unwrap();
    };
    descriptors(3);
    running.wait_for_log("Too many open files");
    let pid = Pid::from_raw(running.id().cast_signed());
    let rlimit = Rlimit { current: Some(1024), maximum: Some(4096) };
    prlimit(pid, Resource::Nofile, rlimit).unwrap();
    let rows = place.rows();
    wait_until("more records", || {
        let now = place.rows();
        now.0 > rows.0 + 10 && now.1 > rows.1
    });
    running.signal(Signal::TERM);
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_sink_or_a_store_that_can_open_no_file_says_that_the_limit_is_too_low() {
    let api = Simulated::start(&["--audit-logs", "50", "--completions", "30", "--live", "10"]);
    for sink in ["type = \"sqlite\"\npath = \"./tables.db\"", "type = \"ndjson\"\ndir = \"./lines\""] {
        let place = Place::new(&api.base_url);
        place.replace("type = \"sqlite\"\npath = \"./tables.db\"", sink);
        let mut running = place.start(&["run"]);
        running.wait_for_log("\"delivered\"");
        // What is open stays so, and the sink must open its file once more.
        let pid = Pid::from_raw(running.id().cast_signed());
        let descriptors = |limit| {
            prlimit(pid, Resource::Nofile, Rlimit { current: Some(limit), maximum: Some(4096) }).unwrap();
        };
        descriptors(3);
        for name in ["tables.db", "lines"] {
            _ = std::fs::rename(place.path(name), place.path("moved"));
        }
        wait_until("the advice", || {
            let status = std::fs::read_to_string(place.path("state/status.json")).unwrap_or_default();
            running.stderr().contains("LimitNOFILE") || status.contains("LimitNOFILE")
        });
        let said = running.stderr();
        assert!(!said.contains("unable to open database file"), "{said}");
        descriptors(1024);
        running.signal(Signal::TERM);
        assert_eq!(running.wait().code, Some(0));
    }
}

#[test]
fn a_process_that_stood_still_for_longer_than_its_timeouts_continues() {
    let api = Simulated::start(&[
        "--audit-logs",
        "300",
        "--completions",
        "100",
        "--live",
        "20",
        "--latency",
        "5ms",
    ]);
    let place = Place::new(&api.base_url);
    place.replace("[default.collector]", "[default.collector]\ntimeout = \"1s\"\nconnect_timeout = \"1s\"");
    let running = place.start(&["run"]);
    wait_until("some records", || place.rows().0 > 0);
    for _ in 0..2 {
        running.signal(Signal::STOP);
        // Real time is what this is about.
        thread::sleep(Duration::from_millis(1500));
        running.signal(Signal::CONT);
        let rows = place.rows();
        wait_until("more records", || place.rows().0 > rows.0 + 20);
    }
    wait_until("all that there was", || place.rows() >= (300, 100));
    running.signal(Signal::TERM);
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("\"ERROR\""), "{}", ended.stderr);
    assert_eq!(place.number("SELECT count(*) - count(DISTINCT Id) FROM OpenAIAuditLogs_CL"), 0);
}
