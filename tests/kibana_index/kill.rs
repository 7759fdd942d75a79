//! The real binary, killed while it writes through a fake Kibana; and ended in an orderly way.

use std::{
    collections::{HashMap, HashSet},
    fs,
    time::Duration,
};

use ccfd::simulator::{SimulatedList, SimulatorOptions};

use super::{INDEX, api_key, ids, write_secret};
use crate::support::{fake_kibana::Kibana, process_kill::Site};

const LISTS: [(SimulatedList, &str); 2] =
    [(SimulatedList::AuditLogs, INDEX), (SimulatedList::Completions, "openai-chat-completions")];
const KILLS: u64 = 12;

fn site(kibana: &Kibana, keys: &str) -> Site {
    let site = Site::new(SimulatorOptions {
        audit_logs: 4_000,
        completions: 2_000,
        latency: Duration::from_millis(2),
        ..SimulatorOptions::default()
    });
    write_secret(&site.path("kibana.key"), api_key());
    let text = fs::read_to_string(site.path("ccfd.toml")).unwrap();
    let (routes, _) = text.split_once("[sink.tables]").unwrap();
    let sink = format!(
        "[sink.kibana]\ntype = \"kibana_index\"\nurl = \"{}\"\nauth = {{ api_key = {{ file = \"kibana.key\" }} }}\n{keys}\n",
        kibana.server.url()
    );
    let routes = routes.replace(r#"sinks = ["tables", "lines"]"#, r#"sinks = ["kibana"]"#);
    fs::write(site.path("ccfd.toml"), routes + &sink).unwrap();
    site
}

/// Kills it while it delivers, lets it end, and answers how many documents repeat another one.
fn kill_and_count(kibana: &Kibana) -> usize {
    let site = site(kibana, "documents_max = 100");
    for kill in 0..KILLS {
        site.grow(3);
        site.start(&["run"]).kill_after(Duration::from_millis(150 + 97 * kill)).assert_nothing_for_a_person();
    }
    site.read_the_rest();
    let mut repeats = 0;
    for (list, index) in LISTS {
        let mut times: HashMap<String, usize> = HashMap::new();
        for document in kibana.documents(index) {
            *times.entry(document["Id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let issued = site.simulator.issued(list);
        let missing = issued.iter().filter(|(id, _)| !times.contains_key(id)).count();
        assert_eq!((missing, times.len()), (0, issued.len()), "{index}");
        repeats += times.values().map(|times| times - 1).sum::<usize>();
    }
    assert_eq!(kibana.connectors("default").len(), 2);
    repeats
}

#[test]
fn with_ids_from_a_pipeline_kills_lose_nothing_and_repeat_nothing() {
    let kibana = Kibana::plain();
    for (_, index) in LISTS {
        kibana.set_ids_from(index, "Id");
    }
    assert_eq!(kill_and_count(&kibana), 0);
}

#[test]
fn without_ids_kills_lose_nothing() {
    let repeats = kill_and_count(&Kibana::plain());
    println!("{KILLS} kills: nothing missing, {repeats} documents repeated");
}

#[test]
fn what_elasticsearch_says_of_a_document_is_in_the_rejects_and_not_in_the_log() {
    let kibana = Kibana::plain();
    let site = site(&kibana, "");
    let (id, _) = site.simulator.issued(SimulatedList::AuditLogs)[5].clone();
    kibana.refuse(&id, "failed to parse field [n]. Preview of field's value: 'somebody@example.com'", None);
    let ended = site.start(&["run", "--once"]).wait();
    assert!(ended.status.success() && ended.log.contains("sent again in parts"), "{}", ended.log);
    assert!(!ended.log.contains("somebody") && !ended.log.contains(api_key()), "{}", ended.log);
    let rejects = fs::read_dir(site.path("state").join("rejects")).unwrap();
    let kept: String = rejects.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    assert!(kept.contains("somebody@example.com") && kept.contains(&id), "{kept}");
    let delivered: HashSet<String> = ids(&kibana, INDEX).into_iter().collect();
    assert_eq!(delivered.len() + 1, site.simulator.issued(SimulatedList::AuditLogs).len());
}

#[test]
fn an_orderly_end_deletes_the_connectors_where_that_is_wanted() {
    let kibana = Kibana::plain();
    for (keys, left) in [("", 2), ("delete_on_exit = true", 0)] {
        let ended = site(&kibana, keys).start(&["run", "--once"]).wait();
        assert!(ended.status.success(), "{}", ended.log);
        assert_eq!(kibana.connectors("default").len(), left);
    }
}
