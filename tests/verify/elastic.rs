//! `elasticsearch`: a real node is the judge, and a fake does what a healthy node will not.

use std::collections::{BTreeMap, BTreeSet};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use serde_json::{Value, json};

use super::{Verified, collect, names_of, verify};
use crate::support::{
    fake::Reply,
    fake_elastic::{Elastic, Searching, elastic_error},
    opensearch::Node,
    process_kill::{Site, hurried},
};

const AUDIT: SimulatedList = SimulatedList::AuditLogs;
const CHAT: SimulatedList = SimulatedList::Completions;

/// Both lists into a cluster, in indices of this name.
fn site(url: &str, index: &str, records: u64) -> Site {
    let options =
        SimulatorOptions { audit_logs: records, completions: records, ..SimulatorOptions::default() };
    site_of(options, url, index)
}

/// What a simulator lists in a cluster.
pub fn site_of(options: SimulatorOptions, url: &str, index: &str) -> Site {
    let sink = format!(
        "[sink.search]\ntype = \"elasticsearch\"\nurls = [\"{url}\"]\n\
         index = {{ audit_logs = \"{index}\", chat_completions = \"{index}-chat\" }}"
    );
    Site::configured(options, |api| {
        hurried(api, &["search"], &sink).replace("rate_limit_qps = 25", "rate_limit_qps = 100000")
    })
}

fn install(site: &Site) {
    assert!(site.command(&["check", "--install"]).output().unwrap().status.success());
}

fn verified(site: &Site, list: SimulatedList, more: &[&str]) -> Verified {
    verify(site, names_of(list).0, "search", more)
}

/// The ids of the window, some of them.
fn ids(site: &Site, list: SimulatedList) -> Vec<String> {
    let end = collectors::Clock::system().now() - 3700;
    let mut issued = site.simulator.issued(list);
    issued.retain(|(_, second)| *second < end);
    issued.into_iter().map(|(id, _)| id).collect()
}

fn classes(of: &[(&str, &String)]) -> BTreeMap<String, BTreeSet<String>> {
    of.iter().map(|(class, id)| ((*class).to_owned(), BTreeSet::from([(*id).clone()]))).collect()
}

/// Removes one document, doubles one, moves one by two hours, and adds one: each is found and named, and what is missing
/// comes back.
fn is_found_and_repaired(node: &Node, index: &str, site: &Site, list: SimulatedList) {
    let clean = verified(site, list, &[]);
    assert_eq!((clean.code, clean.verdict()), (Some(0), "agrees"), "{:#}\n{}", clean.report, clean.log);
    assert_eq!(clean.report["destination"]["compares"], "ids only");

    let ids = ids(site, list);
    let [removed, doubled, moved] = [&ids[0], &ids[1], &ids[2]];
    let source = |id: &str| node.get(&format!("/{index}/_doc/{id}"))["_source"].clone();
    node.post(&format!("/{index}/_doc/copy"), &source(doubled));
    let mut added = source(doubled);
    added["Id"] = json!("added-by-somebody");
    node.post(&format!("/{index}/_doc/added"), &added);
    let mut elsewhere = source(moved);
    let time = elsewhere["TimeGenerated"].as_str().unwrap();
    let time = chrono::DateTime::parse_from_rfc3339(time).unwrap() - chrono::TimeDelta::hours(2);
    elsewhere["TimeGenerated"] = json!(time.format("%FT%TZ").to_string());
    node.post(&format!("/{index}/_doc/{moved}"), &elsewhere);
    let mut of_another = source(doubled);
    of_another["ConnectorName"] = json!("another");
    node.post(&format!("/{index}/_doc/another"), &of_another);
    node.delete(&format!("/{index}/_doc/{removed}"));

    let by_somebody = "added-by-somebody".to_owned();
    let kept = [("doubled", doubled), ("only_in_sink", &by_somebody), ("altered", moved)];
    let all = [&kept[..], &[("missing", removed)]].concat();
    let found = verified(site, list, &[]);
    assert_eq!((found.code, found.classes()), (Some(3), classes(&all)), "{:#}", found.report);
    let repaired = verified(site, list, &["--repair"]);
    assert_eq!(repaired.classes(), classes(&kept), "{:#}\n{}", repaired.report, repaired.log);
    assert_eq!(node.get(&format!("/{index}/_doc/{removed}"))["found"], true);
}

#[test]
fn damage_in_a_node_is_found_and_repaired() {
    let Some(node) = Node::shared() else { return };
    let site = site(node.url(), "ccfd-verify", 400);
    install(&site);
    collect(&site);
    is_found_and_repaired(node, "ccfd-verify", &site, AUDIT);
    is_found_and_repaired(node, "ccfd-verify-chat", &site, CHAT);
}

#[test]
fn an_index_whose_types_the_node_guessed_is_asked_by_its_keywords() {
    let Some(node) = Node::shared() else { return };
    let site = site(node.url(), "ccfd-verify-guessed", 100);
    collect(&site);
    is_found_and_repaired(node, "ccfd-verify-guessed", &site, AUDIT);
}

#[test]
fn the_queries_of_a_report_give_its_figures() {
    let Some(node) = Node::shared() else { return };
    let site = site(node.url(), "ccfd-verify-copied", 300);
    install(&site);
    collect(&site);
    let report = verified(&site, AUDIT, &[]).report;
    let mut rows = Vec::new();
    for statement in report["statements"].as_array().unwrap() {
        let text = statement["text"].as_str().unwrap();
        let (line, body) = text.split_once('\n').unwrap_or((text, "{}"));
        let body: Value = serde_json::from_str(body).unwrap();
        let answer = node.post(line.strip_prefix("POST ").unwrap(), &body);
        if let Some(buckets) = answer["aggregations"]["found"]["buckets"].as_array() {
            rows.push(buckets.iter().map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum::<u64>());
        }
    }
    let total = report["totals"]["sink_rows"].as_u64().unwrap();
    assert!(total > 0 && rows == [total, total], "{rows:?} for {total}");
}

#[test]
fn more_ids_than_one_page_holds_are_read_whole() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 11_000);
    collect(&site);
    elastic.server.forget();
    let clean = verified(&site, AUDIT, &[]);
    assert_eq!((clean.code, clean.verdict()), (Some(0), "agrees"), "{}", clean.log);
    let searches = elastic.server.requests_to("_search");
    assert!(
        searches.iter().any(|request| request.json()["aggs"]["found"]["composite"].get("after").is_some())
    );
    assert!(elastic.server.requests()[0].path.ends_with("/_refresh"), "visible first");
    let last = ids(&site, AUDIT).into_iter().max().unwrap();
    elastic.remove("audit", &last);
    assert_eq!(verified(&site, AUDIT, &[]).classes(), classes(&[("missing", &last)]));
    elastic.set_searching(Searching::Circles);
    assert!(not_provable(&site).contains("buckets of an aggregation that come again"));
}

#[test]
fn a_document_with_another_time_of_the_same_hour_is_altered() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 60);
    collect(&site);
    let id = ids(&site, AUDIT).remove(0);
    let mut document = elastic.documents("audit")[&id].clone();
    let time = document["TimeGenerated"].as_str().unwrap().to_owned();
    let minute = if time[14..16] == *"00" { "01" } else { "00" };
    document["TimeGenerated"] = json!(format!("{}{minute}{}", &time[..14], &time[16..]));
    elastic.put("audit", &id, document);
    let found = verified(&site, AUDIT, &[]);
    assert_eq!((found.code, found.classes()), (Some(3), classes(&[("altered", &id)])), "{:#}", found.report);
    let hours = found.report["hours"].as_array().unwrap();
    assert_eq!(hours.iter().filter(|hour| hour["agrees"] == false).count(), 1);
}

/// The reason why nothing can be proven. Then nothing is named as missing.
fn not_provable(site: &Site) -> String {
    let verified = verified(site, AUDIT, &[]);
    let (code, report) = (verified.code, &verified.report);
    assert_eq!((code, verified.verdict()), (Some(1), "not_provable"), "{report:#}");
    assert!(verified.classes().is_empty(), "{report:#}");
    report["why"][0].as_str().unwrap().to_owned()
}

#[test]
fn an_answer_that_may_be_incomplete_proves_nothing() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 100);
    collect(&site);
    for (searching, reason) in [
        (Searching::ShardFails, "1 of 2 shards failed"),
        (Searching::TimesOut, "ended before it was complete"),
        (Searching::ShardSilent, "1 of 2 shards gave nothing"),
        (Searching::LosesBuckets, "cannot be found by `Id`"),
        (Searching::LosesHours, "cannot be found by `TimeGenerated`"),
    ] {
        elastic.set_searching(searching);
        let why = not_provable(&site);
        assert!(why.contains(reason), "{searching:?}: {why}");
    }
    elastic.set_searching(Searching::Well);
    let half = json!({ "_shards": { "total": 2, "successful": 1, "failed": 1 } });
    elastic.server.script_for("_refresh", [Reply::json(200, &half).into()]);
    assert!(not_provable(&site).contains("1 of 2 shards failed"));
    elastic.server.script_for("_search", [Reply::json(200, &json!({ "took": 1 })).into()]);
    assert!(not_provable(&site).contains("not a cluster's answer"));
    assert_eq!(verified(&site, AUDIT, &[]).verdict(), "agrees");
}

#[test]
fn what_the_key_or_the_index_lacks_is_said() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 50);
    collect(&site);
    for path in ["_refresh", "_field_caps", "_search"] {
        let refused = elastic_error(403, "security_exception", "action is unauthorized");
        elastic.server.script_for(path, [refused.into()]);
        let why = not_provable(&site);
        assert!(why.contains("the key needs read and maintenance on \"audit\""), "{why}");
    }
    for (field, kind) in [("Id", "text"), ("ConnectorName", "text"), ("TimeGenerated", "unmapped")] {
        elastic.map(field, kind);
        let why = not_provable(&site);
        let reason = format!("by `{field}`, which is {kind}");
        assert!(why.contains(&reason) && why.contains("ccfd check --install"), "{why}");
        elastic.map(field, if field == "TimeGenerated" { "date" } else { "keyword" });
    }
    elastic.put(
        "audit",
        "no-id",
        json!({
            "TimeGenerated": elastic.documents("audit").values().next().unwrap()["TimeGenerated"],
            "ConnectorName": "audit",
        }),
    );
    assert!(not_provable(&site).contains("1 document from "));
}

#[test]
fn a_document_of_another_collector_is_named() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 60);
    collect(&site);
    let id = ids(&site, AUDIT).remove(0);
    let mut document = elastic.documents("audit")[&id].clone();
    document["ConnectorName"] = json!("renamed");
    elastic.put("audit", &id, document);
    let found = verified(&site, AUDIT, &["--repair"]);
    let wanted = classes(&[("of_another", &id)]);
    assert_eq!((found.code, found.classes()), (Some(3), wanted), "{:#}", found.report);
    assert!(found.report["differences"][0]["reason"].as_str().unwrap().contains("`renamed`"));
    assert_eq!(found.report["repair"], Value::Null);
}

#[test]
fn a_check_says_what_a_scheduled_verification_may_not_read() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 20);
    let config = std::fs::read_to_string(site.path("ccfd.toml")).unwrap();
    site.write("ccfd.toml", &format!("{config}\n[verify]\nevery = \"1d\"\n"));
    let checked = || {
        let ended = site.command(&["check"]).output().unwrap();
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{text}");
        text
    };
    assert!(checked().contains("what was delivered can be read back"), "before the first record");
    collect(&site);
    assert!(checked().contains("what was delivered can be read back"));
    let refused = elastic_error(403, "security_exception", "action is unauthorized");
    elastic.server.script_for("_search", [refused.into()]);
    let text = checked();
    assert!(text.contains("warn") && text.contains("verify search"), "{text}");
    assert!(text.contains("read and maintenance"), "{text}");
}

#[test]
fn a_busy_cluster_is_asked_again_and_a_missing_index_proves_nothing() {
    let elastic = Elastic::plain();
    let site = site(elastic.server.url(), "audit", 50);
    collect(&site);
    let busy = elastic_error(429, "es_rejected_execution_exception", "busy").with_header("retry-after", "1");
    elastic.server.script_for("_search", [busy.into()]);
    assert_eq!(verified(&site, AUDIT, &[]).verdict(), "agrees");
    let gone = elastic_error(404, "index_not_found_exception", "no such index [audit]");
    elastic.server.script_for("_refresh", [gone.into()]);
    assert!(not_provable(&site).contains("index \"audit\" not found"));
}
