//! `ccfd top`: the routes of a running daemon, live.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::process::{Place, Running, Simulated, wait_until};

fn live(place: &Place) -> Running {
    let daemon = place.start(&["run"]);
    wait_until("both routes", || {
        let routes = place.status()["routes"].as_array().cloned().unwrap_or_default();
        routes.len() == 2 && routes.iter().all(|route| route["state"] == "live")
    });
    daemon
}

#[test]
fn a_single_frame_shows_true_rates() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20", "--live", "20"]);
    let place = Place::new(&api.base_url).with("COLUMNS", "200");
    let daemon = live(&place);
    let frame = place.run_to(0, &["top", "--interval", "2s"]).stdout;
    let head = frame.lines().next().unwrap();
    assert!(head.starts_with(&format!("process {}, up ", daemon.id())), "{frame}");
    assert!(head.contains("2 routes") && head.contains("requests/s"), "{frame}");
    let cells = |name: &str| -> Vec<String> {
        let line = frame.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no line {name}: {frame}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    let heads = cells("ROUTE");
    let row = cells("acme-audit/local");
    assert_eq!(heads[..4], ["ROUTE", "SOURCE", "STATE", "RECORDS/S"]);
    let rate: f64 = row[3].parse().unwrap();
    assert!((0.5..=120.0).contains(&rate), "{frame}");
}

#[test]
fn a_parked_route_is_seen_and_why() {
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20"]);
    let place = Place::new(&api.base_url).without("OPENAI_ADMIN_KEY");
    let _daemon = place.start(&["run"]);
    wait_until("the parked route", || place.status()["routes"][0]["state"] == "parked");
    let reason = place.status()["routes"][0]["error"]["reason"].as_str().unwrap().to_owned();
    let frame = place.run_to(0, &["top", "--once", "--interval", "200ms"]).stdout;
    let line = frame.lines().find(|line| line.starts_with("acme-audit/local")).unwrap();
    assert!(line.contains("parked") && line.ends_with(&reason), "{frame}");
    let ended = place.run_to(2, &["top", "--interval", "1ms"]);
    assert!(ended.stderr.contains("200ms to 1h"), "{}", ended.stderr);
}

/// Needs `script` for a terminal; without it this is left out.
#[test]
fn a_terminal_gets_frame_after_frame_and_its_cursor_back() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("left out: no `script` here");
        return;
    }
    let api = Simulated::start(&["--audit-logs", "20", "--completions", "20", "--live", "20"]);
    for stopped in [false, true] {
        let place = Place::new(&api.base_url);
        let daemon = live(&place);
        let line = format!("stty cols 60 rows 10; exec {} top --interval 300ms", env!("CARGO_BIN_EXE_ccfd"));
        let mut command = place.command(&[]);
        let (dir, vars) =
            (place.path("."), command.get_envs().map(|(k, v)| (k.to_owned(), v.unwrap().to_owned())));
        let vars: Vec<_> = vars.collect();
        command = Command::new("script");
        command
            .args(["-qfec", &line, "/dev/null"])
            .current_dir(dir)
            .envs(vars)
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        let screen = Running::start(command);
        wait_until("some frames", || screen.stdout().matches("RECORDS/S").count() >= 3);
        if stopped {
            daemon.signal(Signal::TERM);
        } else {
            // It is the only child.
            let children = format!("/proc/{0}/task/{0}/children", screen.id());
            let child: i32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
            rustix::process::kill_process(rustix::process::Pid::from_raw(child).unwrap(), Signal::INT)
                .unwrap();
        }
        let ended = screen.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let (hidden, shown) =
            (ended.stdout.rfind("\u{1b}[?25l").unwrap(), ended.stdout.rfind("\u{1b}[?25h").unwrap());
        assert!(hidden < shown, "the cursor is back");
        assert_eq!(ended.stdout.contains("has stopped"), stopped, "{}", ended.stdout);
        let plain = console_text(&ended.stdout);
        assert!(plain.lines().all(|line| line.chars().count() <= 60), "{plain}");
        assert!(plain.contains("acme-audit/local") && !plain.contains("DEDUP IDS"), "{plain}");
    }
}

/// Without the orders to the terminal.
fn console_text(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic()).map_or(piece.len(), |at| at + 1);
        plain += "\n";
        plain += &piece[end..];
    }
    plain
}
