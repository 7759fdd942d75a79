use super::*;

const DETECT: &str = "[sink.rules]\ntype = \"detect\"\n";

fn with_alerts(sinks: &str, text: &str) -> String {
    format!("{MINIMAL}\n{text}\n[detect]\nalerts = {sinks}\n")
}

#[test]
fn alerts_go_nowhere_until_sinks_are_named() {
    assert_eq!(load(MINIMAL).unwrap().alerts.sinks, [] as [&str; 0]);
    let config = load(&with_alerts("[\"local\"]", DETECT)).unwrap();
    assert_eq!(config.alerts.sinks, ["local"]);
    let tables: Vec<String> = config.tables_of("local").iter().map(|table| table.name.to_string()).collect();
    assert_eq!(tables[2..], ["CcfdAlerts_CL"]);
    assert_eq!(config.tables_of("rules").len(), 2);
}

#[test]
fn alerts_go_to_sinks_that_exist_once_each_and_never_back_to_rules() {
    assert_eq!(
        problems(&with_alerts("[\"locl\"]", DETECT)),
        ["`detect.alerts` names `locl`, but there is no [sink.locl]; did you mean `local`?"]
    );
    assert_eq!(
        problems(&with_alerts("[\"local\", \"local\"]", DETECT)),
        ["`detect.alerts` names `local` twice"]
    );
    let back = problems(&with_alerts("[\"rules\"]", DETECT));
    assert!(back[0].starts_with("`detect.alerts` names `rules`, a sink of type detect"), "{back:?}");
}

#[test]
fn alerts_are_raised_by_a_sink_of_type_detect() {
    let problems = problems(&with_alerts("[\"local\"]", ""));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("there is no sink of type detect"), "{problems:?}");
}

#[test]
fn a_collector_does_not_have_the_name_of_the_routes_of_alerts() {
    let text = with_alerts("[\"local\"]", DETECT).replace("[collector.acme-audit]", "[collector.alerts]");
    assert!(problems(&text)[0].starts_with("`collector.alerts`"));
    load(&MINIMAL.replace("[collector.acme-audit]", "[collector.alerts]")).unwrap();
}
