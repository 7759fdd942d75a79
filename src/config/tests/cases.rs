use std::time::Duration;

use super::{super::KibanaCasesSettings, *};

fn with_cases(keys: &str) -> String {
    format!("{MINIMAL}\n[sink.soc]\ntype = \"kibana_index\"\nurl = \"https://kibana\"\n[cases]\n{keys}\n")
}

#[test]
fn cases_stay_here_until_a_kibana_is_named() {
    assert_eq!(load(MINIMAL).unwrap().cases, None);
    assert_eq!(load(&with_cases("sink = \"soc\"")).unwrap().cases, None);
    let sent = load(&with_cases("target = \"kibana\"\nsink = \"soc\"")).unwrap().cases;
    assert_eq!(
        sent,
        Some(KibanaCasesSettings {
            sink: "soc".into(),
            space: "default".into(),
            search_lag: Duration::from_secs(60)
        })
    );
}

#[test]
fn cases_are_sent_by_a_sink_that_leads_to_a_kibana() {
    assert_eq!(
        problems(&with_cases("target = \"kibana\"")),
        ["`cases.target` in ccfd.toml: with \"kibana\", `sink` has to name a sink of type kibana_index"]
    );
    let refused = |sink: &str| problems(&with_cases(&format!("target = \"kibana\"\nsink = \"{sink}\"")));
    assert_eq!(refused("local"), ["`cases.sink` names `local`, which is not of type kibana_index"]);
    let unknown = refused("sco").join("\n");
    assert!(unknown.starts_with("`cases.sink` names `sco`, but there is no [sink.sco]"), "{unknown}");
}
