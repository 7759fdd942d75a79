use std::{
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::process::{Place, Simulated};

/// How long a message is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// systemd's end of the socket.
struct Manager {
    socket: UnixDatagram,
    dir: TempDir,
}

impl Manager {
    fn listen() -> Self {
        let dir = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, dir }
    }

    fn place(&self, base_url: &str) -> Place {
        Place::new(base_url).with("NOTIFY_SOCKET", self.dir.path().join("notify").to_str().unwrap())
    }

    /// The assignments that arrive, up to the first that begins with `wanted`.
    fn until(&self, wanted: &str) -> Vec<String> {
        let (mut seen, mut bytes) = (Vec::new(), [0; 4096]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "waited in vain for {wanted}: {seen:?}");
            let length = self.socket.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: {seen:?}"));
            let message = std::str::from_utf8(&bytes[..length]).unwrap();
            seen.extend(message.lines().map(str::to_owned));
            if seen.iter().any(|line| line.starts_with(wanted)) {
                return seen;
            }
        }
    }
}

#[test]
fn systemd_hears_that_the_daemon_is_ready_what_its_routes_do_and_that_it_stops() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let manager = Manager::listen();
    let place = manager.place(&api.base_url);
    let daemon = place.start(&["run"]);
    let mut seen = manager.until("READY=1");
    // The status is said when it changes: it may have come together with the first message, and then not again.
    if !seen.iter().any(|line| line.starts_with("STATUS=2 routes: ")) {
        seen.extend(manager.until("STATUS=2 routes: "));
    }
    assert!(!seen.iter().any(|line| line.starts_with("STOPPING")), "{seen:?}");
    daemon.signal(Signal::TERM);
    let seen = manager.until("STOPPING=1");
    assert!(!seen.iter().any(|line| line.starts_with("WATCHDOG")), "no watchdog was asked for: {seen:?}");
    assert_eq!(daemon.wait().code, Some(0));
}

#[test]
fn the_watchdog_hears_from_the_daemon_again_and_again() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let manager = Manager::listen();
    let place = manager.place(&api.base_url).with("WATCHDOG_USEC", "400000");
    let _daemon = place.start(&["run"]);
    for _ in 0..4 {
        manager.until("WATCHDOG=1");
    }
}

#[test]
fn a_daemon_whose_store_is_in_use_never_says_that_it_is_ready() {
    let api = Simulated::start(&["--latency", "1h"]);
    let manager = Manager::listen();
    let place = manager.place(&api.base_url);
    let mut first = place.start(&["run"]);
    first.wait_for_log("started");
    manager.until("READY=1");
    place.run_to(2, &["run"]);
    manager.socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 4096];
    while let Ok(length) = manager.socket.recv(&mut bytes) {
        assert!(!bytes[..length].starts_with(b"READY"), "said by the second one");
    }
}

#[test]
fn a_daemon_runs_on_when_the_service_manager_is_gone() {
    let api = Simulated::start(&["--audit-logs", "10", "--completions", "10"]);
    let place = Place::new(&api.base_url).with("NOTIFY_SOCKET", "/nowhere/notify").with("WATCHDOG_USEC", "1");
    place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows(), (10, 10));
}
