//! Who is notified, and what becomes of that when an alert continues.

use std::time::Duration;

use ccfd::{
    detect::model::{Comparison, CorrelationKind, FLOODING, Match, Rule, RuleState},
    detect_db::{Alert, AlertFilter, Disposition},
};

use super::{
    Alerts,
    rules::{Event, correlation, detection, matches_of},
};

const HOUR: i64 = 3_600;

fn matches(rules: &[Rule], user: &str, events: &[(&str, i64)]) -> Vec<Match> {
    let event = |(id, at): &(&str, i64)| Event {
        id: (*id).to_owned(),
        at: *at,
        user: Some(user.to_owned()),
        value: 1.0,
        matches: vec![0],
    };
    events.iter().flat_map(|one| matches_of(rules, &event(one))).collect()
}

/// Three of a kind in ten seconds; one that notifies is followed by silence for an hour.
fn three() -> Vec<Rule> {
    let at_least = [(Comparison::AtLeast, 3.0)];
    let many = correlation("many_failed", CorrelationKind::EventCount, &[0], true, 10, &at_least);
    vec![detection("failed", false), Rule { suppress: Some(Duration::from_secs(3_600)), ..many }]
}

fn single() -> Vec<Rule> {
    vec![detection("created", true)]
}

/// Alerts of rules in use since long ago, at a moment of which the events are some seconds old.
struct Notices(Alerts);

impl Notices {
    fn new(rules: Vec<Rule>) -> Self {
        let mut alerts = Alerts::new(rules);
        alerts.now = 100_000;
        Self(alerts)
    }

    fn deliver(&mut self, user: &str, events: &[(&str, i64)], notified_max: u32) {
        let of = matches(&self.0.rules.clone(), user, events);
        self.0.db.store("OpenAIAuditLogs_CL", "acme", &of, notified_max, self.0.now).unwrap();
    }

    /// Of each alert that is not part of another one, the oldest events first: whether it notifies or why not, and how many
    /// it has kept from that.
    fn said(&self) -> Vec<(String, u64)> {
        let mut all: Vec<Alert> = self.all();
        all.retain(|alert| alert.rule != FLOODING);
        all.sort_by(|one, other| one.first_event_at.cmp(&other.first_event_at));
        let said = |alert: Alert| {
            assert_eq!(alert.notify, alert.notify_reason.is_none());
            (alert.notify_reason.unwrap_or_else(|| "notified".to_owned()), alert.suppressed_count)
        };
        all.into_iter().map(said).collect()
    }

    fn all(&self) -> Vec<Alert> {
        self.0.listed(&AlertFilter { unmerged: true, ..AlertFilter::default() })
    }

    fn floods(&self) -> Vec<Alert> {
        let mut floods = self.all();
        floods.retain(|alert| alert.rule == FLOODING);
        floods.sort_by(|one, other| one.id.cmp(&other.id));
        floods
    }
}

fn said(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[test]
fn suppression_staging_and_caps_silence_alerts_and_record_each() {
    let silence = |rules: &[Rule], notified_max: u32| {
        let mut notices = Notices::new(rules.to_vec());
        for (id, at) in [("a", 10), ("b", 20), ("c", 30)] {
            notices.deliver("ann", &[(id, at)], notified_max);
        }
        (notices.said(), notices.floods().len())
    };
    let suppress = vec![Rule { suppress: Some(Duration::from_secs(60)), ..single().remove(0) }];
    let suppressed = said(&[("notified", 2), ("suppressed", 0), ("suppressed", 0)]);
    assert_eq!(silence(&suppress, 10), (suppressed, 0));
    let staging = vec![Rule { state: RuleState::Staging, ..single().remove(0) }];
    let staged = said(&[("staging", 0), ("staging", 0), ("staging", 0)]);
    assert_eq!(silence(&staging, 10), (staged, 0));
    assert_eq!(silence(&single(), 2), (said(&[("notified", 0), ("notified", 0), ("capped", 0)]), 1));
    assert_eq!(silence(&single(), 10), (said(&[("notified", 0), ("notified", 0), ("notified", 0)]), 0));
    let nothing_may = said(&[("capped", 0), ("capped", 0), ("capped", 0)]);
    assert_eq!(silence(&single(), 0), (nothing_may, 0), "where nothing may notify, nothing says so");
}

#[test]
fn one_alert_says_that_a_rule_is_flooding_and_counts_those_that_are_held_back() {
    let mut notices = Notices::new(single());
    notices.deliver("ann", &[("a", 10), ("b", 20), ("c", 30), ("d", 40)], 2);
    notices.deliver("bob", &[("e", 5)], 2);
    let [flood] = <[Alert; 1]>::try_from(notices.floods()).unwrap();
    assert_eq!((flood.title.as_str(), flood.level.as_str()), ("Rule created is flooding", "medium"));
    assert_eq!(flood.group, [("Rule".to_owned(), Some("created".to_owned()))].into());
    assert_eq!((flood.event_count, flood.suppressed_count, flood.notify), (3, 3, true));
    let span = (flood.first_event_at.as_str(), flood.last_event_at.as_str());
    assert_eq!(span, ("1970-01-01T00:00:05Z", "1970-01-01T00:00:40Z"));
    // Half an hour later it is the same flood.
    notices.0.now += HOUR / 2;
    notices.deliver("ann", &[("f", 50)], 2);
    let same = notices.floods();
    assert_eq!((same.len(), same[0].id == flood.id, same[0].suppressed_count), (1, true, 4));
    // When the hour is over the rule notifies again, up to its limit, and then it is another one.
    notices.0.now += HOUR + 1;
    notices.deliver("ann", &[("g", 60), ("h", 70)], 2);
    assert_eq!(notices.floods().len(), 1);
    notices.deliver("ann", &[("i", 80)], 2);
    assert_eq!(notices.floods().iter().map(|one| one.suppressed_count).collect::<Vec<_>>(), [4, 1]);
}

#[test]
fn a_flood_that_somebody_has_closed_stays_closed_and_is_another_one_after_an_hour() {
    let mut notices = Notices::new(single());
    notices.deliver("ann", &[("a", 10), ("b", 20)], 1);
    let id = notices.floods()[0].id.clone();
    notices.0.db.judge_alert(&id, Some(Disposition::Benign), "ann", None, notices.0.now).unwrap();
    notices.0.now += HOUR - 10;
    notices.deliver("ann", &[("c", 30)], 1);
    let floods = notices.floods();
    assert_eq!((floods.len(), floods[0].suppressed_count), (1, 2));
    assert_eq!(floods[0].disposition.as_deref(), Some("benign"));
    notices.0.now += 20;
    notices.deliver("ann", &[("d", 40), ("e", 50)], 1);
    assert_eq!(notices.floods().iter().map(|one| one.suppressed_count).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_suppressed_alert_notifies_when_it_continues_after_that_time_and_not_because_of_an_earlier_record() {
    let mut notices = Notices::new(three());
    notices.deliver("ann", &[("a", 100), ("b", 101), ("c", 102)], 10);
    notices.deliver("ann", &[("d", 200), ("e", 201), ("f", 202)], 10);
    assert_eq!(notices.said(), said(&[("notified", 1), ("suppressed", 0)]));
    notices.deliver("ann", &[("g", 204)], 10);
    assert_eq!(notices.said(), said(&[("notified", 1), ("suppressed", 0)]), "counted once");
    notices.0.now += HOUR + 1;
    notices.deliver("ann", &[("h", 203)], 10);
    assert_eq!(notices.said(), said(&[("notified", 1), ("suppressed", 0)]));
    notices.deliver("ann", &[("i", 205)], 10);
    assert_eq!(notices.said(), said(&[("notified", 0), ("notified", 0)]));
}

#[test]
fn a_capped_alert_notifies_when_it_continues_after_the_hour() {
    let rules: Vec<Rule> = three().into_iter().map(|rule| Rule { suppress: None, ..rule }).collect();
    let mut notices = Notices::new(rules);
    notices.deliver("ann", &[("a", 100), ("b", 101), ("c", 102)], 1);
    notices.deliver("bob", &[("d", 200), ("e", 201), ("f", 202)], 1);
    notices.deliver("bob", &[("g", 203)], 1);
    assert_eq!(notices.said(), said(&[("notified", 0), ("capped", 0)]));
    assert_eq!(notices.floods()[0].suppressed_count, 1);
    notices.0.now += HOUR + 1;
    notices.deliver("bob", &[("h", 204)], 1);
    assert_eq!(notices.said(), said(&[("notified", 0), ("notified", 0)]));
    assert_eq!(notices.floods()[0].suppressed_count, 0);
}

#[test]
fn a_staged_alert_notifies_when_it_continues_under_the_active_rule() {
    let staged: Vec<Rule> = three()
        .into_iter()
        .map(|rule| Rule { state: if rule.alerts { RuleState::Staging } else { rule.state }, ..rule })
        .collect();
    let mut notices = Notices::new(staged);
    notices.deliver("ann", &[("a", 100), ("b", 101), ("c", 102)], 10);
    notices.0.rules = three().into();
    notices.0.reopen();
    assert_eq!(notices.said(), said(&[("staging", 0)]), "nothing new has happened");
    notices.deliver("ann", &[("d", 103)], 10);
    assert_eq!(notices.said(), said(&[("notified", 0)]));
    assert!(!notices.all()[0].staging);
}

#[test]
fn a_silent_alert_that_takes_in_one_that_has_notified_has_notified_and_counts_it_no_longer() {
    let mut notices = Notices::new(three());
    notices.deliver("ann", &[("g", 114), ("h", 115), ("i", 116)], 10);
    notices.deliver("ann", &[("a", 100), ("b", 101), ("c", 102)], 10);
    assert_eq!(notices.said(), said(&[("suppressed", 0), ("notified", 1)]));
    notices.deliver("ann", &[("e", 108)], 10);
    assert_eq!(notices.said(), said(&[("notified", 0)]), "the older one remains, which has notified");
}

#[test]
fn a_silent_alert_that_becomes_part_of_another_one_is_no_longer_counted() {
    // The younger one is silent only if the older one has notified, so the order of their records is that of their ids.
    let mut notices = Notices::new(three());
    notices.deliver("ann", &[("a", 100), ("b", 101), ("c", 102)], 10);
    notices.deliver("ann", &[("g", 114), ("h", 115), ("i", 116)], 10);
    assert_eq!(notices.said(), said(&[("notified", 1), ("suppressed", 0)]));
    notices.deliver("ann", &[("e", 108)], 10);
    assert_eq!(notices.said(), said(&[("notified", 0)]));
}

#[test]
fn an_alert_that_was_wrong_suppresses_no_other() {
    let few = [(Comparison::Less, 2.0)];
    let few = correlation("few", CorrelationKind::EventCount, &[0], true, 10, &few);
    let rules = vec![detection("passed", false), Rule { suppress: Some(Duration::from_secs(3_600)), ..few }];
    let mut notices = Notices::new(rules);
    notices.deliver("ann", &[("a", 100)], 10);
    notices.deliver("ann", &[("b", 100)], 10);
    assert!(notices.all().is_empty(), "it is withdrawn");
    notices.deliver("ann", &[("c", 500)], 10);
    assert_eq!(notices.said(), said(&[("notified", 0)]));
}
