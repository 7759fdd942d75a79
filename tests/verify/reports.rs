//! What a report says, and how it is proven.

use std::process::Command;

use ccfd::simulator::SimulatorOptions;
use ccfd::verify::report::Report;

use super::{collect, site, verify};

fn few() -> SimulatorOptions {
    SimulatorOptions { audit_logs: 120, completions: 40, ..SimulatorOptions::default() }
}

#[test]
fn a_report_has_the_hash_of_itself_and_of_the_one_before() {
    let site = site(few());
    collect(&site);
    let first = verify(&site, "audit", "tables", &[]);
    assert_eq!(first.report["before"], serde_json::Value::Null);
    let file = site.path("second.json");
    let second = verify(&site, "chat", "lines", &["--report", file.to_str().unwrap()]);
    assert_eq!(second.report["before"], first.report["sha256"]);
    let report: Report = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(report.hash().unwrap(), report.sha256);
    let changed = Report { sink: "other".to_owned(), ..report.clone() };
    assert_ne!(changed.hash().unwrap(), report.sha256);
    let page = std::fs::read_to_string(site.path("second.txt")).unwrap();
    assert!(page.starts_with("verdict        agrees\n") && page.contains(&report.sha256), "{page}");
    let script = format!("jq -cSj 'del(.sha256)' '{}' | sha256sum", file.display());
    // Where there is no jq, the hash above is all that is proven.
    if let Ok(done) =
        Command::new("sh").args(["-c", &format!("command -v jq >/dev/null && {script}")]).output()
        && done.status.success()
    {
        assert!(String::from_utf8_lossy(&done.stdout).starts_with(&report.sha256));
    }
}

#[test]
fn the_sql_of_a_report_gives_its_figures_again() {
    let site = site(few());
    collect(&site);
    let verified = verify(&site, "audit", "tables", &[]);
    let sql = verified.report["statements"][0]["text"].as_str().unwrap();
    let queried = site.command(&["query", "--json", sql]).output().unwrap();
    let rows = String::from_utf8(queried.stdout).unwrap();
    let rows: Vec<serde_json::Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hours = verified.report["hours"].as_array().unwrap();
    assert!(!hours.is_empty() && rows.len() == hours.len(), "{} of {}", rows.len(), hours.len());
    for (row, hour) in rows.iter().zip(hours) {
        let hex = |column: &str| format!("{:016x}", row[column].as_i64().unwrap() as u64);
        assert_eq!(row["rows"], hour["sink"]["rows"]);
        assert_eq!(hex("id_digest"), hour["sink"]["id_digest"].as_str().unwrap());
        assert_eq!(hex("record_digest"), hour["sink"]["record_digest"].as_str().unwrap());
        assert_eq!(hour["source"], hour["sink"]);
    }
}

#[test]
fn a_report_names_the_source_and_its_requests_and_nothing_personal() {
    let site = site(few());
    collect(&site);
    let verified = verify(&site, "audit", "tables", &[]);
    let source = &verified.report["source"];
    assert!(source["requests"].as_u64().unwrap() > 0, "{source:#}");
    assert!(source["first_request_id"].is_string() && source["last_request_id"].is_string(), "{source:#}");
    assert!(source["organization"].as_str().unwrap().starts_with("org"), "{source:#}");
    assert!(!verified.report.to_string().contains('@'), "an e-mail address");
}
