use rustix::process::Signal;

use crate::support::process::{Place, wait_until};

#[test]
fn a_demo_counts_every_record_and_leaves_commands_that_work() {
    let place = Place::bare().without("OPENAI_API_KEY").without("OPENAI_ADMIN_KEY");
    let ended = place.run_to(0, &["demo", "--dir", "a demo", "--for", "1s"]);
    let command = |what: &str| {
        let line = ended.stdout.lines().find(|line| line.contains(what));
        line.unwrap_or_else(|| panic!("no command {what}: {}", ended.stdout)).trim().to_owned()
    };
    let shell = |line: &str| {
        let out = std::process::Command::new("/bin/sh").args(["-c", line]).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let (code, rows) = shell(&command(" query "));
    assert!(code == Some(0) && rows.contains("login.succeeded"), "{rows}");
    let (code, status) = shell(&command(" status"));
    assert!(code == Some(0) && status.contains("demo-audit/local"), "{status}");
}

#[test]
fn a_demo_shows_what_a_plain_cursor_walk_misses() {
    let place = Place::bare().without("OPENAI_API_KEY").without("OPENAI_ADMIN_KEY");
    let ended = place.run_to(0, &["demo", "--for", "1s"]);
    let row = |who: &str| -> Vec<u64> {
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix(who));
        let numbers = line.unwrap_or_else(|| panic!("no row {who}: {}", ended.stdout)).split_whitespace();
        numbers.map(|number| number.replace(',', "").parse().unwrap()).collect()
    };
    let (lists, plain, ccfd) = (row("in the lists"), row("a plain cursor walk"), row("ccfd"));
    assert!(lists[0] >= 3000 && plain[1] > 0 && plain[0] + plain[1] == lists[0], "{}", ended.stdout);
    assert_eq!(ccfd, [lists[0], 0, 0], "{}", ended.stdout);
}

#[test]
fn a_long_demo_can_be_watched_from_another_terminal() {
    let place = Place::bare().without("OPENAI_API_KEY").without("OPENAI_ADMIN_KEY");
    let demo = place.start(&["demo", "--dir", "live", "--for", "10m"]);
    wait_until("the commands", || demo.stdout().contains("live/ccfd.toml status"));
    let status = ["--config", "live/ccfd.toml", "status"];
    wait_until("the routes", || place.run_to(0, &status).stdout.contains("demo-audit/local"));
    demo.signal(Signal::TERM);
    demo.wait();
}

#[test]
fn a_directory_in_use_is_refused() {
    let place = Place::bare();
    place.write("mine", "");
    let ended = place.run_to(2, &["demo", "--dir", "."]);
    assert!(ended.stderr.contains("not empty"), "{}", ended.stderr);
}
