//! Where the daemon listens: on a port, on a Unix socket, nowhere; and when the address is in use.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::Duration,
};

use rustix::process::Signal;

use super::Daemon;
use crate::support::process::{Place, Simulated, wait_until};

const FEW: [&str; 4] = ["--audit-logs", "20", "--completions", "20"];

#[test]
fn a_unix_socket_is_for_its_owner_alone_and_the_commands_use_it() {
    let api = Simulated::start(&FEW);
    let place = Place::new(&api.base_url).with("CCFD__ADMIN__LISTEN", "unix:./admin.sock");
    // What a killed daemon leaves behind.
    drop(std::os::unix::net::UnixListener::bind(place.path("admin.sock")).unwrap());
    let daemon = Daemon::start(&place);
    let socket = place.path("admin.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        place.run_to(0, &["collectors", "poll", "acme-chat"]).stdout,
        "polling now: acme-chat/local\n"
    );
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    daemon.running.signal(Signal::TERM);
    daemon.running.wait();
    assert!(!socket.exists());
}

#[test]
fn a_taken_address_does_not_hold_up_collecting_and_is_had_once_it_is_free() {
    let api = Simulated::start(&FEW);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new(&api.base_url).with("CCFD__ADMIN__LISTEN", &address);
    let mut running = place.start(&["run"]);
    running.wait_for_log("cannot listen, trying again");
    wait_until("both tables", || place.rows() == (20, 20));
    drop(taken);
    running.wait_for_log("\"listening\"");
    assert!(place.path("state/admin.json").exists());
}

#[test]
fn without_an_admin_interface_nothing_listens() {
    let place = Place::new("http://127.0.0.1:9/v1").with("CCFD__ADMIN__LISTEN", "");
    let mut running = place.start(&["run"]);
    running.wait_for_log("trying again, nothing is lost");
    assert!(!running.stderr().contains("listening"), "{}", running.stderr());
    assert!(!place.path("state/admin.json").exists());
}

#[test]
fn a_second_address_shows_health_and_changes_nothing() {
    let place =
        Place::new("http://127.0.0.1:9/v1").with("CCFD__ADMIN__METRICS_LISTEN", "unix:./metrics.sock");
    let _daemon = Daemon::start(&place);
    wait_until("the second address", || place.path("metrics.sock").exists());
    for (request, wanted) in [
        ("GET /healthz", "HTTP/1.1 200"),
        ("GET /readyz", "HTTP/1.1 503"),
        ("GET /api/v1/status", "HTTP/1.1 404"),
        ("POST /api/v1/reload", "HTTP/1.1 404"),
    ] {
        let mut stream = UnixStream::connect(place.path("metrics.sock")).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(wanted), "{request}: {answer}");
    }
}

#[test]
fn it_is_ready_once_every_route_has_a_position_and_names_those_that_have_none() {
    let api = Simulated::start(&FEW);
    let place = Place::new("http://127.0.0.1:9/v1");
    let daemon = Daemon::start(&place);
    let (status, answer) = daemon.get("/readyz");
    assert_eq!((status, &answer["ready"]), (503, &false.into()));
    assert_eq!(answer["waiting"], serde_json::json!(["acme-audit/local", "acme-chat/local"]));
    place.replace("http://127.0.0.1:9/v1", &api.base_url);
    place.run_to(0, &["reload"]);
    wait_until("readiness", || daemon.get("/readyz").0 == 200);
}
