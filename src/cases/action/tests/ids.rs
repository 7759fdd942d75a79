use serde_json::{Map, Value, json};

use crate::cases::{
    CaseOwner,
    action::{
        CaseRule, CasesAction,
        ids::{case_id, oracle_id},
    },
};

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn ids_are_those_that_kibana_computes() {
    let rule = CaseRule { id: "rule-1".into(), ..CaseRule::default() };
    let security = CasesAction { owner: CaseOwner::SecuritySolution, ..CasesAction::default() };
    let host = map(json!({ "host.name": "A" }));
    assert_eq!(
        oracle_id(&rule, &security, &host),
        "4e9bcb007eca9bfeac693a650f648c45d7d9697fe0f66b5843375aa96bfa5c4e"
    );
    assert_eq!(
        case_id(&rule, &security, &host, 1),
        "e1cce1623d540f5b2c18860639b83b4607c573ffbfa6b3f11ebfc9ff8c622c3e"
    );
    assert_eq!(
        case_id(&rule, &CasesAction::default(), &Map::new(), 1),
        "11501ba8d64bdd23c0bf4a062cc38cd88fe42b4e3bed53c2e5836561c1338947"
    );
}

#[test]
fn ids_do_not_depend_on_the_order_of_fields_and_do_depend_on_everything_else() {
    let rule = CaseRule { id: "r".into(), ..CaseRule::default() };
    let action = CasesAction::default();
    let one = oracle_id(&rule, &action, &map(json!({ "a": 1, "b": "x" })));
    assert_eq!(one, oracle_id(&rule, &action, &map(json!({ "b": "x", "a": 1 }))));
    let space = CasesAction { space: "soc".into(), ..CasesAction::default() };
    let owner = CasesAction { owner: CaseOwner::Observability, ..CasesAction::default() };
    let grouping = map(json!({ "a": 1, "b": "x" }));
    for other in [
        oracle_id(&rule, &action, &map(json!({ "a": "1", "b": "x" }))),
        oracle_id(&rule, &space, &grouping),
        oracle_id(&rule, &owner, &grouping),
        oracle_id(&CaseRule::default(), &action, &grouping),
        case_id(&rule, &action, &grouping, 1),
    ] {
        assert_ne!(one, other);
    }
}
