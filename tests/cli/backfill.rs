use rustix::process::Signal;

use crate::support::process::{Place, Simulated, wait_until};

const MANY: [&str; 6] = ["--audit-logs", "3000", "--completions", "300", "--habits", "ties,shuffle,newest"];
const AUDIT: [&str; 4] = ["backfill", "--collector", "acme-audit", "--from"];

fn audit(rest: &[&str]) -> Vec<String> {
    AUDIT.iter().chain(rest).map(|word| (*word).to_owned()).collect()
}

fn run(place: &Place, code: i32, words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = place.run_to(code, &words);
    ended.stdout + &ended.stderr
}

#[test]
fn what_lies_before_the_routes_own_coverage_is_brought_by_default() {
    let api = Simulated::start(&MANY);
    let place = Place::new(&api.base_url);
    place.replace("start = \"8d\"", "start = \"2d\"");
    place.run_to(0, &["run", "--once"]);
    let (before, _) = place.rows();
    assert!((1..2000).contains(&before), "{before}");
    run(&place, 0, &audit(&["30d", "--parallel", "8"]));
    assert_eq!(place.rows().0, 3000);
    let once_more = run(&place, 0, &audit(&["30d", "--parallel", "8"]));
    assert!(once_more.contains("already finished"), "{once_more}");
    let covered = run(&place, 2, &audit(&["1d"]));
    assert!(covered.contains("the route itself covers that time"), "{covered}");
}

#[test]
fn again_reads_a_finished_window_once_more_and_doubles_nothing() {
    let api = Simulated::start(&["--audit-logs", "0", "--completions", "300"]);
    let place = Place::new(&api.base_url);
    let words = ["backfill", "--collector", "acme-chat", "--from", "beginning"];
    place.run_to(0, &words);
    let again = place.run_to(0, &[&words[..], &["--again"]].concat());
    assert!(again.stdout.contains("300 already there"), "{}", again.stdout);
    assert_eq!(place.rows().1, 300);
}

#[test]
fn both_words_for_the_oldest_record_are_taken_wherever_a_start_is_named() {
    let api = Simulated::start(&["--audit-logs", "0", "--completions", "300"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["backfill", "acme-chat", "--from", "all"]);
    let known = place.run_to(0, &["backfill", "acme-chat", "--from", "beginning"]);
    assert!(known.stdout.contains("already finished"), "they name the same window: {}", known.stdout);
    for word in ["all", "beginning"] {
        place.write("ccfd.toml", &place.config().replace("start = \"8d\"", &format!("start = \"{word}\"")));
        place.run_to(0, &["reset-state", "acme-chat", "--to", word, "--yes"]);
        place.run_to(0, &["run", "--once"]);
        place.replace(&format!("start = \"{word}\""), "start = \"8d\"");
    }
    assert_eq!(place.rows().1, 300);
}

#[test]
fn a_backfill_that_is_done_is_finished_wherever_it_is_shown() {
    let api = Simulated::start(&MANY);
    let place = Place::new(&api.base_url);
    run(&place, 0, &audit(&["30d"]));
    let shown = place.run_to(0, &["state", "show", "acme-audit/local/backfill"]).stdout;
    assert!(shown.lines().nth(1).unwrap().contains("finished"), "{shown}");
    let reset = place.run_to(0, &["reset-state", "acme-audit", "--dry-run"]).stderr;
    assert!(reset.contains("backfill/30d..: finished"), "{reset}");
    assert!(place.run_to(0, &["status"]).stdout.contains("30d..: finished"));
}

#[test]
fn a_killed_backfill_continues_where_it_was() {
    let api = Simulated::start(&[&MANY[..], &["--latency", "30ms"]].concat());
    let place = Place::new(&api.base_url);
    let words = audit(&["30d"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut first = place.start(&words);
    first.wait_for_log("\"delivered\"");
    first.signal(Signal::KILL);
    first.wait();
    let (before, _) = place.rows();
    assert!((1..3000).contains(&before), "{before}");
    let ended = place.run_to(0, &words);
    assert!(ended.stderr.contains("\"resumed\":true"), "{}", ended.stderr);
    assert!(ended.stdout.contains("backfill finished"), "{}", ended.stdout);
    assert_eq!(place.rows().0, 3000);
}

#[test]
fn what_cannot_be_backfilled_is_a_usage_error() {
    let api = Simulated::start(&MANY);
    let place = Place::new(&api.base_url);
    for (words, reason) in [
        ("backfill --collector acme-chat --from 30d --parallel 2", "filtered by time"),
        ("backfill --collector nobody --from 30d", "acme-audit, acme-chat"),
        ("backfill --collector acme-audit --sink nowhere --from 30d", "no sink `nowhere`"),
        ("backfill --collector acme-audit --from yesterday", "expected 2026"),
        ("backfill --collector acme-audit --from 2026-01-02 --to 2026-01-01", "there is no time between"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let ended = place.run_to(2, &words);
        assert!(ended.stderr.contains(reason), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn commands_that_write_refuse_beside_a_daemon_that_cannot_be_asked_and_name_it() {
    let api = Simulated::start(&MANY);
    let place = Place::new(&api.base_url).with("CCFD__ADMIN__LISTEN", "");
    let _daemon = place.start(&["run"]);
    wait_until("the daemon's status", || place.path("state/status.json").exists());
    let from = ["--collector", "acme-audit"];
    for words in [
        [&["backfill", "--from", "30d"], &from[..]].concat(),
        [&["reset-state", "--yes"], &from[..]].concat(),
        vec!["run", "--once"],
    ] {
        let ended = place.run_to(2, &words);
        assert!(ended.stderr.contains("`ccfd run` (process "), "{}", ended.stderr);
    }
}

#[test]
fn a_window_that_is_not_over_yet_ends_now_and_says_so_each_time() {
    let api = Simulated::start(&["--audit-logs", "50", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    for how in ["backfill finished", "already finished"] {
        let said = run(&place, 0, &audit(&["30d", "--to", "2999-01-01"]));
        assert!(said.contains(how) && said.contains("--to 2999-01-01T00:00:00Z was in the future"), "{said}");
        assert!(!said.contains("to 2999-01-01T00:00:00Z\n"), "no window reaches beyond now: {said}");
    }
    assert_eq!(place.rows().0, 50);
}

#[test]
fn a_paused_collector_is_not_read_by_a_backfill_either() {
    let api = Simulated::start(&["--audit-logs", "50", "--completions", "0"]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["collectors", "pause", "acme-audit"]);
    let refused = run(&place, 2, &audit(&["30d"]));
    assert!(refused.contains("collector `acme-audit` is paused"), "{refused}");
    place.run_to(0, &["collectors", "resume", "acme-audit"]);
    run(&place, 0, &audit(&["30d"]));
    assert_eq!(place.rows().0, 50);
}
