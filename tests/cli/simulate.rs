use crate::support::process::{Place, Simulated};

#[test]
fn given_records_arrive_as_they_are() {
    let place = Place::bare();
    let audit = r#"{"id":"audit_log-1","object":"organization.audit_log","type":"login.failed","effective_at":1760000000,"login.failed":{"error_code":"é"},"actor":null}"#;
    let chat = r#"{"object":"chat.completion","id":"chatcmpl-1","created":1760000001,"model":"m","seed":9007199254740993,"unheard_of":[1.50]}"#;
    place.write("a.ndjson", &format!("{audit}\n"));
    place.write("b.ndjson", &format!("{chat}\n"));
    let paths = ["a.ndjson", "b.ndjson"].map(|name| place.path(name).to_str().unwrap().to_owned());
    let api = Simulated::start(&["--records", &paths[0], "--records", &paths[1]]);
    let place = Place::new(&api.base_url);
    place.replace("start = \"8d\"", "start = \"all\"");
    place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows(), (1, 1));
    for (table, record) in [("OpenAIAuditLogs_CL", audit), ("OpenAIChatCompletions_CL", chat)] {
        let sql = format!("SELECT Record FROM {table}");
        let line = place.run_to(0, &["query", "--json", &sql]).stdout;
        let row: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["Record"], record);
    }
}

#[test]
fn hostile_habits_lose_and_double_nothing() {
    let habits = "ties,shuffle,newest,errors,cut,throttle,null-edges,pretty";
    let api = Simulated::start(&["--audit-logs", "500", "--completions", "300", "--habits", habits]);
    let place = Place::new(&api.base_url);
    place.run_to(0, &["run", "--once"]);
    assert_eq!(place.rows(), (500, 300));
}

#[test]
fn what_cannot_be_simulated_is_a_usage_error() {
    let place = Place::bare();
    place.write("bad.ndjson", "not json\n");
    for (words, reason) in [
        ("simulate --habits tidy", "deleted-404"),
        ("simulate --listen 0.0.0.0:0", "loopback"),
        ("simulate --listen 127.0.0.1:0 --records bad.ndjson", "line 1 of input 1"),
    ] {
        let ended = place.run_to(2, &words.split(' ').collect::<Vec<_>>());
        assert!(ended.stderr.contains(reason), "{words}: {}", ended.stderr);
    }
}
