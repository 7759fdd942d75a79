//! Alerts on their way to other sinks: each arrives, each change of it arrives under the same id, and nothing is lost.

use std::{collections::BTreeSet, fs, path::PathBuf};

use ccfd::{
    config::{Config, Environment},
    daemon::{alerts, assembly::Assembly, supervisor::Supervisor},
    detect::model::{Comparison, CorrelationKind, Rule},
    detect_db::{AlertArrival, AlertFilter, Disposition},
    pipeline::policy::Failure,
    tables::format_utc,
};
use collectors::Clock;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    Alerts,
    rules::{Event, correlation, detection, matches_of},
};
use crate::support::{
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT},
    fake_elastic::Elastic,
};

const INDEX: &str = "logs-ccfd.alerts-default";
const HOSTILE: &str = "\"}\n{\"create\":{}}\u{1b}[2J<script>${x}";

fn rules() -> Vec<Rule> {
    let at_least = [(Comparison::AtLeast, 3.0)];
    vec![
        detection("created", true),
        detection("failed", false),
        correlation("many_failed", CorrelationKind::EventCount, &[1], true, 10, &at_least),
    ]
}

/// Alerts in a state directory, and a configuration that delivers them.
pub(super) struct Bench {
    pub(super) alerts: Alerts,
    config: String,
    variables: Vec<(&'static str, &'static str)>,
}

impl Bench {
    /// With these sinks, which are all named by `[detect]`.
    pub(super) fn new(sinks: &str) -> Self {
        let mut alerts = Alerts::new(rules());
        // The rules are old, and what follows happens now.
        alerts.now = Clock::system().now();
        let mut bench = Self { alerts, config: String::new(), variables: Vec::new() };
        bench.set_sinks(sinks);
        bench
    }

    fn set_sinks(&mut self, sinks: &str) {
        let names: Vec<String> = sinks
            .lines()
            .filter_map(|line| line.strip_prefix("[sink.")?.strip_suffix(']'))
            .filter(|name| !name.contains('.'))
            .map(|name| format!("\"{name}\""))
            .collect();
        self.config = format!(
            "[state]\ndir = \"{}\"\n[collector.acme]\nsource = \"audit_logs\"\napi_key = {{ env = \"A\" }}\nsinks = [\"rules\"]\n\
             [detect]\nalerts = [{}]\n[sink.rules]\ntype = \"detect\"\n{sinks}\n",
            self.alerts.dir.path().display(),
            names.join(", "),
        );
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.alerts.dir.path().join(name)
    }

    /// Records that a rule matches.
    pub(super) fn events(&mut self, detection: u32, user: &str, ids: &[&str]) {
        let at = self.alerts.now - 60;
        let event = |(place, id): (i64, &&str)| Event {
            id: (*id).to_owned(),
            at: at + place,
            user: Some(user.to_owned()),
            value: 1.0,
            matches: vec![detection],
        };
        let rules = rules();
        let matches: Vec<_> = (0..).zip(ids).flat_map(|one| matches_of(&rules, &event(one))).collect();
        self.alerts.deliver(&matches);
    }

    /// Delivers what there is, as the end of a daemon does. Returns the failures.
    pub(super) async fn deliver(&self) -> Vec<String> {
        let file = self.path("ccfd.toml");
        fs::write(&file, &self.config).unwrap();
        let environment: Environment = self.variables.iter().copied().collect();
        let config = Config::load(Some(&file), &environment, &[]).unwrap();
        let store = state::Store::open(self.alerts.dir.path(), state::StoreOptions::default()).unwrap().store;
        let assembly = Assembly::new(config, environment);
        let supervisor = Supervisor::new(assembly.clone(), store.clone());
        let failures = alerts::begin(&supervisor).end(true).await;
        drop(supervisor);
        assembly.close_sinks(None, std::time::Duration::from_secs(5)).await;
        store.close().await.unwrap();
        failures.iter().map(Failure::to_string).collect()
    }

    /// Delivers everything.
    pub(super) async fn deliver_all(&self) {
        assert_eq!(self.deliver().await, [] as [&str; 0]);
    }

    pub(super) fn ids(&self) -> BTreeSet<String> {
        self.alerts.all().into_iter().map(|alert| alert.id).collect()
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        let database = Connection::open(self.path("tables.db")).unwrap();
        let mut query = database.prepare(sql).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn lines(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for entry in self.path("files").read_dir().unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        lines
    }
}

pub(super) fn sqlite(bench: &str) -> String {
    format!("[sink.local]\ntype = \"sqlite\"\npath = \"{bench}\"\n")
}

#[tokio::test]
async fn each_alert_arrives_once_in_every_sink_and_a_new_status_under_the_same_id() {
    let elastic = Elastic::plain();
    let mut bench = Bench::new(&format!(
        "{}[sink.files]\ntype = \"ndjson\"\ndir = \"files\"\nalerts_shape = \"ocsf\"\n\
         [sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n",
        sqlite("tables.db"),
        elastic.server.url()
    ));
    bench.events(0, "ann@example.com", &["a", "b"]);
    bench.events(1, HOSTILE, &["c", "d", "e"]);
    assert_eq!(bench.ids().len(), 3);
    bench.deliver_all().await;
    bench.deliver_all().await;

    let first = elastic.documents(INDEX);
    assert_eq!(first.keys().cloned().collect::<BTreeSet<_>>(), bench.ids());
    assert!(first.values().all(|document| document["event"]["kind"] == "alert"), "{first:?}");
    assert_eq!(bench.rows("SELECT AlertId FROM CcfdAlerts_CL ORDER BY AlertId").len(), 3);
    let findings = bench.lines();
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|finding| finding["class_uid"] == 2004 && finding["activity_id"] == 1));
    let group = "SELECT GroupKey ->> '$.user' FROM CcfdAlerts_CL WHERE RuleSlug = 'many_failed'";
    assert_eq!(bench.rows(group), [HOSTILE]);

    let id = bench.ids().first().unwrap().clone();
    let ingested = first[&id]["event"]["ingested"].clone();
    let later = bench.alerts.now + 3_600;
    bench.alerts.db.judge_alert(&id, Some(Disposition::FalsePositive), "ann", None, later).unwrap();
    bench.deliver_all().await;
    let second = elastic.documents(INDEX);
    assert_eq!(second.len(), 3, "no other document");
    let document = &second[&id];
    assert_eq!(
        (&document["ccfd"]["alert"]["status"], &document["event"]["ingested"]),
        (&json!("closed"), &ingested)
    );
    assert_eq!(document["ccfd"]["alert"]["changed_at"], format_utc(later));
    let closed = bench.rows("SELECT AlertId FROM CcfdAlerts_CL WHERE Status = 'closed' AND IsUpdate = 1");
    assert_eq!((closed, bench.rows("SELECT AlertId FROM CcfdAlerts_CL").len()), (vec![id.clone()], 3));
    let findings = bench.lines();
    assert_eq!(findings.len(), 4);
    let last = findings.iter().find(|finding| finding["activity_id"] == 3).unwrap();
    assert_eq!((&last["metadata"]["uid"], &last["verdict_id"]), (&json!(id), &json!(1)));
}

#[tokio::test]
async fn what_a_sink_that_is_down_does_not_take_arrives_when_it_is_up() {
    let mut bench = Bench::new(&sqlite("tables.db"));
    bench.events(0, "ann", &["a", "b"]);
    fs::create_dir(bench.path("tables.db")).unwrap();
    assert_eq!(bench.deliver().await.len(), 1);
    bench.events(0, "ann", &["c"]);
    fs::remove_dir(bench.path("tables.db")).unwrap();
    bench.deliver_all().await;
    assert_eq!(
        bench.rows("SELECT AlertId FROM CcfdAlerts_CL").into_iter().collect::<BTreeSet<_>>(),
        bench.ids()
    );
    assert_eq!(bench.rows("SELECT AlertId FROM CcfdAlerts_CL WHERE IsUpdate = 1"), [] as [&str; 0]);
}

#[tokio::test]
async fn a_kill_between_the_write_and_its_commit_repeats_alerts_under_the_same_ids() {
    let elastic = Elastic::plain();
    let es = format!("[sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n", elastic.server.url());
    let mut bench = Bench::new(&format!("{}{es}", sqlite("tables.db")));
    bench.events(0, "ann", &["a", "b", "c"]);
    bench.deliver_all().await;
    // As if the commit had not happened.
    let database = Connection::open(bench.alerts.path()).unwrap();
    database.execute_batch("DELETE FROM delivery; DELETE FROM delivered").unwrap();
    bench.deliver_all().await;
    assert_eq!(bench.rows("SELECT AlertId FROM CcfdAlerts_CL").len(), 3);
    assert_eq!(elastic.documents(INDEX).keys().cloned().collect::<BTreeSet<_>>(), bench.ids());
}

#[tokio::test]
async fn a_sink_that_is_named_again_continues_and_another_destination_gets_every_alert() {
    let mut bench = Bench::new(&sqlite("tables.db"));
    bench.events(0, "ann", &["a", "b"]);
    bench.deliver_all().await;
    let database = Connection::open(bench.path("tables.db")).unwrap();
    database.execute_batch("DELETE FROM CcfdAlerts_CL").unwrap();
    drop(database);
    bench.set_sinks("");
    bench.events(0, "ann", &["c"]);
    bench.deliver_all().await;
    bench.set_sinks(&sqlite("tables.db"));
    bench.deliver_all().await;
    assert_eq!(bench.rows("SELECT AlertId FROM CcfdAlerts_CL").len(), 1, "what was delivered is not again");
    bench.set_sinks(&sqlite("other.db"));
    bench.deliver_all().await;
    fs::rename(bench.path("other.db"), bench.path("tables.db")).unwrap();
    assert_eq!(bench.rows("SELECT AlertId FROM CcfdAlerts_CL").len(), 3);
}

#[tokio::test]
async fn an_alert_that_begins_to_notify_is_new_to_those_who_are_notified() {
    let elastic = Elastic::plain();
    let es = format!("[sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n", elastic.server.url());
    let mut bench = Bench::new(&es);
    bench.events(0, "ann", &["a"]);
    let id = bench.ids().first().unwrap().clone();
    let database = Connection::open(bench.alerts.path()).unwrap();
    let next = "UPDATE counter SET value = value + 1 WHERE name = 'change';
        UPDATE alert SET change = (SELECT value FROM counter WHERE name = 'change')";
    database.execute_batch(&format!("{next}, notify = 0, silence = 'historical'")).unwrap();
    bench.deliver_all().await;
    assert_eq!(elastic.documents(INDEX)[&id]["event"]["kind"], "event");
    // As if it had been delivered long ago.
    database.execute_batch(&format!("UPDATE delivered SET at = 7; {next}")).unwrap();
    bench.deliver_all().await;
    assert_eq!(elastic.documents(INDEX)[&id]["event"]["ingested"], format_utc(7));
    database.execute_batch(&format!("{next}, notify = 1, silence = NULL")).unwrap();
    bench.deliver_all().await;
    let document = elastic.documents(INDEX)[&id].clone();
    assert_eq!(document["event"]["kind"], "alert");
    assert_ne!(
        document["event"]["ingested"],
        format_utc(7),
        "a rule that looks at the last minutes would miss it"
    );
}

#[tokio::test]
async fn azure_gets_every_version_of_an_alert_and_which_is_the_first() {
    let azure = Azure::start();
    let columns = ccfd::tables::ALERTS.stream.iter().map(|field| field.name.to_string()).collect::<Vec<_>>();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    azure.ingestion.declare("Custom-CcfdAlerts_CL", &columns);
    let mut bench = Bench::new(&format!(
        "[sink.sentinel]\ntype = \"logs_ingestion\"\nendpoint = \"{}\"\ndcr_immutable_id = \"{DCR}\"\nca_file = \"{}\"\n\
         [sink.sentinel.auth]\nkind = \"client_secret\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret = {{ env = \"AZURE_CLIENT_SECRET\" }}\nauthority_host = \"{}\"\n",
        azure.ingestion.server.url(),
        azure.ca.path().display(),
        azure.entra.server.url()
    ));
    bench.variables = vec![("AZURE_CLIENT_SECRET", CLIENT_SECRET)];
    bench.events(1, HOSTILE, &["a", "b", "c"]);
    bench.deliver_all().await;
    let id = bench.ids().first().unwrap().clone();
    bench.alerts.db.judge_alert(&id, None, "ann", None, bench.alerts.now).unwrap();
    bench.deliver_all().await;
    let rows = azure.ingestion.rows("Custom-CcfdAlerts_CL");
    let shown: Vec<_> = rows.iter().map(|row| (&row["id"], &row["status"], &row["is_update"])).collect();
    let (first, second) = (json!("open"), json!("acknowledged"));
    assert_eq!(shown, [(&json!(id), &first, &json!(0)), (&json!(id), &second, &json!(1))]);
    assert_eq!(rows[0]["at"].as_i64(), rows[1]["at"].as_i64(), "it is dated when it was raised");
    assert_eq!(rows[0]["group"]["user"], HOSTILE);
    assert_eq!(azure.ingestion.losses(), []);
}

#[test]
fn how_far_an_alert_is_on_its_way_is_known_for_each_route_and_destination() {
    let mut alerts = Alerts::new(rules());
    let rules = rules();
    let event = |id: &str, at| Event { id: id.to_owned(), at, user: None, value: 1.0, matches: vec![0] };
    for (at, id) in [(100, "a"), (200, "b"), (300, "c")] {
        alerts.deliver(&matches_of(&rules, &event(id, at)));
    }
    let mut checkpoint = alerts.db.delivery_checkpoint("alerts/x", "x").unwrap();
    let due = alerts.db.due_alerts("alerts/x", &checkpoint, 9).unwrap();
    let ids: Vec<String> = due.iter().map(|due| due.alert.id.clone()).chain(["other".to_owned()]).collect();
    let arrivals = |alerts: &Alerts, destination: &str| -> Vec<AlertArrival> {
        let found = alerts.db.alert_arrivals("alerts/x", destination, &ids).unwrap();
        ids.iter().map(|id| found[id]).collect()
    };
    let (due_yet, unknown) = (AlertArrival::Due, AlertArrival::Unknown);
    assert_eq!(arrivals(&alerts, "x"), [due_yet, due_yet, due_yet, unknown]);
    // The second is refused.
    alerts.db.commit_alerts("alerts/x", "x", &due[..2], &BTreeSet::from([1]), 7).unwrap();
    assert_eq!(arrivals(&alerts, "x"), [AlertArrival::At(7), unknown, due_yet, unknown]);
    assert_eq!(arrivals(&alerts, "y"), [due_yet, due_yet, due_yet, unknown], "elsewhere nothing has arrived");
    checkpoint = alerts.db.delivery_checkpoint("alerts/x", "y").unwrap();
    assert!(!checkpoint.is_known);
}

#[test]
fn alerts_that_changed_together_are_all_delivered_however_small_a_page_is() {
    let mut alerts = Alerts::new(rules());
    let event = |(at, id): (i64, &str)| Event {
        id: id.to_owned(),
        at,
        user: Some("ann".to_owned()),
        value: 1.0,
        matches: vec![1],
    };
    let rules = rules();
    let mut deliver = |events: &[(i64, &str)]| {
        let matches: Vec<_> = events.iter().flat_map(|one| matches_of(&rules, &event(*one))).collect();
        alerts.deliver(&matches);
    };
    deliver(&[(128, "h"), (129, "i"), (130, "j")]);
    deliver(&[(100, "a"), (101, "b"), (102, "c"), (114, "d"), (115, "e"), (116, "f")]);
    deliver(&[(108, "g")]);
    // What the second alert consists of becomes part of the first one, with one number.
    deliver(&[(122, "k")]);
    let mut seen = BTreeSet::new();
    let mut checkpoint = alerts.db.delivery_checkpoint("alerts/x", "x").unwrap();
    loop {
        let due = alerts.db.due_alerts("alerts/x", &checkpoint, 1).unwrap();
        let Some(one) = due.first() else { break };
        alerts.db.commit_alerts("alerts/x", "x", &due, &BTreeSet::new(), 7).unwrap();
        seen.insert(one.alert.id.clone());
        checkpoint = alerts.db.delivery_checkpoint("alerts/x", "x").unwrap();
    }
    let mut all = BTreeSet::new();
    let filter = AlertFilter { withdrawn: true, ..AlertFilter::default() };
    let listed = alerts.db.alerts(&filter, |alert| {
        all.insert(alert.id);
        Ok::<(), ()>(())
    });
    listed.unwrap().unwrap();
    assert_eq!((seen.len(), &seen), (3, &all));
    assert_eq!(checkpoint.delivered, 3);
}
