use rustix::process::Signal;

use crate::support::process::{Place, Running, wait_until};

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
    // The directory of a demo remains.
    let temporary = place.path("").display().to_string();
    let place = place.with("TMPDIR", &temporary);
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
fn a_long_demo_can_be_watched_from_another_terminal_by_every_command_that_it_names() {
    let place = Place::bare().without("OPENAI_API_KEY").without("OPENAI_ADMIN_KEY");
    let demo = place.start(&["demo", "--dir", "a live demo", "--for", "10m"]);
    wait_until("the commands", || demo.stdout().contains(" tail\n"));
    let said = demo.stdout();
    let (_, commands) = said.split_once("from another terminal:\n").unwrap();
    let commands: Vec<&str> = commands.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let named: Vec<&str> = commands.iter().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(named, ["status", "top", "tail"]);
    let shell = |line: &str| {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", &format!("exec {line}")]).current_dir(place.path("."));
        Running::start(command)
    };
    wait_until("the routes", || shell(commands[0]).wait().stdout.contains("demo-audit/local"));
    let frame = shell(commands[1]).wait();
    assert!(frame.code == Some(0) && frame.stdout.contains("demo-chat/local"), "{frame:?}");
    let records = shell(commands[2]);
    wait_until("records", || records.stdout().contains("demo-chat"));
    demo.signal(Signal::TERM);
    demo.wait();
    let ended = records.wait();
    assert!(ended.code == Some(0) && ended.stderr.contains("has stopped"), "{ended:?}");
}

#[test]
fn a_directory_in_use_is_refused() {
    let place = Place::bare();
    place.write("mine", "");
    let ended = place.run_to(2, &["demo", "--dir", "."]);
    assert!(ended.stderr.contains("not empty"), "{}", ended.stderr);
}
