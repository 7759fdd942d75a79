use std::fs;

use rustix::process::Signal;

use crate::support::process::{ADMIN_SECRET, Place, Simulated, wait_until};

const SOME: [&str; 4] = ["--audit-logs", "230", "--completions", "120"];
const ADDRESS: &str = "somebody@example.com";

fn health(place: &Place, settings: &str) {
    place.write("ccfd.toml", &format!("{}\n{settings}\n", place.config()));
}

fn count(place: &Place, condition: &str) -> u64 {
    place.number(&format!("SELECT count(*) FROM CcfdHealth_CL WHERE {condition}"))
}

#[test]
fn a_daemon_writes_rows_of_its_routes_beside_their_records() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    health(&place, "[health_table]\nsink = \"local\"\ninterval = \"1s\"");
    let daemon = place.start(&["run"]);
    wait_until("rows of both routes", || {
        let of =
            |route: &str| count(&place, &format!("SentinelResourceId = '{route}' AND Status = 'Success'"));
        of("acme-audit/local") >= 3 && of("acme-chat/local") >= 3 && place.rows() == (230, 120)
    });
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code, Some(0));
    let delivered = "SELECT sum(json_extract(ExtendedProperties, '$.Delivered')) FROM CcfdHealth_CL";
    assert_eq!(place.number(delivered), 350);
    assert_eq!(count(&place, "OperationName <> 'Data fetch status change' OR WorkspaceId IS NOT NULL"), 0);
    assert_eq!(count(&place, "length(RecordId) <> 32 OR SentinelResourceType <> 'Data connector'"), 0);
}

#[test]
fn a_single_run_writes_one_row_a_route_and_no_secret_into_it() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url).without("OPENAI_API_KEY");
    place.replace(
        "[collector.acme-audit]\n",
        &format!("[collector.acme-audit]\nactor_emails = [\"{ADDRESS}\"]\n"),
    );
    health(&place, "[health_table]\nsink = \"files\"\n[sink.files]\ntype = \"ndjson\"\ndir = \"./files\"");
    place.run_to(3, &["run", "--once"]);
    let files: Vec<_> = place.path("files").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    let file = files.iter().find(|path| path.display().to_string().contains("CcfdHealth_CL-")).unwrap();
    let text = fs::read_to_string(file).unwrap();
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |route: &str| rows.iter().find(|row| row["route"] == route).unwrap();
    assert_eq!(rows.len(), 2, "{text}");
    assert_eq!(of("acme-audit/local")["status"], "Success");
    let failed = of("acme-chat/local");
    assert_eq!((&failed["status"], &failed["reason"]), (&"Failure".into(), &"secret".into()));
    assert!(failed["description"].as_str().unwrap().contains("OPENAI_API_KEY is not set"), "{failed}");
    for secret in [&ADMIN_SECRET[10..], ADDRESS] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn without_a_sink_there_are_no_rows_and_a_reload_begins_them() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    let daemon = place.start(&["run"]);
    wait_until("every record", || place.rows() == (230, 120));
    assert_eq!(count(&place, "true"), 0);
    health(&place, "[health_table]\nsink = \"local\"");
    place.run_to(0, &["reload"]);
    wait_until("a row of each route", || count(&place, "Status = 'Success'") == 2);
    drop(daemon);
}

#[test]
fn a_check_looks_at_the_table_where_its_rows_would_go() {
    let api = Simulated::start(&SOME);
    let place = Place::new(&api.base_url);
    assert!(!place.run_to(0, &["check"]).stdout.contains("CcfdHealth_CL"));
    health(&place, "[health_table]\nsink = \"local\"");
    assert!(place.run_to(0, &["check"]).stdout.contains("CcfdHealth_CL empty"));
}
