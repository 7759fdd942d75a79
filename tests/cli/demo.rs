use crate::support::process::{Place, Simulated};

#[test]
fn a_demo_counts_every_record_and_leaves_commands_that_work() {
    let place = Place::bare().without("OPENAI_API_KEY").without("OPENAI_ADMIN_KEY");
    let ended = place.run_to(0, &["demo", "--dir", "a demo", "--for", "1s"]);
    assert!(ended.stdout.contains("· missing 0 · duplicated 0"), "{}", ended.stdout);
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

    let last = command(" simulate ");
    let (simulate, run) = last.split_once(" & ").unwrap();
    let address = simulate.split("--listen ").nth(1).unwrap().split(' ').next().unwrap();
    let rest: Vec<&str> = simulate.split("--seed ").nth(1).unwrap().split(' ').collect();
    let _api = Simulated::listening(address, &[&["--seed"], &rest[..]].concat());
    assert_eq!(shell(&format!("{run} --once")).0, Some(0));
}

#[test]
fn a_directory_in_use_is_refused() {
    let place = Place::bare();
    place.write("mine", "");
    let ended = place.run_to(2, &["demo", "--dir", "."]);
    assert!(ended.stderr.contains("not empty"), "{}", ended.stderr);
}
