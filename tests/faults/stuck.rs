//! Readers that do not read and disks that do not answer: only those that wait for them are delayed, and the
//! process still ends.

use std::{
    fs::File,
    io::{PipeReader, PipeWriter, Read as _, Write as _, pipe},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::process::{Place, Running, Simulated, wait_until};

/// What a pipe takes before its writer has to wait.
const PIPE_BYTES: usize = 64 << 10;
/// More records than fit into a pipe.
const MANY: [&str; 4] = ["--audit-logs", "400", "--completions", "40"];
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A pipe that nobody reads, with no room left.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&vec![b'\n'; PIPE_BYTES]).unwrap();
    (reader, writer)
}

/// Audit logs go to standard output, completions into tables.
fn divided(api: &Simulated) -> Place {
    let place = Place::new(&api.base_url);
    place.replace("[pipeline]", "[pipeline]\nstop_timeout = \"1s\"");
    place.replace("source = \"audit_logs\"", "source = \"audit_logs\"\nsinks = [\"out\"]");
    place.write("ccfd.toml", &(place.config() + "\n[sink.out]\ntype = \"ndjson\"\ndir = \"-\"\n"));
    place
}

/// Waits for the end, and answers how long it took; until then the lock of the state directory is not free.
fn time_to_end(place: &Place, running: &mut Running) -> Duration {
    let begun = Instant::now();
    let lock = File::open(place.path("state/holder.json")).unwrap();
    while !running.has_ended() {
        if lock.try_lock().is_ok() {
            // Given back by the end of the process, which is seen a moment later.
            thread::sleep(Duration::from_millis(100));
            assert!(running.has_ended(), "the lock was free before the process had ended");
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not end: {}", running.stderr());
        thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

#[test]
fn one_signal_ends_a_daemon_that_waits_for_a_reader_and_the_lock_goes_last() {
    let api = Simulated::start(&MANY);
    let place = divided(&api);
    let (_reader, writer) = full_pipe();
    let mut running = Running::start_into(place.command(&["run"]), Some(writer.into()), None);
    running.wait_for_log("\"delivered\"");
    running.signal(Signal::TERM);
    let took = time_to_end(&place, &mut running);
    assert!(took < STOP_TIMEOUT + Duration::from_secs(5), "{took:?}");
    assert!(running.stderr().contains("still busy, cut off"), "{}", running.stderr());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let api = Simulated::start(&MANY);
    let place = divided(&api);
    place.replace("stop_timeout = \"1s\"", "stop_timeout = \"10m\"");
    let (_reader, writer) = full_pipe();
    let mut running = Running::start_into(place.command(&["run"]), Some(writer.into()), None);
    running.wait_for_log("\"delivered\"");
    running.signal(Signal::TERM);
    running.wait_for_log("\"stopping\"");
    running.signal(Signal::INT);
    let took = time_to_end(&place, &mut running);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let ended = running.wait();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("second stop signal: forcing exit"), "{}", ended.stderr);
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let api = Simulated::start(&MANY);
    let place = Place::new(&api.base_url);
    place.replace("[pipeline]", "[pipeline]\nstop_timeout = \"1s\"");
    let (mut reader, writer) = full_pipe();
    let mut running = Running::start_into(place.command(&["run"]), None, Some(writer.into()));
    wait_until("all records", || place.rows() == (400, 40));
    running.signal(Signal::TERM);
    let took = time_to_end(&place, &mut running);
    assert!(took < STOP_TIMEOUT + Duration::from_secs(5), "{took:?}");
    assert_eq!(running.wait().code, Some(0));
    let mut log = Vec::new();
    reader.read_to_end(&mut log).unwrap();
    assert!(log.iter().all(|byte| *byte == b'\n'), "there was no room for a line");
}

#[test]
fn a_log_that_is_read_again_continues_with_its_lines() {
    let api = Simulated::start(&MANY);
    let place = Place::new(&api.base_url).with("RUST_LOG", "trace");
    let (mut reader, writer) = full_pipe();
    let mut command = place.command(&["run"]);
    // So that more is said than can wait.
    command.env("CCFD__DEFAULT__COLLECTOR__POLL_INTERVAL", "50ms");
    let running = Running::start_into(command, None, Some(writer.into()));
    wait_until("all records", || place.rows() == (400, 40));
    let reading = thread::spawn(move || {
        let mut log = String::new();
        _ = reader.read_to_string(&mut log);
        log
    });
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
    let log = reading.join().unwrap();
    assert!(log.contains("\"started\"") && log.contains("\"stopped\""), "{log}");
    assert!(log.lines().filter(|line| !line.is_empty()).all(|line| line.ends_with('}')), "lines are whole");
}

#[test]
fn twenty_routes_into_a_sink_that_hangs_delay_no_other_one() {
    let api = Simulated::start(&["--audit-logs", "400", "--completions", "60", "--live", "5"]);
    let place = divided(&api);
    let more: String = (0..20)
        .map(|number| {
            format!(
                "[collector.more-{number}]\nsource = \"audit_logs\"\napi_key = {{ env = \"OPENAI_ADMIN_KEY\" }}\n\
                 sinks = [\"out\"]\n"
            )
        })
        .collect();
    place.write("ccfd.toml", &(place.config() + "\n" + &more));
    let (_reader, writer) = full_pipe();
    let mut running = Running::start_into(place.command(&["run"]), Some(writer.into()), None);
    wait_until("the others to be read", || place.rows().1 >= 60);
    // By now all of the twenty wait for the reader.
    wait_until("all to be busy", || {
        let status = status(&place);
        let routes = status["routes"].as_array().cloned().unwrap_or_default();
        routes.len() == 22 && routes.iter().all(|route| route["requests"].as_u64() > Some(1))
    });
    let (rows, written) = (place.rows().1, status(&place)["written"].as_i64());
    wait_until("more of the others", || place.rows().1 > rows + 10);
    wait_until("a later status", || status(&place)["written"].as_i64() > written);
    running.signal(Signal::TERM);
    assert!(time_to_end(&place, &mut running) < STOP_TIMEOUT + Duration::from_secs(5));
}

fn status(place: &Place) -> serde_json::Value {
    let text = std::fs::read(place.path("state/status.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

#[test]
fn a_reader_that_has_gone_ends_its_route_for_good_and_no_other() {
    let api = Simulated::start(&["--audit-logs", "40", "--completions", "40", "--live", "5"]);
    let place = divided(&api);
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut running = Running::start_into(place.command(&["run"]), Some(writer.into()), None);
    running.wait_for_log("the route has ended");
    let rows = place.rows().1;
    wait_until("more of the others", || place.rows().1 > rows + 5);
    wait_until("its status", || {
        let status = status(&place);
        let route = &status["routes"][0];
        route["route"] == "acme-audit/out"
            && route["state"] == "stopped"
            && route["error"]["reason"] == "closed"
    });
    running.signal(Signal::TERM);
    let ended = running.wait();
    assert_eq!(ended.stderr.matches("the route has ended").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("closed by its reader"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("check the disk"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_has_gone_ends_a_run_and_a_daemon_without_another_route_with_1() {
    let api = Simulated::start(&["--audit-logs", "40", "--completions", "0"]);
    for arguments in [["run", "--once"].as_slice(), ["run"].as_slice()] {
        let place = divided(&api);
        place.replace("[sink.out]", "[sink.unused]\ntype = \"ndjson\"\ndir = \"unused\"\n[sink.out]");
        let text = place.config();
        let (before, rest) = text.split_once("[collector.acme-chat]").unwrap();
        let (_, behind) = rest.split_once("[sink.local]").unwrap();
        place.write("ccfd.toml", &format!("{before}[sink.local]{behind}"));
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let ended = Running::start_into(place.command(arguments), Some(writer.into()), None).wait();
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("closed by its reader"), "{}", ended.stderr);
    }
}
