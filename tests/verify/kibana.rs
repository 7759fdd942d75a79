//! `kibana_index`: its documents are read through the cluster behind Kibana, which another sink describes.

use std::collections::{BTreeMap, BTreeSet};

use ccfd::simulator::{SimulatedList, SimulatorOptions};

use super::{collect, names_of, verify};
use crate::support::{
    fake_elastic::Elastic,
    fake_kibana::Kibana,
    process_kill::{Site, hurried},
};

const INDEX: &str = "openai-audit-logs";

fn site(kibana: &Kibana, keys: &str) -> Site {
    let sinks = format!(
        "[sink.kibana]\ntype = \"kibana_index\"\nurl = \"{}\"\nauth = {{ api_key = {{ env = \"ADMIN_KEY\" }} }}\n{keys}",
        kibana.server.url()
    );
    let options = SimulatorOptions { audit_logs: 100, ..SimulatorOptions::default() };
    let site = Site::configured(options, |api| hurried(api, &["kibana"], &sinks));
    kibana.require(&format!("ApiKey {}", crate::support::wire::ADMIN_KEY));
    collect(&site);
    site
}

#[test]
fn documents_are_read_through_the_named_cluster() {
    let (kibana, elastic) = (Kibana::plain(), Elastic::plain());
    let search = format!("[sink.search]\ntype = \"elasticsearch\"\nurls = [\"{}\"]", elastic.server.url());
    let site = site(&kibana, &format!("compare_with = \"search\"\n{search}"));
    let audit = names_of(SimulatedList::AuditLogs).0;
    for (number, document) in kibana.documents(INDEX).into_iter().enumerate() {
        elastic.put(INDEX, &number.to_string(), document);
    }
    let clean = verify(&site, audit, "kibana", &[]);
    assert_eq!((clean.code, clean.verdict()), (Some(0), "agrees"), "{:#}\n{}", clean.report, clean.log);
    let oldest = elastic.documents(INDEX);
    let (place, oldest) =
        oldest.iter().min_by_key(|(_, document)| document["TimeGenerated"].as_str().unwrap()).unwrap();
    elastic.remove(INDEX, place);
    let id = oldest["Id"].as_str().unwrap().to_owned();
    let missing = BTreeMap::from([("missing".to_owned(), BTreeSet::from([id]))]);
    assert_eq!(verify(&site, audit, "kibana", &[]).classes(), missing);
}

#[test]
fn without_a_cluster_nothing_can_be_compared_and_the_report_says_what_to_set() {
    let kibana = Kibana::plain();
    for (keys, reason) in [
        ("", "name that sink in `compare_with`"),
        ("compare_with = \"nowhere\"", "names `nowhere`, which must be a sink of type elasticsearch"),
    ] {
        let verified = verify(&site(&kibana, keys), "audit", "kibana", &[]);
        assert_eq!((verified.code, verified.verdict()), (Some(1), "not_provable"));
        let why = verified.report["why"][0].as_str().unwrap().to_owned();
        assert!(why.starts_with("not comparable: ") && why.contains(reason), "{why}");
    }
}
