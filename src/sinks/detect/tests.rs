use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use super::{
    DetectSink,
    rule_files::{RuleFiles, RulesInUse},
};
use crate::{
    actions::ParamsTemplate,
    cases::action::CasesAction,
    config::{ActionDoes, ActionSettings, DetectSettings, RulesPlace},
    detect::{model::Level, rules::RuleSet},
    detect_db::{ActionEvent, AlertFilter, DetectDb, OutboxAction, OutboxFilter},
    sinks::{
        Batch, Looked, Receipt, Sink, SinkError,
        samples::{NOW, batch, batch_at, clock, event},
    },
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Tables},
};

const RULE: &str = "title: A user was added\nlogsource:\n    product: openai\n    service: audit\n\
    detection:\n    selection:\n        EventType: user.added\n    condition: selection\nlevel: high\n";

/// A directory with one rule, and a sink that judges by it.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) settings: DetectSettings,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("rules")).unwrap();
        let settings = DetectSettings {
            rules: vec![RulesPlace::Directory(dir.path().join("rules"))],
            placeholders: Default::default(),
            retention: Duration::from_secs(90 * 24 * 3600),
            size_max: 1 << 30,
            free_min: 0,
            alerts_per_hour_max: 100,
            actions: Vec::new(),
            alert_routes: Vec::new(),
            database: dir.path().join("detect.db"),
            tables: Tables::built_in(),
        };
        let bench = Self { dir, settings };
        bench.put("added.yml", RULE);
        bench
    }

    fn put(&self, name: &str, rule: &str) {
        fs::write(self.dir.path().join("rules").join(name), rule).unwrap();
    }

    pub(super) fn sink(&self) -> DetectSink {
        DetectSink::new(self.settings.clone(), clock(&Arc::new(AtomicI64::new(NOW))))
    }

    /// The rule and the record of each alert.
    fn alerts(&self) -> Vec<String> {
        let db = DetectDb::open_existing(Path::new(&self.settings.database)).unwrap().unwrap();
        let mut found = Vec::new();
        let listed = db.alerts(&AlertFilter::default(), |alert| {
            found.extend(alert.record_ids.iter().map(|id| format!("{} {id}", alert.rule)));
            Ok::<(), ()>(())
        });
        listed.unwrap().unwrap();
        found.sort();
        found
    }
}

fn events(ids: &[&str]) -> Batch {
    batch(&AUDIT_LOGS, &ids.iter().map(|id| event(id, NOW)).collect::<Vec<_>>())
}

#[tokio::test]
async fn each_record_that_a_rule_matches_raises_an_alert_however_often_it_is_delivered() {
    let bench = Bench::new();
    let sink = bench.sink();
    let other = event("c", NOW).replace("\"user.added\"", "\"user.updated\"");
    let done = sink.write(events(&["a", "b"])).await.unwrap();
    assert_eq!(done, Receipt { accepted: 2, ..Receipt::default() });
    sink.write(batch(&AUDIT_LOGS, &[other, event("b", NOW)])).await.unwrap();
    bench.sink().write(events(&["a"])).await.unwrap();
    assert_eq!(bench.alerts(), ["added a", "added b"]);
}

#[tokio::test]
async fn a_check_counts_the_rules_and_says_what_they_may_do() {
    let bench = Bench::new();
    bench.put("quiet.yml", &RULE.replace("level", "ccfd:\n    state: staging\nlevel"));
    let looked = bench.sink().check(&[]).await.unwrap();
    let text = looked.text.replace(&bench.dir.path().display().to_string(), "DIR");
    assert_eq!(
        text,
        "DIR/detect.db: writable, 0 alerts; 2 rules: 1 active, 1 in staging, 0 off; see `ccfd rules list`"
    );
}

#[tokio::test]
async fn a_check_names_the_rules_that_look_back_further_than_matches_are_kept() {
    let mut bench = Bench::new();
    let correlation = |span: &str| {
        let many = format!(
            "correlation: {{type: event_count, rules: [added], group-by: [Actor], timespan: {span}, condition: {{gte: 5}}}}"
        );
        RULE.replace("title", "name: added\ntitle")
            + "---\ntitle: Many\nname: many\nlevel: low\nccfd: {suppress: 2d}\n"
            + &many
    };
    bench.put("added.yml", &correlation("30d"));
    assert!(bench.sink().check(&[]).await.unwrap().concerns.is_empty());
    bench.settings.retention = Duration::from_secs(24 * 3600);
    bench.put("added.yml", &correlation("23h"));
    let said = |looked: Looked| {
        let texts: Vec<String> = looked.concerns.into_iter().map(|one| one.text).collect();
        texts.join("\n")
    };
    let shown = said(bench.sink().check(&[]).await.unwrap());
    assert!(shown.contains("many: suppress: 2d is longer than the `retention` of 24h"), "{shown}");
    assert!(!shown.contains("look-back"), "{shown}");
    bench.put("added.yml", &correlation("30d"));
    let shown = said(bench.sink().check(&[]).await.unwrap());
    let text = "many: look-back: it looks back 30d, and `retention` keeps matches for 24h: it finds less or nothing; keep \
                them for 31d or longer";
    assert!(shown.contains(text), "{shown}");
}

#[tokio::test]
async fn a_check_takes_no_changed_rule_into_use() {
    let bench = Bench::new();
    let sink = bench.sink();
    sink.write(events(&["a"])).await.unwrap();
    let other = "    none:\n        EventType: x\n    condition: selection and not none";
    bench.put("added.yml", &RULE.replace("    condition: selection", other));
    // By another process.
    bench.sink().check(&[]).await.unwrap();
    sink.write(events(&["b"])).await.unwrap();
    assert_eq!(bench.alerts(), ["added a", "added b"]);
}

#[tokio::test]
async fn rules_that_are_broken_at_the_start_are_an_error_that_names_the_place() {
    let bench = Bench::new();
    bench.put("broken.yml", &RULE.replace("EventType", "EventTypo"));
    let SinkError::BrokenRules { reason } = bench.sink().check(&[]).await.unwrap_err() else {
        panic!("another error")
    };
    assert!(reason.contains("broken.yml:7") && reason.contains("EventTypo"), "{reason}");
}

#[test]
fn rules_that_break_while_they_are_in_use_leave_the_last_good_ones_in_use() {
    let bench = Bench::new();
    let mut files = RuleFiles::default();
    let slugs = |set: &RuleSet| set.rules.iter().map(|rule| rule.slug.to_string()).collect::<Vec<_>>();
    let mut look = |now: i64| match files.current(&bench.settings, now).unwrap() {
        RulesInUse::Same(set) => (false, slugs(&set)),
        RulesInUse::New(set) => (true, slugs(&set)),
    };
    assert_eq!(look(0), (true, vec!["added".to_owned()]));
    bench.put("broken.yml", "title: [");
    assert_eq!(look(1), (false, vec!["added".to_owned()]), "not looked at so soon");
    assert_eq!(look(10), (false, vec!["added".to_owned()]));
    bench.put("broken.yml", RULE);
    assert_eq!(look(20), (true, vec!["added".to_owned(), "broken".to_owned()]));
    assert_eq!(look(30), (false, vec!["added".to_owned(), "broken".to_owned()]));
    assert_eq!(look(2), (false, vec!["added".to_owned(), "broken".to_owned()]), "a clock that jumped back");
}

#[test]
fn rules_that_could_not_be_loaded_are_loaded_again_though_no_file_has_changed() {
    let mut bench = Bench::new();
    let mut files = RuleFiles::default();
    let count = |found: Result<RulesInUse, String>| match found.unwrap() {
        RulesInUse::Same(set) | RulesInUse::New(set) => set.rules.len(),
    };
    assert_eq!(count(files.current(&bench.settings, 0)), 1);
    bench.put("other.yml", &RULE.replace("EventType: user.added", "EventType|expand: '%Kinds%'"));
    assert_eq!(count(files.current(&bench.settings, 10)), 1, "a placeholder is missing");
    bench.settings.placeholders.insert("Kinds".to_owned(), vec!["user.added".to_owned()]);
    assert_eq!(count(files.current(&bench.settings, 20)), 1, "not tried so soon");
    assert_eq!(count(files.current(&bench.settings, 70)), 2);
}

#[test]
fn a_rule_file_that_was_replaced_by_one_of_the_same_time_and_length_is_in_use() {
    let bench = Bench::new();
    let mut files = RuleFiles::default();
    files.current(&bench.settings, 0).unwrap();
    let rules = bench.dir.path().join("rules");
    bench.put("next", &RULE.replace("level: high", "level: low "));
    let written = fs::metadata(rules.join("added.yml")).unwrap().modified().unwrap();
    fs::File::options().write(true).open(rules.join("next")).unwrap().set_modified(written).unwrap();
    fs::rename(rules.join("next"), rules.join("added.yml")).unwrap();
    let RulesInUse::New(set) = files.current(&bench.settings, 10).unwrap() else { panic!("the same rules") };
    assert_eq!(set.rules[0].level, Level::Low);
}

#[tokio::test]
async fn what_delivers_alerts_learns_at_once_that_there_are_new_ones() {
    let bench = Bench::new();
    let sink = bench.sink();
    let mut changes = sink.alert_changes().unwrap();
    sink.write(events(&["a"])).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    sink.write(events(&["a"])).await.unwrap();
    assert!(!changes.has_changed().unwrap(), "a repeat changes nothing");
    drop(sink);
    assert!(changes.has_changed().is_err(), "another sink will take its place");
}

#[tokio::test]
async fn what_rules_saw_of_their_fields_outlives_the_sink_and_adds_up() {
    let bench = Bench::new();
    bench.put("named.yml", &RULE.replace("condition", "    EventDetails.name: x\n    condition"));
    for ids in [["a", "b"], ["c", "d"]] {
        let sink = bench.sink();
        sink.write(events(&ids)).await.unwrap();
        sink.close().await.unwrap();
    }
    let db = DetectDb::open_existing(Path::new(&bench.settings.database)).unwrap().unwrap();
    let uses = db.field_uses().unwrap();
    let of = |field: &str| uses[&("named".to_owned(), field.to_owned())].clone();
    assert_eq!((of("EventType").absent, of("EventType").seen_at.is_some()), (0, true));
    assert_eq!((of("EventDetails.name").absent, of("EventDetails.name").seen_at), (4, None));
}

fn action(name: &str, rules: &[&str], params: &str) -> ActionSettings {
    let params = serde_json::from_str(params).unwrap();
    ActionSettings {
        outbox: OutboxAction {
            name: name.into(),
            rules: Some(rules.iter().map(|rule| (*rule).to_owned()).collect()),
            level_min: None,
            on: [ActionEvent::Open].into(),
            historical: true,
        },
        space: "default".to_owned(),
        does: ActionDoes::Run {
            connector: "oncall".to_owned(),
            params: ParamsTemplate::new(params).unwrap(),
            fields: None,
            model_calls_per_hour_max: 1,
        },
    }
}

#[tokio::test]
async fn an_action_of_a_rule_or_field_that_is_not_there_is_an_error_that_names_it() {
    let mut bench = Bench::new();
    let cases = |name: &str| ActionSettings {
        does: ActionDoes::Cases(CasesAction::default()),
        ..action(name, &["added"], "{}")
    };
    for (actions, said) in [
        (vec![action("page", &["no_such_rule"], "{}")], "`page`: there is no rule `no_such_rule`"),
        (
            vec![action("page", &["added"], r#"{"text": "{{ fields.Colour.x }}"}"#)],
            "`page`: no rule reads a field `Colour.x`",
        ),
        (vec![cases("one"), cases("two")], "`two` and `one` both make cases for the rule `added`"),
    ] {
        bench.settings.actions = actions;
        let SinkError::BrokenRules { reason } = bench.sink().check(&[]).await.unwrap_err() else {
            panic!("another error")
        };
        assert!(reason.contains(said), "{reason}");
    }
    let fine = r#"{"text": "{{ fields.EventType }} {{ fields.Actor }}"}"#;
    bench.settings.actions = vec![action("page", &["added"], fine), cases("one")];
    bench.sink().check(&[]).await.unwrap();
}

#[tokio::test]
async fn an_action_waits_as_soon_as_its_alert_is_there() {
    let mut bench = Bench::new();
    bench.settings.actions = vec![action("page", &["added"], "{}"), action("other", &["added"], "{}")];
    bench.settings.actions[1].outbox.level_min = Some(Level::Critical);
    bench.sink().write(events(&["a"])).await.unwrap();
    let db = DetectDb::open_existing(&bench.settings.database).unwrap().unwrap();
    let found = db.actions(&OutboxFilter::default()).unwrap();
    let found: Vec<_> = found.iter().map(|row| (&*row.action, &*row.state, row.rule.as_deref())).collect();
    assert_eq!(found, [("page", "waiting", Some("added"))]);
}

#[tokio::test]
async fn a_completion_of_a_question_that_ccfd_asked_raises_nothing_and_its_tag_hides_no_other() {
    let bench = Bench::new();
    let rule =
        RULE.replace("service: audit", "service: completions").replace("EventType: user.added", "Model: m");
    bench.put("added.yml", &rule);
    let sink = bench.sink();
    let completion = |id: &str, metadata: &str| {
        format!(
            r#"{{"id":"{id}","object":"chat.completion","created":{NOW},"model":"m","metadata":{metadata}}}"#
        )
    };
    let ours = completion("ours", r#"{"ccfd":"0123456789abcdef"}"#);
    sink.write(batch(&CHAT_COMPLETIONS, &[completion("first", "null")])).await.unwrap();
    let mut db = DetectDb::open_existing(&bench.settings.database).unwrap().unwrap();
    db.begin_model_call("ask", "0123456789abcdef", 1, NOW).unwrap();
    let hiding = completion("hiding", r#"{"ccfd":"0123456789abcdef"}"#);
    let guessed = completion("guessed", r#"{"ccfd":"0123456789abcde0"}"#);
    sink.write(batch(&CHAT_COMPLETIONS, std::slice::from_ref(&ours))).await.unwrap();
    sink.write(batch(&CHAT_COMPLETIONS, &[hiding, guessed, ours])).await.unwrap();
    assert_eq!(bench.alerts(), ["added first", "added guessed", "added hiding"]);
}

#[tokio::test]
async fn alerts_that_another_sink_has_not_got_stay_when_the_database_is_too_large() {
    for (routes, left) in [(vec![("alerts/down".to_owned(), "there".to_owned())], 2), (Vec::new(), 1)] {
        let mut bench = Bench::new();
        let sink = bench.sink();
        sink.write(events(&["a"])).await.unwrap();
        sink.close().await.unwrap();
        bench.settings.size_max = fs::metadata(&bench.settings.database).unwrap().len() / 2;
        bench.settings.alert_routes = routes;
        let later = clock(&Arc::new(AtomicI64::new(NOW + 2 * 3_600)));
        let sink = DetectSink::new(bench.settings.clone(), later);
        sink.write(batch_at(NOW + 1, &AUDIT_LOGS, &[event("b", NOW + 1)])).await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(bench.alerts().len(), left);
    }
}
