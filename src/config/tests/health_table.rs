use std::time::Duration;

use super::*;

fn with_health(keys: &str) -> String {
    format!("{MINIMAL}\n[health_table]\n{keys}\n")
}

#[test]
fn there_are_no_rows_of_health_until_a_sink_is_named() {
    assert_eq!(load(MINIMAL).unwrap().health_table, None);
    assert_eq!(load(&with_health("interval = \"5m\"")).unwrap().health_table, None);
    let settings = load(&with_health("sink = \"local\"")).unwrap().health_table.unwrap();
    assert_eq!((settings.sink.as_str(), settings.interval), ("local", Duration::from_secs(3_600)));
}

#[test]
fn rows_of_health_go_to_a_sink_that_exists() {
    assert_eq!(
        problems(&with_health("sink = \"locl\"")),
        ["`health_table.sink` names `locl`, but there is no [sink.locl]; did you mean `local`?"]
    );
}

#[test]
fn a_sink_is_given_the_table_of_health_only_when_it_is_named() {
    let names = |text: &str, sink: &str| {
        let tables = load(text).unwrap().tables_of(sink);
        tables.iter().map(|table| table.name.to_string()).collect::<Vec<_>>()
    };
    let records = ["OpenAIAuditLogs_CL", "OpenAIChatCompletions_CL"];
    assert_eq!(names(MINIMAL, "local"), records);
    assert_eq!(names(&with_health("sink = \"local\""), "local")[2..], ["CcfdHealth_CL"]);
    assert_eq!(names(&with_health("sink = \"local\""), "other"), records);
}
