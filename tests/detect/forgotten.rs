//! What was removed, one case at a time: it raises nothing again, and what is left is judged as before.

use std::time::Duration;

use ccfd::{
    detect::model::{Comparison, CorrelationKind, Match, Rule},
    detect_db::{AlertLimits, AlertStatus, DetectDb, Disposition},
    sinks::SinkError,
};
use rusqlite::Connection;

use super::{
    Alerts,
    alerts::{matches, three},
    rules::{Event, correlation, detection, matches_of},
};

const DAY: i64 = 24 * 3_600;

fn at_least(slug: &str, input: u32, timespan: i64, count: f64) -> Rule {
    correlation(slug, CorrelationKind::EventCount, &[input], true, timespan, &[(Comparison::AtLeast, count)])
}

/// One failure a minute for so many days.
fn minutes(rules: &[Rule], days: std::ops::Range<i64>) -> Vec<Match> {
    let events =
        (days.start * DAY / 60..days.end * DAY / 60).map(|minute| (format!("log-{minute}"), minute * 60));
    let of = |(id, at)| Event { id, at, user: Some("ann".to_owned()), value: 1.0, matches: vec![0] };
    events.flat_map(|event| matches_of(rules, &of(event))).collect()
}

fn limits(days: u64) -> AlertLimits {
    AlertLimits { retention: Duration::from_secs(days * 24 * 3_600), size_max: u64::MAX }
}

/// Everything is removed that is not of the last day.
fn clear_up(alerts: &mut Alerts, now: i64) {
    assert!(!alerts.db.clear_up(&limits(1), now).unwrap().more);
}

#[test]
fn an_alert_that_was_removed_is_neither_raised_nor_notified_again() {
    let rules = [three(), vec![detection("created", true)]].concat();
    let mut alerts = Alerts::new(rules.clone());
    let all = [
        matches(&rules, &[("a", 0), ("b", 1), ("c", 2)]),
        matches_of(&rules, &Event { id: "d".into(), at: 3, user: None, value: 1.0, matches: vec![2] }),
    ]
    .concat();
    alerts.deliver(&all);
    assert_eq!(alerts.all().len(), 2);
    clear_up(&mut alerts, 3 * DAY);
    assert_eq!(alerts.all(), []);
    for _ in 0..2 {
        let stored = alerts.db.store("OpenAIAuditLogs_CL", "acme", &all, 10, 3 * DAY).unwrap();
        assert_eq!((stored.matches, stored.raised, stored.forgotten), (0, 0, 4));
        alerts.reopen();
    }
    assert_eq!(alerts.db.figures(3 * DAY).unwrap()["failed"].matches, [0; 3]);
    alerts.deliver(&matches(&rules, &[("e", 3 * DAY), ("f", 3 * DAY), ("g", 3 * DAY)]));
    assert_eq!(alerts.facts().len(), 1, "what is new is judged");
}

#[test]
fn a_chain_of_rules_that_has_forgotten_its_past_raises_nothing_of_what_comes_again() {
    let few = [(Comparison::Less, 100.0)];
    let rules = [
        three(),
        vec![
            correlation("seldom", CorrelationKind::EventCount, &[1, 0], true, 3_600, &few),
            at_least("often", 1, 7_200, 200.0),
        ],
    ]
    .concat();
    let mut alerts = Alerts::new(rules.clone());
    // Six bursts of fifty in each hour of two days.
    let event = |number: i64| (format!("log-{number}"), number / 50 * 600 + number % 50);
    let events: Vec<(String, i64)> = (0..288 * 50).map(event).collect();
    let of = |(id, at): &(String, i64)| Event {
        id: id.clone(),
        at: *at,
        user: Some("ann".to_owned()),
        value: 1.0,
        matches: vec![0],
    };
    let all: Vec<Match> = events.iter().flat_map(|event| matches_of(&rules, &of(event))).collect();
    all.chunks(1_000).for_each(|some| alerts.deliver(some));
    let before = alerts.facts();
    assert!(before.iter().any(|one| one.rule == "often"));
    clear_up(&mut alerts, 2 * DAY + 10);
    let (left, change) = (alerts.facts(), alerts.db.newest_change().unwrap());
    assert!(left.iter().all(|one| before.contains(one)) && left.len() < before.len());
    all.chunks(777).for_each(|some| alerts.deliver(some));
    assert_eq!(alerts.db.newest_change().unwrap(), change, "{:?}", alerts.facts());
}

#[test]
fn an_alert_that_loses_matches_keeps_its_count_its_first_records_and_its_verdict_and_continues() {
    let rules = [vec![detection("failed", false)], vec![at_least("endless", 0, 300, 3.0)]].concat();
    let mut alerts = Alerts::new(rules.clone());
    let all = minutes(&rules, 0..3);
    alerts.deliver(&all);
    let whole = alerts.all();
    let id = whole[0].id.clone();
    alerts.db.judge_alert(&id, Some(Disposition::Benign), "ann", None, 0).unwrap();
    let closed = alerts.all();
    clear_up(&mut alerts, 3 * DAY);
    assert_eq!(alerts.all(), closed, "nothing is said of it");
    alerts.deliver(&all);
    assert_eq!(alerts.all(), closed, "a replay does not open it again");
    alerts.reopen();
    alerts.deliver(&matches(&rules, &[("next", 3 * DAY)]));
    let next = alerts.all();
    assert_eq!(next.len(), 1);
    assert_eq!((&next[0].id, next[0].event_count), (&id, whole[0].event_count + 1));
    assert_eq!(
        (&next[0].record_ids, &next[0].first_event_at),
        (&whole[0].record_ids, &whole[0].first_event_at)
    );
    assert_eq!((next[0].status, next[0].notify), (AlertStatus::Open, whole[0].notify));
}

#[test]
fn windows_that_have_lost_matches_are_judged_only_if_more_matches_cannot_make_them_wrong() {
    let fewer = [(Comparison::Less, 3.0)];
    let few = correlation("few", CorrelationKind::EventCount, &[0], true, 3_600, &fewer);
    let rules = vec![detection("failed", false), few, at_least("many", 0, 3_600, 3.0)];
    let mut alerts = Alerts::new(rules.clone());
    // There are many before midnight, and one after it.
    let before: Vec<(String, i64)> =
        (0..30).map(|number| (format!("log-{number}"), DAY - 60 - number)).collect();
    let before: Vec<(&str, i64)> = before.iter().map(|(id, at)| (&**id, *at)).collect();
    alerts.deliver(&matches(&rules, &before));
    clear_up(&mut alerts, 2 * DAY + 10);
    assert_eq!(alerts.facts(), []);
    alerts.deliver(&matches(&rules, &[("a", DAY + 10)]));
    assert_eq!(alerts.facts(), [], "it may be one of many");
    alerts.deliver(&matches(&rules, &[("b", DAY + 20), ("c", DAY + 30)]));
    assert_eq!(alerts.facts().iter().map(|one| &*one.rule).collect::<Vec<_>>(), ["many"]);
    alerts.deliver(&matches(&rules, &[("d", DAY + 2 * 3_600)]));
    let rules: Vec<String> = alerts.facts().into_iter().map(|one| one.rule).collect();
    assert_eq!(rules, ["few", "many"], "its window is whole");
}

#[test]
fn a_hit_that_what_is_left_no_longer_gives_remains_one_for_the_rules_over_it() {
    let rules = vec![
        detection("failed", false),
        detection("passed", false),
        at_least("many", 0, 3_600, 3.0),
        correlation("guessed", CorrelationKind::TemporalOrdered, &[2, 1], true, 3_600, &[]),
    ];
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", DAY - 30), ("b", DAY - 20), ("c", DAY + 10)]));
    clear_up(&mut alerts, 2 * DAY + 10);
    alerts.deliver(&matches(&rules, &[("late", DAY + 5)]));
    let passed =
        Event { id: "passed".into(), at: DAY + 20, user: Some("ann".into()), value: 1.0, matches: vec![1] };
    alerts.deliver(&matches_of(&rules, &passed));
    let counts: Vec<(String, u64)> = alerts.facts().into_iter().map(|one| (one.rule, one.count)).collect();
    assert_eq!(counts, [("guessed".to_owned(), 3), ("many".to_owned(), 4)]);
}

#[test]
fn what_an_alert_has_forgotten_is_counted_once_however_often_its_rule_comes_back() {
    let rules = vec![
        detection("failed", false),
        detection("passed", false),
        at_least("many", 0, 3_600, 3.0),
        correlation("guessed", CorrelationKind::TemporalOrdered, &[2, 1], true, 3_600, &[]),
    ];
    let passed = |id: &str, at: i64| {
        let event = Event { id: id.into(), at, user: Some("ann".into()), value: 1.0, matches: vec![1] };
        matches_of(&rules, &event)
    };
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", DAY - 30), ("b", DAY - 20), ("c", DAY + 10)]));
    alerts.deliver(&passed("d", DAY + 20));
    clear_up(&mut alerts, 2 * DAY + 10);
    for _ in 0..3 {
        for some in [&rules[..3], &rules] {
            alerts.rules = some.into();
            alerts.reopen();
        }
    }
    alerts.deliver(&passed("e", DAY + 30));
    let found = alerts.facts().into_iter().find(|one| one.rule == "guessed").unwrap();
    assert_eq!((found.count, found.records), (5, ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec()));
}

#[test]
fn a_rule_that_is_added_judges_what_the_others_have_forgotten() {
    let mut alerts = Alerts::new(three());
    let events = [("a", 0), ("b", 1), ("c", 2)];
    alerts.deliver(&matches(&three(), &events));
    clear_up(&mut alerts, 3 * DAY);
    let rules = [three(), vec![at_least("pair", 0, 10, 2.0)]].concat();
    alerts.rules = rules.clone().into();
    alerts.reopen();
    alerts.deliver(&matches(&rules, &events));
    let raised: Vec<String> = alerts.facts().into_iter().map(|one| one.rule).collect();
    assert_eq!(raised, ["pair"]);
}

#[test]
fn what_a_backfill_brought_is_kept_until_that_is_long_ago_and_with_it_what_is_younger() {
    let rules = [three(), vec![detection("created", true)]].concat();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 10 * DAY), ("b", 10 * DAY), ("c", 10 * DAY)]));
    alerts.now = 12 * DAY;
    let old = |id: &str| {
        matches_of(&rules, &Event { id: id.into(), at: 0, user: None, value: 1.0, matches: vec![2] })
    };
    alerts.deliver(&[matches(&rules, &[("d", 0), ("e", 1)]), old("f")].concat());
    let kept = alerts.facts();
    clear_up(&mut alerts, 12 * DAY + 10);
    assert_eq!(alerts.facts(), kept);
    alerts.deliver(&[matches(&rules, &[("g", 2)]), old("h")].concat());
    assert_eq!(alerts.facts().len(), kept.len() + 2, "the rest of it is judged");
    clear_up(&mut alerts, 15 * DAY);
    assert_eq!(alerts.facts(), []);
}

#[test]
fn an_alert_of_a_rule_that_comes_back_is_withdrawn_if_nothing_was_forgotten_without_it() {
    const HOUR: i64 = 3_600;
    let few = [(Comparison::Less, 2.0)];
    let all = vec![
        detection("failed", false),
        correlation("few", CorrelationKind::EventCount, &[0], true, 6 * HOUR, &few),
        at_least("twice", 1, 12 * HOUR, 2.0),
    ];
    for is_out in [false, true] {
        let mut alerts = Alerts::new(all.clone());
        let twice = |alerts: &Alerts| {
            let found = alerts.facts().into_iter().filter(|one| one.rule == "twice");
            found.map(|one| one.records).collect::<Vec<_>>()
        };
        alerts.deliver(&matches(&all, &[("old", 0)]));
        clear_up(&mut alerts, 2 * DAY + 10);
        // The first of them is so close to what is forgotten that `few` is sure of it and `twice` would not be.
        alerts.deliver(&matches(&all, &[("a", DAY + 10 * HOUR), ("b", DAY + 20 * HOUR)]));
        assert_eq!(twice(&alerts), [["a", "b"]]);
        if is_out {
            alerts.rules = all[..2].to_vec().into();
            alerts.reopen();
        }
        alerts.deliver(&matches(&all[..2], &[("c", DAY + 20 * HOUR)]));
        alerts.rules = all.clone().into();
        alerts.reopen();
        assert_eq!(twice(&alerts), Vec::<Vec<String>>::new(), "{is_out}");
    }
}

#[test]
fn what_is_kept_for_months_is_removed_eight_days_at_once_and_no_day_earlier() {
    let mut alerts = Alerts::new(three());
    alerts.db.keep_for(limits(64).retention);
    alerts.deliver(&matches(&three(), &[("a", 0), ("b", 1), ("c", 2)]));
    alerts.deliver(&matches(&three(), &[("d", 8 * DAY), ("e", 8 * DAY), ("f", 8 * DAY)]));
    let kept = alerts.facts();
    alerts.db.clear_up(&limits(64), 72 * DAY - 1).unwrap();
    assert_eq!((alerts.facts(), kept.len()), (kept, 2));
    let gone = alerts.db.clear_up(&limits(64), 72 * DAY).unwrap();
    assert_eq!((gone.matches, alerts.facts().len()), (3, 1));
}

#[test]
fn the_few_matches_of_a_group_are_one_row_for_each_eighth_of_the_time_for_which_they_are_kept() {
    let all = AlertLimits { retention: Duration::from_secs(1 << 40), size_max: u64::MAX };
    for (retention, rows) in [(1, 8), (15, 8), (16, 4), (32, 2), (64, 1), (9_999, 1)] {
        for is_live in [false, true] {
            let mut alerts = Alerts::new(three());
            for (day, id) in ["a", "b", "c", "d", "e", "f", "g", "h"].iter().enumerate() {
                alerts.db.keep_for(limits(retention).retention);
                let day = day as i64 * DAY;
                if is_live {
                    // Something is removed many times a day.
                    alerts.db.clear_up(&all, day).unwrap();
                    alerts.now = day + 60;
                }
                alerts.deliver(&matches(&three(), &[(id, day)]));
                if is_live {
                    alerts.db.clear_up(&all, day + DAY - 1).unwrap();
                }
                // What is in the journal is continued by the next process.
                alerts.reopen();
            }
            alerts.db.keep_for(limits(retention).retention);
            alerts.db.clear_up(&all, alerts.now + 9 * DAY).unwrap();
            let connection = Connection::open(alerts.path()).unwrap();
            let sql = "SELECT count(*), sum(n) FROM piece";
            let found = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(found, (rows, 8), "{retention} {is_live}");
        }
    }
}

#[test]
fn a_small_database_forgets_the_oldest_hours_of_a_day_and_judges_the_others() {
    let rules = [vec![detection("failed", false)], vec![at_least("many", 0, 300, 3.0)]].concat();
    let mut alerts = Alerts::new(rules.clone());
    let long = |number: i64| Event {
        id: format!("log-{number:05}-{}", "x".repeat(400)),
        at: number * 10,
        user: Some(format!("user-{}", number / 100)),
        value: 1.0,
        matches: vec![0],
    };
    let all: Vec<Match> = (0..8_000).flat_map(|number| matches_of(&rules, &long(number))).collect();
    all.chunks(500).for_each(|some| alerts.deliver(some));
    let before = alerts.facts();
    let limits = AlertLimits { retention: Duration::from_secs(1 << 40), size_max: 5 << 20 };
    let gone = alerts.db.clear_up(&limits, DAY).unwrap();
    assert!(gone.matches > 1_000 && gone.matches < 8_000 && gone.alerts == 0, "{gone:?}");
    let change = alerts.db.newest_change().unwrap();
    all.chunks(300).for_each(|some| alerts.deliver(some));
    assert_eq!((alerts.facts(), alerts.db.newest_change().unwrap()), (before, change));
    let late = Event { id: "late".to_owned(), ..long(7_999) };
    alerts.deliver(&matches_of(&rules, &late));
    assert_eq!(alerts.db.changed_after(change, 9).unwrap().len(), 1, "the last hours are still judged");
}

#[test]
fn a_process_whose_rules_another_one_has_replaced_stores_nothing_until_it_takes_its_own_into_use() {
    let rules = three();
    let mut alerts = Alerts::new(rules.clone());
    alerts.deliver(&matches(&rules, &[("a", 100), ("b", 101)]));
    let changed: Vec<Rule> = rules.iter().map(|rule| Rule { definition: 8, ..rule.clone() }).collect();
    let mut other = DetectDb::open(&alerts.path(), 0).unwrap();
    other.adopt(changed.clone().into(), alerts.now).unwrap();
    let all = matches(&rules, &[("c", 102)]);
    let refused = alerts.db.store("OpenAIAuditLogs_CL", "acme", &all, 10, 0).unwrap_err();
    assert!(matches!(refused, SinkError::Busy { .. }), "{refused}");
    alerts.rules = changed.into();
    alerts.reopen();
    alerts.deliver(&all);
    assert_eq!(alerts.facts(), [], "it has started over");
}

#[test]
fn a_database_can_be_created_by_several_processes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("detect.db");
    let begin = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        let open = || {
            begin.wait();
            let mut db = DetectDb::open(&path, 0).unwrap();
            db.adopt(three().into(), 0).unwrap();
            db.store("OpenAIAuditLogs_CL", "acme", &matches(&three(), &[("a", 1), ("b", 2), ("c", 3)]), 10, 0)
                .unwrap()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        let raised: u64 = threads.into_iter().map(|thread| thread.join().unwrap().raised).sum();
        assert_eq!(raised, 1);
    });
}

#[test]
fn an_alert_of_a_rule_that_others_have_forgotten_without_is_withdrawn_as_ever() {
    withdrawn_after_a_return(|_| {});
}

#[test]
fn a_kill_while_a_rule_is_taken_into_use_again_does_not_let_it_forget_less() {
    withdrawn_after_a_return(|alerts| {
        let fault =
            "CREATE TRIGGER fault BEFORE UPDATE OF mark ON rule BEGIN SELECT RAISE(ABORT, 'killed'); END";
        Connection::open(alerts.path()).unwrap().execute_batch(fault).unwrap();
        let mut killed = DetectDb::open(&alerts.path(), 0).unwrap();
        assert!(killed.adopt(alerts.rules.clone(), alerts.now).is_err());
        Connection::open(alerts.path()).unwrap().execute_batch("DROP TRIGGER fault").unwrap();
    });
}

/// With something that happens before the rule comes back.
fn withdrawn_after_a_return(happens: fn(&Alerts)) {
    let fewer = [(Comparison::Less, 3.0)];
    let rules = vec![
        detection("failed", false),
        correlation("few", CorrelationKind::EventCount, &[0], true, 3_600, &fewer),
    ];
    let mut alerts = Alerts::new(rules.clone());
    let later = DAY + 2 * 3_600;
    alerts.deliver(&matches(&rules, &[("old", 10), ("a", DAY + 10), ("b", later)]));
    let raised = alerts.facts().len();
    assert_eq!(raised, 3);
    alerts.rules = rules[..1].into();
    alerts.reopen();
    clear_up(&mut alerts, 2 * DAY + 10);
    alerts.rules = rules.clone().into();
    happens(&alerts);
    alerts.reopen();
    alerts.deliver(&matches(&rules, &[("c", later - 2), ("d", later - 1)]));
    let left: Vec<Vec<String>> = alerts.facts().into_iter().map(|one| one.records).collect();
    // The first one is within an hour of what is forgotten, and stays. The one of `b` had more than two.
    assert_eq!(left, [vec!["a"], vec!["c", "d"]]);
}
