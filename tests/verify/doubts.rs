//! What must not be called agreement, nor a difference, nor be repaired.

use std::{fs, time::Duration};

use ccfd::simulator::{SimulatedList, SimulatorOptions};
use rusqlite::{Connection, params};

use super::{Verified, collect, site, verify};
use crate::support::process_kill::Site;

const TABLE: &str = "OpenAIAuditLogs_CL";

fn few() -> SimulatorOptions {
    SimulatorOptions { audit_logs: 150, ..SimulatorOptions::default() }
}

fn collected() -> Site {
    let site = site(few());
    collect(&site);
    site
}

fn tables(site: &Site) -> Connection {
    Connection::open(site.path("tables.db")).unwrap()
}

/// The ids of the window, oldest first.
fn ids(tables: &Connection) -> Vec<String> {
    let sql = format!(
        "SELECT Id FROM {TABLE} WHERE unixepoch(TimeGenerated) < unixepoch() - 3700 ORDER BY TimeGenerated, Id"
    );
    let mut ids = tables.prepare(&sql).unwrap();
    ids.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn has(tables: &Connection, id: &str) -> bool {
    let sql = format!("SELECT count(*) FROM {TABLE} WHERE Id = ?1");
    tables.query_row(&sql, [id], |row| row.get::<_, i64>(0)).unwrap() == 1
}

/// A change of the configuration.
fn change(site: &Site, from: &str, to: &str) {
    let config = fs::read_to_string(site.path("ccfd.toml")).unwrap();
    assert!(config.contains(from), "{config}");
    site.write("ccfd.toml", &config.replace(from, to));
}

fn why(verified: &Verified) -> &str {
    let report = &verified.report;
    assert_eq!((verified.code, verified.verdict()), (Some(1), "not_provable"), "{report:#}");
    report["why"][0].as_str().unwrap()
}

#[test]
fn a_row_with_another_time_of_the_same_hour_is_altered() {
    let site = collected();
    let tables = tables(&site);
    let id = &ids(&tables)[0];
    let sql = format!(
        "UPDATE {TABLE} SET TimeGenerated = substr(TimeGenerated, 1, 14) || \
         iif(substr(TimeGenerated, 15, 2) = '00', '01', '00') || substr(TimeGenerated, 17) WHERE Id = ?1"
    );
    assert_eq!(tables.execute(&sql, [id]).unwrap(), 1);
    let found = verify(&site, "audit", "tables", &[]);
    assert_eq!(found.code, Some(3), "{:#}", found.report);
    assert_eq!(found.classes()["altered"].first(), Some(id));
    assert_eq!(found.report["totals"]["unexplained"], 1);
}

#[test]
fn a_time_that_is_none_hides_no_other_row() {
    let site = collected();
    let tables = tables(&site);
    let id = ids(&tables).remove(0);
    let sql =
        format!("UPDATE {TABLE} SET TimeGenerated = substr(TimeGenerated, 1, 14) || '99:99Z' WHERE Id = ?1");
    assert_eq!(tables.execute(&sql, [&id]).unwrap(), 1);
    // In an hour in which the source has nothing.
    let sql = format!(
        "INSERT INTO {TABLE} (Id, TimeGenerated, ConnectorName, Record) \
         SELECT 'added', strftime('%FT%H:00:00Z', 'now', '-2 hours'), 'audit', '{{}}'"
    );
    tables.execute(&sql, []).unwrap();
    let found = verify(&site, "audit", "tables", &[]);
    let classes = found.classes();
    assert_eq!(found.code, Some(3), "{:#}", found.report);
    assert!(classes["altered"].contains(&id) && classes["only_in_sink"].contains("added"), "{classes:?}");
}

#[test]
fn what_another_account_lists_is_not_compared() {
    let (site, other) = (collected(), site(SimulatorOptions { seed: 9, ..few() }));
    let config = fs::read_to_string(other.path("ccfd.toml")).unwrap();
    let url =
        |config: &str| config.split("base_url = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let own = url(&fs::read_to_string(site.path("ccfd.toml")).unwrap());
    change(&site, &own, &url(&config));
    let verified = verify(&site, "audit", "tables", &["--repair"]);
    assert!(why(&verified).starts_with("the source is not that of the route: "), "{:#}", verified.report);
    assert!(verified.classes().is_empty());
}

#[test]
fn a_time_that_a_backfill_has_not_read_to_its_end_is_open() {
    let site = site(SimulatorOptions { latency: Duration::from_millis(150), ..few() });
    change(&site, "start = \"all\"", "start = \"1d\"");
    collect(&site);
    let words = ["backfill", "audit", "--sink", "tables", "--from", "8d", "--to", "1d", "--parallel", "1"];
    site.start(&words).kill_after(Duration::from_millis(1500)).assert_nothing_for_a_person();
    let open = verify(&site, "audit", "tables", &["--repair"]);
    assert!(why(&open).starts_with("open: the backfill audit/tables/backfill/8d..1d "), "{:#}", open.report);
    assert!(site.start(&words).wait().status.success());
    let verified = verify(&site, "audit", "tables", &[]);
    assert_eq!((verified.code, verified.verdict()), (Some(0), "agrees"), "{:#}", verified.report);
}

#[test]
fn what_was_removed_by_age_is_not_repaired() {
    let site = collected();
    let tables = tables(&site);
    let id = ids(&tables).remove(0);
    tables.execute(&format!("DELETE FROM {TABLE} WHERE Id = ?1"), [&id]).unwrap();
    change(&site, "[sink.tables]", "[sink.tables]\nretention = \"2d\"");
    let verified = verify(&site, "audit", "tables", &["--repair"]);
    assert!(why(&verified).contains("nothing is repaired"), "{:#}", verified.report);
    assert!(!has(&tables, &id));
    change(&site, "retention = \"2d\"", "");
    assert_eq!(verify(&site, "audit", "tables", &["--repair"]).code, Some(0));
    assert!(has(&tables, &id));
}

#[test]
fn rows_removed_by_size_are_not_provable_down_to_half_of_the_limit_and_if_none_is_left() {
    let site = site(SimulatorOptions { audit_logs: 1500, ..few() });
    collect(&site);
    let tables = tables(&site);
    let bytes: i64 = tables
        .query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| {
            row.get(0)
        })
        .unwrap();
    tables.execute(&format!("DELETE FROM {TABLE} WHERE Id = ?1"), [ids(&tables).remove(0)]).unwrap();
    change(&site, "[sink.tables]", &format!("[sink.tables]\nsize_max = \"{}B\"", bytes * 2));
    let verified = verify(&site, "audit", "tables", &["--repair"]);
    assert!(why(&verified).contains("by age or size"), "{:#}", verified.report);
    tables.execute(&format!("DELETE FROM {TABLE}"), []).unwrap();
    assert!(why(&verify(&site, "audit", "tables", &["--repair"])).contains("by age or size"));
}

#[test]
fn a_row_of_another_collector_is_named_and_explained_only_if_that_reads_the_same_list() {
    let site = collected();
    let tables = tables(&site);
    let id = ids(&tables).remove(0);
    let sql = format!("UPDATE {TABLE} SET ConnectorName = 'other' WHERE Id = ?1");
    tables.execute(&sql, params![id]).unwrap();
    let renamed = verify(&site, "audit", "tables", &["--repair"]);
    assert_eq!(renamed.code, Some(3), "{:#}", renamed.report);
    assert_eq!(renamed.classes()["of_another"].first(), Some(&id));
    assert_eq!(renamed.report["repair"], serde_json::Value::Null, "its row would keep out another");
    let other =
        "[collector.other]\nsource = \"audit_logs\"\napi_key = { env = \"ADMIN_KEY\" }\n[collector.chat]";
    change(&site, "[collector.chat]", other);
    let shared = verify(&site, "audit", "tables", &[]);
    assert_eq!((shared.code, shared.verdict()), (Some(0), "agrees_with_explained_differences"));
    assert_eq!(shared.classes()["of_another"].first(), Some(&id));
}

#[test]
fn a_crowded_second_that_is_not_shown_whole_is_no_full_agreement() {
    let habits = "ties,newest,crowded,capped".parse().unwrap();
    let site = site(SimulatorOptions { audit_logs: 1500, habits, ..few() });
    collect(&site);
    let verified = verify(&site, "audit", "tables", &[]);
    let seconds = verified.report["totals"]["unreadable_seconds"].as_u64().unwrap();
    assert!(seconds > 0, "{:#}", verified.report);
    assert_eq!((verified.code, verified.verdict()), (Some(0), "agrees_with_explained_differences"));
}

#[test]
fn the_report_names_who_asked_for_it() {
    let site = collected();
    let named = verify(&site, "audit", "tables", &["--as", "ada of the audit"]);
    assert_eq!(named.report["operator"], "ada of the audit");
    let user = verify(&site, "audit", "tables", &[]);
    assert!(!user.report["operator"].as_str().unwrap().is_empty(), "{:#}", user.report["operator"]);
}

#[test]
fn a_window_may_be_empty_or_a_second_and_neither_backwards_nor_in_the_future() {
    let site = collected();
    let newest = site.simulator.issued(SimulatedList::AuditLogs).into_iter().map(|(_, second)| second).max();
    let ended = |from: &str, to: &str| {
        let words = ["verify", "audit", "--sink", "tables", "--from", from, "--to", to];
        site.command(&words).output().unwrap().status.code()
    };
    assert_eq!(ended("1d", "1d"), Some(2), "no time");
    assert_eq!(ended("1h", "1d"), Some(2), "backwards");
    assert_eq!(ended("2999-01-01", "2999-01-02"), Some(1), "the future is open");
    assert_eq!(ended("2001-01-01", "2001-01-02"), Some(0), "nothing on both sides");
    let second = newest.map(|second| second - 3 * 24 * 3600).unwrap();
    let [from, to] = [second, second + 1].map(ccfd::tables::format_utc);
    assert_eq!(ended(&from, &to), Some(0), "a second");
}
