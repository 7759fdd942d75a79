use std::collections::BTreeSet;

use super::{
    super::{ActionDoes, ActionSettings, SinkSettings},
    *,
};
use crate::{
    cases::{CaseOwner, action::CasesAction},
    detect::model::Level,
    detect_db::ActionEvent,
};

/// The minimal file with a sink of type detect, a connector, and these actions.
fn with(actions: &str) -> String {
    let detect = MINIMAL.replace("type = \"sqlite\"\npath = \"tables.db\"", "type = \"detect\"");
    format!(
        "{detect}\n[connector.oncall]\ntype = \".webhook\"\n[connector.form]\ntype = \".webhook\"\n\
         config = {{ headers = {{ Content-Type = \"application/x-www-form-urlencoded\" }} }}\n\
         [connector.model]\ntype = \".gen-ai\"\n{actions}"
    )
}

fn actions(text: &str) -> Vec<ActionSettings> {
    load(&with(text)).unwrap().alerts.actions
}

#[test]
fn a_name_and_a_connector_are_enough_and_the_sink_knows_the_actions() {
    let config = load(&with("[[detect.action]]\nname = \"page\"\nconnector = \"oncall\"\n")).unwrap();
    let [page] = &config.alerts.actions[..] else { panic!("{:?}", config.alerts) };
    assert_eq!((&*page.outbox.name, page.space.as_str(), page.connector()), ("page", "default", "oncall"));
    assert_eq!((&page.outbox.rules, page.outbox.level_min, page.outbox.historical), (&None, None, false));
    assert_eq!(page.outbox.on, BTreeSet::from([ActionEvent::Open]));
    let SinkSettings::Detect(sink) = &config.sinks["local"] else { panic!("another type") };
    assert_eq!(sink.actions, config.alerts.actions);
}

#[test]
fn cases_have_keys_of_their_own() {
    let found = actions(
        "[[detect.action]]\nname = \"cases\"\nconnector = \".cases\"\nrules = [\"a\"]\nlevel_min = \"high\"\nspace = \"s\"\n\
         group_by = [\"Actor\"]\nreopen = true\ntime_window = \"2w\"\ncases_max = 20\nowner = \"securitySolution\"\ntemplate = \"t\"\n",
    );
    assert_eq!(found[0].outbox.level_min, Some(Level::High));
    let wanted = CasesAction {
        space: "s".to_owned(),
        group_by: vec!["Actor".to_owned()],
        reopen: true,
        time_window: "2w".parse().unwrap(),
        cases_max: 20,
        owner: CaseOwner::SecuritySolution,
        template: Some("t".to_owned()),
    };
    assert_eq!(found[0].does, ActionDoes::Cases(wanted));
}

#[test]
fn the_connector_of_cases_may_be_named_by_its_id() {
    let named = |connector: &str| {
        let keys = "rules = [\"a\"]\ngroup_by = [\"Actor\"]\n";
        actions(&format!("[[detect.action]]\nname = \"cases\"\nconnector = \"{connector}\"\n{keys}"))
    };
    let by_id = named("system-connector-.cases");
    assert_eq!(by_id, named(".cases"));
    assert_eq!(by_id[0].connector(), ".cases", "it is one connector");
}

#[test]
fn what_is_wrong_with_an_action_is_said_with_its_name() {
    let page = "name = \"page\"\nconnector = \"oncall\"\n";
    for (keys, said) in [
        ("connector = \"oncall\"", "action 1: `name`: is missing"),
        ("name = \"page\"", "action `page`: `connector`: is missing"),
        ("name = \"Page\"\nconnector = \"oncall\"", "action 1: `name`: expected 1 to 64 characters"),
        (&format!("{page}rule = [\"a\"]"), "action `page`: `rule`: unknown key; did you mean `rules`?"),
        (&format!("{page}rules = []"), "action `page`: `rules`: is empty"),
        (&format!("{page}on = [\"opened\"]"), "`on`: expected a list of \"open\" and \"closed\""),
        (&format!("{page}reopen = true"), "`reopen`: unknown key"),
        (
            &format!("{page}params = {{ text = \"{{{{ tittle }}}}\" }}"),
            "`params.text`: unknown variable `tittle`; did you mean `title`?",
        ),
        (
            &format!("{page}params = {{ body = '{{\"text\":{{{{ title }}}}}}' }}"),
            "`params.body`: does not stay JSON whatever an alert says",
        ),
        (
            "name = \"page\"\nconnector = \"form\"\nparams = { body = 'payload={\"text\":\"{{ title }}\"}' }",
            "`params`: `body`: has JSON in a form, which an alert can change",
        ),
        ("name = \"page\"\nconnector = \"oncal\"", "there is no [connector.oncal]; did you mean `oncall`?"),
        ("name = \"page\"\nconnector = \"a b\"", "`connector` is no id of a connector"),
        ("name = \"ask\"\nconnector = \"model\"\nparams = { tools = [] }", "`params.tools` cannot be set"),
        (&format!("{page}fields = [\"Actor\"]"), "`fields` is for connectors of type .gen-ai"),
        ("name = \"c\"\nconnector = \".cases\"\nparams = {}", "`params`: unknown key"),
        (
            "name = \"c\"\nconnector = \".cases\"\ntime_window = \"4m\"",
            "Time window should be at least 5 minutes",
        ),
        (
            "name = \"c\"\nconnector = \".cases\"\ncases_max = 21",
            "`cases_max`: expected a whole number, 1 to 20",
        ),
        (
            "name = \"c\"\nconnector = \".cases\"\non = [\"closed\"]",
            "`on`: cases are made of alerts that open",
        ),
    ] {
        let found = problems(&with(&format!("[[detect.action]]\n{keys}\n")));
        assert!(found.len() == 1 && found[0].contains(said), "{keys}: {found:?}");
    }
}

#[test]
fn actions_that_get_in_each_others_way_are_refused() {
    let twice = "[[detect.action]]\nname = \"a\"\nconnector = \"oncall\"\n".repeat(2);
    assert!(problems(&with(&twice))[0].contains("the name `a` is given to two actions"));
    let cases = |name: &str, keys: &str| {
        format!("[[detect.action]]\nname = \"{name}\"\nconnector = \".cases\"\n{keys}\n")
    };
    let both = cases("a", "") + &cases("b", "level_min = \"low\"");
    assert!(problems(&with(&both))[0].contains("`a` and `b` both make cases for the same rules"));
    let apart = cases("a", "rules = [\"x\"]") + &cases("b", "rules = [\"y\"]");
    assert_eq!(actions(&apart).len(), 2);
    let nothing_raises = MINIMAL.to_owned() + "[[detect.action]]\nname = \"a\"\nconnector = \".cases\"\n";
    assert!(
        problems(&nothing_raises)[0].contains("`detect.action` is set, but there is no sink of type detect")
    );
}
