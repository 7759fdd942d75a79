//! When a window is open, what is refused, and what a killed run leaves.

use std::{fs, time::Duration};

use ccfd::simulator::SimulatorOptions;

use super::{collect, site, verify};

fn few() -> SimulatorOptions {
    SimulatorOptions { audit_logs: 120, completions: 40, ..SimulatorOptions::default() }
}

#[test]
fn a_window_that_is_not_delivered_or_not_over_is_open() {
    let site = site(few());
    let nothing_yet = verify(&site, "audit", "tables", &[]);
    assert_eq!((nothing_yet.code, nothing_yet.verdict()), (Some(1), "not_provable"));
    assert!(nothing_yet.report["why"][0].as_str().unwrap().contains("no checkpoint"));
    collect(&site);
    let words = ["verify", "--collector", "audit", "--sink", "tables", "--from", "1d", "--to", "1s"];
    let ended = site.command(&words).output().unwrap();
    let page = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(1), "{page}");
    assert!(page.contains("verdict        not provable\n  open: the window ends at "), "{page}");
}

#[test]
fn rows_that_retention_may_have_removed_make_their_time_not_provable() {
    let site = site(few());
    collect(&site);
    let config = fs::read_to_string(site.path("ccfd.toml")).unwrap();
    for (section, sink) in [("[sink.tables]", "tables"), ("[sink.lines]", "lines")] {
        site.write("ccfd.toml", &config.replace(section, &format!("{section}\nretention = \"2d\"")));
        let verified = verify(&site, "audit", sink, &[]);
        assert_eq!((verified.code, verified.verdict()), (Some(1), "not_provable"), "{:#}", verified.report);
        assert!(verified.report["why"][0].as_str().unwrap().contains("may have removed rows before"));
    }
}

#[test]
fn what_cannot_be_verified_is_a_usage_error() {
    let site = site(few());
    for (words, reason) in [
        ("verify audit --from 2d --to 1d", "several sinks"),
        ("verify nobody --from 2d --to 1d", "audit, chat"),
        ("verify audit --sink tables --from 1d --to 2d", "there is no time between"),
        ("verify audit --sink tables --from 1d", "--to"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let ended = site.command(&words).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(2) && said.contains(reason), "{words:?}: {said}");
    }
}

#[test]
fn standard_output_is_not_comparable_and_the_report_says_so() {
    let site = site(few());
    let config = fs::read_to_string(site.path("ccfd.toml")).unwrap();
    site.write(
        "ccfd.toml",
        &config.replace("dir = \"lines\"", "dir = \"-\"").replace(
            "type = \"ndjson\"\n    dir = \"-\"\n    free_min = \"0B\"",
            "type = \"ndjson\"\n    dir = \"-\"",
        ),
    );
    let verified = verify(&site, "audit", "lines", &[]);
    assert_eq!(verified.code, Some(1), "{}", verified.log);
    assert!(
        verified.report["why"][0].as_str().unwrap().starts_with("not comparable: "),
        "{:#}",
        verified.report
    );
}

#[test]
fn a_killed_run_leaves_nothing_that_disturbs() {
    let options = SimulatorOptions { latency: Duration::from_millis(20), audit_logs: 2_000, ..few() };
    let site = site(options);
    collect(&site);
    let words = ["verify", "audit", "--sink", "tables", "--from", "beginning", "--to", "1h"];
    for moment in [50, 150, 250, 350] {
        let ended = site.start(&words).kill_after(Duration::from_millis(moment));
        ended.assert_nothing_for_a_person();
    }
    let verified = verify(&site, "audit", "tables", &[]);
    assert_eq!(verified.verdict(), "agrees", "{:#}\n{}", verified.report, verified.log);
    let left: Vec<String> = fs::read_dir(site.path("state/verify"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("run-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let shown = site.command(&["state", "show"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(!shown.contains("/verify/"), "{shown}");
}
