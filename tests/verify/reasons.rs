//! Differences that are explained.

use std::fs;

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use rusqlite::Connection;

use super::{collect, site, verify};

fn few() -> SimulatorOptions {
    SimulatorOptions { audit_logs: 150, completions: 40, ..SimulatorOptions::default() }
}

#[test]
fn a_missing_record_that_the_sink_refuses_is_in_the_rejects_after_the_repair_and_explained() {
    let site = site(few());
    collect(&site);
    let tables = Connection::open(site.path("tables.db")).unwrap();
    let table = "OpenAIAuditLogs_CL";
    let oldest = format!("SELECT Id FROM {table} ORDER BY TimeGenerated LIMIT 1");
    let id: String = tables.query_row(&oldest, [], |row| row.get(0)).unwrap();
    tables.execute(&format!("DELETE FROM {table} WHERE Id = ?1"), [&id]).unwrap();
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN NEW.Id = '{id}' BEGIN SELECT RAISE(ABORT, 'no'); END"
    );
    tables.execute_batch(&refuse).unwrap();
    let repaired = verify(&site, "audit", "tables", &["--repair"]);
    assert_eq!(repaired.report["repair"]["rejected"], 1, "{:#}\n{}", repaired.report, repaired.log);
    assert_eq!(repaired.classes()["in_rejects"].first(), Some(&id));
    assert_eq!((repaired.code, repaired.verdict()), (Some(0), "agrees_with_explained_differences"));
    let again = verify(&site, "audit", "tables", &["--repair"]);
    assert_eq!(again.report["repair"], serde_json::Value::Null, "what was refused is not sent again");
}

#[test]
fn rows_that_were_written_before_a_rule_of_redaction_are_explained_and_rows_behind_it_agree() {
    let site = site(few());
    collect(&site);
    let config = fs::read_to_string(site.path("ccfd.toml")).unwrap();
    site.write("ccfd.toml", &config.replace("[collector.chat]", "drop = [\"actor\"]\n[collector.chat]"));
    for sink in ["tables", "lines"] {
        let before = verify(&site, "audit", sink, &[]);
        assert_eq!(
            (before.code, before.verdict()),
            (Some(0), "agrees_with_explained_differences"),
            "{}",
            before.log
        );
        let classes = before.classes();
        assert!(classes.len() == 1 && classes["redacted"].len() > 100, "{classes:?}");
    }
    let fresh = super::site(few());
    let config = fs::read_to_string(fresh.path("ccfd.toml")).unwrap();
    fresh.write("ccfd.toml", &config.replace("[collector.chat]", "drop = [\"actor\"]\n[collector.chat]"));
    collect(&fresh);
    assert_eq!(verify(&fresh, "audit", "tables", &[]).verdict(), "agrees");
}

#[test]
fn lines_with_columns_are_compared_by_id_and_name_their_collector() {
    let site = site(few());
    let config = fs::read_to_string(site.path("ccfd.toml")).unwrap();
    site.write("ccfd.toml", &config.replace("[sink.lines]", "[sink.lines]\nshape = \"table\""));
    collect(&site);
    let verified = verify(&site, "audit", "lines", &[]);
    assert_eq!(verified.verdict(), "agrees", "{:#}", verified.report);
    assert_eq!(verified.report["destination"]["compares"], "ids only");
    let limits = verified.report["limits"].to_string();
    assert!(limits.contains("ids only"), "{limits}");
}

#[test]
fn a_deleted_completion_is_only_in_the_sink_and_explained() {
    let site = site(few());
    collect(&site);
    let issued = site.simulator.issued(SimulatedList::Completions);
    let (id, _) = issued.into_iter().min_by_key(|(_, second)| *second).unwrap();
    site.simulator.delete(&id);
    let verified = verify(&site, "chat", "tables", &[]);
    assert_eq!((verified.code, verified.verdict()), (Some(0), "agrees_with_explained_differences"));
    assert_eq!(verified.classes()["only_in_sink"].first(), Some(&id));
}

#[test]
fn a_young_window_of_which_nothing_is_listed_is_not_provable() {
    let site = site(few());
    collect(&site);
    for (id, _) in site.simulator.issued(SimulatedList::Completions) {
        site.simulator.delete(&id);
    }
    let verified = verify(&site, "chat", "tables", &[]);
    assert_eq!((verified.code, verified.verdict()), (Some(1), "not_provable"));
    let why = verified.report["why"].to_string();
    assert!(why.contains("lists nothing") && why.contains("another project"), "{why}");
}
