//! Cases made of alerts, killed at any moment: each once, with each alert once, here and in the Kibana that they are sent to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::Duration,
};

use ccfd::{
    cases::{AttachedContent, Case, CaseFilter, DEFAULT_SPACE},
    detect_db::{ActionState, AlertFilter, DetectDb, FILE_NAME, OutboxFilter},
    simulator::SimulatorOptions,
};
use reqwest::Method;

use super::{Moments, number};
use crate::{
    kibana_api::Api,
    support::process_kill::{Process, Site},
};

/// Every event raises an alert.
const RULES: &str = "
title: An event
name: event
logsource: {product: openai, service: audit}
detection: {selection: {EventType|exists: true}, condition: selection}
fields: [EventType]
level: low
";

fn site(target: &str) -> Site {
    let options = SimulatorOptions {
        audit_logs: 400,
        completions: 100,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    };
    let sinks = format!(
        r#"
        [sink.rules]
        type = "detect"
        rules = ["rules"]
        free_min = "0B"
        alerts_per_hour_max = 1000000
        [[detect.action]]
        name = "cases"
        connector = ".cases"
        historical = true
        group_by = ["EventType"]
        cases_max = 20
        {target}
        "#
    );
    let site = Site::into(options, &["rules"], &sinks);
    fs::create_dir(site.path("rules")).unwrap();
    site.write("rules/events.yml", RULES);
    site
}

/// Kills processes, and lets the last one do the rest.
fn kill_and_finish(site: &Site, later_ms: u64, start: impl Fn(&[&str]) -> Process) {
    let kills = number("CCFD_KILL_CYCLES", 12);
    let mut moments = Moments::new(later_ms);
    for kill in 0..kills {
        if kill % 4 == 3 {
            // As if each kill had fallen between the making of cases and what says that it is done.
            let database = rusqlite::Connection::open(site.path("state").join(FILE_NAME)).unwrap();
            _ = database.execute_batch("UPDATE outbox SET state = 'running' WHERE state = 'done'");
        }
        site.grow(3);
        start(&["run"]).kill_after(moments.next()).assert_nothing_for_a_person();
    }
    // The first one finds what may have been done, and the second may look for it.
    for _ in 0..2 {
        thread::sleep(Duration::from_secs(2));
        let ended = start(&["run", "--once"]).wait();
        ended.assert_nothing_for_a_person();
        assert!(ended.status.success(), "{}", ended.log);
    }
}

fn database(site: &Site) -> DetectDb {
    DetectDb::open_existing(&site.path("state").join(FILE_NAME)).unwrap().unwrap()
}

/// The cases, each with what is attached to it.
fn cases(db: &mut DetectDb) -> Vec<Case> {
    let filter = CaseFilter { per_page: 10_000, ..CaseFilter::default() };
    let mut store = db.cases(DEFAULT_SPACE);
    let found = store.find(&filter).unwrap().cases;
    found.into_iter().map(|case| store.get(&case.id).unwrap()).collect()
}

fn alerts_of(case: &Case) -> Vec<String> {
    let each = case.comments.iter().flatten().map(|one| match &one.content {
        AttachedContent::Alerts { ids, .. } => ids.clone(),
        AttachedContent::Comment { .. } | AttachedContent::File { .. } => Vec::new(),
    });
    each.flatten().collect()
}

/// Every alert is in one case, once, and no case is there twice.
fn assert_each_once(db: &mut DetectDb) -> Vec<Case> {
    let mut raised = BTreeSet::new();
    let listed = db.alerts(&AlertFilter::default(), |alert| {
        raised.insert(alert.id);
        Ok::<(), ()>(())
    });
    listed.unwrap().unwrap();
    let left = OutboxFilter {
        states: vec![ActionState::Waiting, ActionState::Running, ActionState::Failed, ActionState::Dropped],
        ..OutboxFilter::default()
    };
    assert_eq!(db.actions(&left).unwrap(), []);
    let cases = cases(db);
    let attached: Vec<String> = cases.iter().flat_map(alerts_of).collect();
    assert_eq!(attached.len(), raised.len(), "each alert is attached once");
    assert_eq!(attached.into_iter().collect::<BTreeSet<_>>(), raised);
    let titles: BTreeSet<&String> = cases.iter().map(|case| &case.title).collect();
    assert_eq!(titles.len(), cases.len(), "each group has one case");
    assert!(cases.len() > 3 && raised.len() >= 400, "{} cases of {} alerts", cases.len(), raised.len());
    cases
}

#[test]
fn each_case_is_made_once_and_each_alert_attached_once_however_often_the_process_is_killed() {
    let site = site("");
    kill_and_finish(&site, 1_500, |arguments| site.start(arguments));
    let cases = assert_each_once(&mut database(&site));
    println!("{} cases, each once", cases.len());
}

#[test]
fn each_case_is_sent_to_kibana_once_with_each_comment_once_however_often_the_process_is_killed() {
    let kibana = Api::start();
    let key = kibana.key("sender", &["--scope", "manage"]);
    let url = &kibana.daemon.url;
    let target = format!(
        r#"
        [sink.soc]
        type = "kibana_index"
        url = "{url}"
        auth = {{ api_key = {{ env = "KIBANA_KEY" }} }}
        [cases]
        target = "kibana"
        sink = "soc"
        search_lag = "1s"
        "#
    );
    let site = site(&target);
    kill_and_finish(&site, 2_500, |arguments| site.start_with(arguments, &[("KIBANA_KEY", &key)]));
    let here = assert_each_once(&mut database(&site));
    let (_, found) = kibana.operate(Method::GET, "/api/cases/_find?perPage=100", None);
    assert_eq!(found["total"], here.len(), "each case is there once");
    let mut there = BTreeMap::new();
    for case in found["cases"].as_array().unwrap() {
        let tags: Vec<String> = serde_json::from_value(case["tags"].clone()).unwrap();
        let id = tags.iter().find_map(|tag| tag.strip_prefix("ccfd:")).unwrap().to_owned();
        let path = format!("/api/cases/{}", case["id"].as_str().unwrap());
        let (_, whole) = kibana.operate(Method::GET, &path, None);
        let texts = whole["comments"].as_array().unwrap().iter().map(|one| one["comment"].as_str().unwrap());
        let endings: Vec<String> = texts.map(|text| text.rsplit('\n').next().unwrap().to_owned()).collect();
        there.insert(id, endings);
    }
    for case in &here {
        let mut wanted: Vec<String> =
            case.comments.iter().flatten().map(|one| format!("`ccfd:{}`", one.id)).collect();
        let mut found = there.remove(&case.id).expect("the case");
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{}: each summary once", case.title);
    }
    println!("{} cases, each once in Kibana", here.len());
}
