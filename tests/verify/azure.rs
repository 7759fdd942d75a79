//! `logs_ingestion`: the rows are asked for through a query API that answers as Azure documents it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use serde_json::json;

use super::{Verified, collect, names_of, verify};
use crate::support::{
    fake::{Ca, Reply},
    fake_azure::{
        Analytics, CLIENT_ID, CLIENT_SECRET, DCR, Entra, Ingestion, TENANT, WORKSPACE, ingestion_error,
    },
    process_kill::{Site, hurried},
};

const AUDIT: SimulatedList = SimulatedList::AuditLogs;
const CHAT: SimulatedList = SimulatedList::Completions;
const STREAM: &str = "Custom-OpenAIAuditLogs_CL";

pub struct Azure {
    entra: Entra,
    pub ingestion: Arc<Ingestion>,
    analytics: Analytics,
    pub site: Site,
    _ca: Ca,
}

/// Both lists in Azure, with more keys of the sink.
fn azure(records: u64, keys: &str) -> Azure {
    let options =
        SimulatorOptions { audit_logs: records, completions: records, ..SimulatorOptions::default() };
    azure_with(options, keys)
}

/// What a simulator lists in Azure.
pub fn azure_with(options: SimulatorOptions, keys: &str) -> Azure {
    let ca = Ca::new();
    let entra = Entra::start(Some(ca.server()));
    let ingestion = Arc::new(Ingestion::start(Some(ca.server()), &entra));
    let analytics = Analytics::start(Some(ca.server()), &entra, ingestion.clone());
    let sink = format!(
        "[sink.sentinel]\ntype = \"logs_ingestion\"\nendpoint = \"{}\"\ndcr_immutable_id = \"{DCR}\"\n\
         ca_file = \"{}\"\n{}\n[sink.sentinel.auth]\nkind = \"client_secret\"\ntenant_id = \"{TENANT}\"\n\
         client_id = \"{CLIENT_ID}\"\nclient_secret = {{ file = \"secret\" }}\nauthority_host = \"{}\"",
        ingestion.server.url(),
        ca.path().display(),
        keys.replace("URL", analytics.server.url()),
        entra.server.url(),
    );
    let site = Site::configured(options, |api| {
        hurried(api, &["sentinel"], &sink).replace("rate_limit_qps = 25", "rate_limit_qps = 100000")
    });
    site.write("secret", CLIENT_SECRET);
    private(&site.path("secret"));
    collect(&site);
    Azure { entra, ingestion, analytics, site, _ca: ca }
}

/// Readable by nobody else, as a secret must be.
fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub fn asked() -> String {
    format!("workspace_id = \"{WORKSPACE}\"\nquery_endpoint = \"URL\"")
}

impl Azure {
    pub fn verified(&self, list: SimulatedList, more: &[&str]) -> Verified {
        verify(&self.site, names_of(list).0, "sentinel", more)
    }

    fn not_provable(&self) -> String {
        let verified = self.verified(AUDIT, &[]);
        let report = &verified.report;
        assert_eq!((verified.code, verified.verdict()), (Some(1), "not_provable"), "{report:#}");
        assert!(verified.classes().is_empty(), "{report:#}");
        report["why"][0].as_str().unwrap().to_owned()
    }
}

/// The window of `verify`, without the last hour.
fn old_ids(azure: &Azure) -> Vec<String> {
    let end = collectors::Clock::system().now() - 3700;
    let rows = azure.ingestion.rows(STREAM);
    let old = rows.iter().filter(|row| row["effective_at"].as_i64().unwrap() < end);
    old.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn damage_is_found_by_the_digests_and_rows_of_any_age_are_seen() {
    let azure = azure(400, &asked());
    for list in [AUDIT, CHAT] {
        let clean = azure.verified(list, &[]);
        assert_eq!((clean.code, clean.verdict()), (Some(0), "agrees"), "{:#}\n{}", clean.report, clean.log);
    }
    let ids_asked = |azure: &Azure| {
        let requests = azure.analytics.server.requests();
        requests.iter().filter(|request| !request.json()["query"].as_str().unwrap().contains("xor")).count()
    };
    assert_eq!(ids_asked(&azure), 0, "ids are fetched only where digests differ");

    let ids = old_ids(&azure);
    let (missing, doubled) = (ids[0].clone(), ids[1].clone());
    azure.ingestion.change(STREAM, |rows| {
        rows.retain(|row| row["id"] != *missing);
        let twice = rows.iter().find(|row| row["id"] == *doubled).unwrap().clone();
        let mut added = twice.clone();
        added["id"] = json!("added");
        rows.extend([twice, added]);
    });
    let wanted: BTreeMap<String, BTreeSet<String>> =
        [("missing", &*missing), ("doubled", &*doubled), ("only_in_sink", "added")]
            .into_iter()
            .map(|(class, id)| (class.to_owned(), BTreeSet::from([id.to_owned()])))
            .collect();
    let found = azure.verified(AUDIT, &[]);
    assert_eq!((found.code, found.classes()), (Some(3), wanted.clone()), "{:#}", found.report);
    assert!(ids_asked(&azure) > 0);

    // However long a list of ids is, it is read whole, in parts.
    azure.analytics.limit(20);
    let in_parts = azure.verified(AUDIT, &[]);
    assert_eq!((in_parts.code, in_parts.classes()), (Some(3), wanted), "{:#}", in_parts.report);
    azure.analytics.limit(0);
    let why = azure.not_provable();
    assert!(why.contains("PartialError: EngineError: E_QUERY_RESULT_SET_TOO_LARGE"), "{why}");
}

#[test]
fn a_repair_is_delivered_and_proven_only_after_the_latency() {
    let azure = azure(100, &asked());
    let missing = old_ids(&azure)[0].clone();
    azure.ingestion.change(STREAM, |rows| rows.retain(|row| row["id"] != *missing));
    let repaired = azure.verified(AUDIT, &["--repair"]);
    assert_eq!((repaired.code, repaired.verdict()), (Some(1), "not_provable"), "{:#}", repaired.report);
    let why = repaired.report["why"][0].as_str().unwrap();
    assert!(why.contains("delivered 1 record: ") && why.contains("without --repair"), "{why}");
    assert_eq!(azure.verified(AUDIT, &[]).verdict(), "agrees");
    // Azure may not show it for a while.
    azure.ingestion.change(STREAM, |rows| rows.retain(|row| row["id"] != *missing));
    let rows = azure.ingestion.rows(STREAM).len();
    for more in [&["--repair"][..], &[]] {
        let early = azure.verified(AUDIT, more);
        assert_eq!((early.code, early.verdict()), (Some(1), "not_provable"), "{:#}", early.report);
        let why = early.report["why"][0].as_str().unwrap();
        assert!(why.starts_with("open: a repair has delivered records"), "{why}");
    }
    assert_eq!(azure.ingestion.rows(STREAM).len(), rows, "nothing is delivered twice");
}

#[test]
fn a_window_that_is_delivered_and_younger_than_the_latency_is_open() {
    let azure = azure(50, &asked());
    let report = azure.verified(AUDIT, &[]).report;
    let delivered = report["clock"]["delivered_before"].as_str().unwrap();
    let delivered = chrono::DateTime::parse_from_rfc3339(delivered).unwrap();
    for (to, reason) in [
        (delivered, "may still appear in the list (overlap 20s) or in the sink (latency 30m)"),
        (delivered + chrono::TimeDelta::seconds(1), "has delivered everything only before"),
    ] {
        let to = to.format("%FT%TZ").to_string();
        let words = ["verify", "audit", "--sink", "sentinel", "--json", "--from", "2d", "--to", &to];
        let ended = azure.site.command(&words).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        let why = report["why"][0].as_str().unwrap();
        assert!(ended.status.code() == Some(1) && why.starts_with("open: ") && why.contains(reason), "{why}");
        assert_eq!(report["source"]["requests"], 0, "nothing is read for it");
    }
}

#[test]
fn a_check_says_what_a_scheduled_verification_may_not_read() {
    let azure = azure(20, &asked());
    let config = fs::read_to_string(azure.site.path("ccfd.toml")).unwrap();
    azure.site.write("ccfd.toml", &format!("{config}\n[verify]\nevery = \"1d\"\n"));
    let checked = || String::from_utf8(azure.site.command(&["check"]).output().unwrap().stdout).unwrap();
    let text = checked();
    assert!(text.contains("what was delivered can be read back"), "{text}");
    azure.analytics.set_denied(true);
    let text = checked();
    assert!(text.contains("verify sentinel") && text.contains("Log Analytics Reader"), "{text}");
}

#[test]
fn an_answer_that_may_be_incomplete_proves_nothing() {
    let azure = azure(50, &asked());
    let server = &azure.analytics.server;
    server.script([Reply::status(200).into()]);
    assert!(azure.not_provable().contains("an empty answer"));
    server.script([Reply::status(204).into()]);
    assert!(azure.not_provable().contains("the workspace is empty"));
    server.script([Reply::json(200, &json!({ "tables": [] })).into()]);
    assert!(azure.not_provable().contains("an answer without its table"));
    server.script([Reply::status(200).with_body("<html>log in</html>").into()]);
    assert!(azure.not_provable().contains("not the answer to a query"));
    azure.analytics.set_denied(true);
    let why = azure.not_provable();
    assert!(why.contains("InsufficientAccessError") && why.contains("Log Analytics Reader"), "{why}");
    azure.analytics.set_denied(false);
    assert_eq!(azure.verified(AUDIT, &[]).verdict(), "agrees");
}

#[test]
fn a_queue_that_is_full_and_a_token_that_is_refused_are_got_over() {
    let azure = azure(50, &asked());
    let busy = ingestion_error(429, "ThrottledError", "too many").with_header("retry-after", "1");
    azure.analytics.server.script([busy.into(), ingestion_error(401, "AuthenticationFailed", "old").into()]);
    let before = azure.entra.count();
    assert_eq!(azure.verified(AUDIT, &[]).verdict(), "agrees");
    assert_eq!(azure.entra.count(), before + 2);
}

#[test]
fn a_workspace_named_by_its_path_is_asked_through_the_resource_manager() {
    let path = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/soc/providers/\
                Microsoft.OperationalInsights/workspaces/acme";
    let azure = azure(50, &format!("workspace_id = \"{path}\"\nquery_endpoint = \"URL\""));
    assert!(azure.not_provable().contains("InvalidAuthenticationTokenAudience"));
    azure.analytics.set_audience("https://management.azure.com");
    assert_eq!(azure.verified(AUDIT, &[]).verdict(), "agrees");
}

#[test]
fn without_a_workspace_nothing_can_be_compared_and_the_report_says_what_to_set() {
    let azure = azure(10, "");
    let why = azure.not_provable();
    assert!(why.starts_with("not comparable: ") && why.contains("`workspace_id`"), "{why}");
}
