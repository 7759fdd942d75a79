use serde_json::{Value, json};

use super::{Cases, is_conflict, is_invalid, is_unknown};
use crate::cases::{
    CaseChange, CaseOwner, CaseStatus, ClosureType, ConfigurationChange, CustomFieldKind, CustomFieldSpec,
    CustomFieldValue, NewCase,
};

fn field(key: &str, kind: CustomFieldKind, required: bool, default_value: Value) -> CustomFieldSpec {
    CustomFieldSpec { key: key.into(), label: key.into(), kind, required, default_value }
}

fn value(key: &str, kind: CustomFieldKind, value: Value) -> CustomFieldValue {
    CustomFieldValue { key: key.into(), kind, value }
}

fn with(fields: Vec<CustomFieldSpec>) -> ConfigurationChange {
    ConfigurationChange { custom_fields: Some(fields), ..ConfigurationChange::default() }
}

#[test]
fn an_owner_has_one_configuration_and_an_old_version_of_it_is_not_changed() {
    let mut cases = Cases::new();
    let (mut store, stamp) = cases.store();
    let none = ConfigurationChange::default();
    let first = store.configure(CaseOwner::Cases, &none, stamp).unwrap();
    let second = store.configure(CaseOwner::Cases, &none, stamp).unwrap();
    let listed = store.configurations(&[CaseOwner::Cases]).unwrap();
    assert_eq!(listed, std::slice::from_ref(&second));
    assert!(is_unknown(&store.reconfigure(&first.id, &first.version, &none, stamp)));
    let pushing = ConfigurationChange { closure_type: Some(ClosureType::ByPushing), ..none };
    let third = store.reconfigure(&second.id, &second.version, &pushing, stamp).unwrap();
    assert_eq!(third.closure_type, ClosureType::ByPushing);
    assert!(is_conflict(&store.reconfigure(&second.id, &second.version, &pushing, stamp)));
    assert!(store.configurations(&[CaseOwner::Observability]).unwrap().is_empty());
}

#[test]
fn custom_fields_are_those_of_the_configuration() {
    let mut cases = Cases::new();
    let (mut store, stamp) = cases.store();
    let case = |fields: Vec<CustomFieldValue>| NewCase {
        title: "t".into(),
        description: "d".into(),
        custom_fields: fields,
        ..NewCase::default()
    };
    let text = CustomFieldKind::Text;
    assert!(is_invalid(&store.create(&case(vec![value("env", text, json!("x"))]), stamp)));
    let fields = vec![
        field("env", text, true, Value::Null),
        field("paid", CustomFieldKind::Toggle, false, json!(true)),
        field("count", CustomFieldKind::Number, false, Value::Null),
    ];
    store.configure(CaseOwner::Cases, &with(fields), stamp).unwrap();
    let env = value("env", text, json!("x"));
    for bad in [
        vec![],
        vec![value("env", text, json!(1))],
        vec![value("env", CustomFieldKind::Toggle, json!(true))],
        vec![env.clone(), env.clone()],
        vec![env.clone(), value("other", text, json!("x"))],
        vec![value("env", text, json!("x".repeat(161)))],
    ] {
        assert!(is_invalid(&store.create(&case(bad.clone()), stamp)), "{bad:?}");
    }
    let made = store.create(&case(vec![env]), stamp).unwrap();
    let values: Vec<&Value> = made.custom_fields.iter().map(|field| &field.value).collect();
    assert_eq!(values, [&json!("x"), &json!(true), &Value::Null]);
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    let mut cases = Cases::new();
    let (mut store, stamp) = cases.store();
    let text = |key: &str| field(key, CustomFieldKind::Text, false, Value::Null);
    for bad in [
        vec![text("a"), text("a")],
        vec![text("Upper")],
        vec![text("")],
        vec![text(&"k".repeat(37))],
        vec![field("a", CustomFieldKind::Number, false, json!("x"))],
        (0..11).map(|number| text(&format!("f{number}"))).collect(),
    ] {
        assert!(is_invalid(&store.configure(CaseOwner::Cases, &with(bad.clone()), stamp)), "{bad:?}");
    }
}

#[test]
fn a_case_that_is_sent_keeps_where_and_is_closed_if_configured_so() {
    let mut cases = Cases::new();
    let id = cases.create("one").id;
    let (mut store, stamp) = cases.store();
    let case = store.comment(&id, "first", stamp).unwrap();
    let first = [case.comments.unwrap()[0].id.clone()];
    store.comment(&id, "meanwhile", stamp).unwrap();
    let sent = json!({ "connector_id": "sn", "external_id": "abc" });
    let case = store.pushed(&id, "sn", &sent, &first, stamp).unwrap();
    assert_eq!(
        (case.status, &case.external_service.unwrap()["external_id"]),
        (CaseStatus::Open, &json!("abc"))
    );
    let pushed: Vec<bool> = case.comments.iter().flatten().map(|one| one.pushed_at.is_some()).collect();
    assert_eq!(pushed, [true, false], "only what was sent");
    let pushing =
        ConfigurationChange { closure_type: Some(ClosureType::ByPushing), ..ConfigurationChange::default() };
    store.configure(CaseOwner::Cases, &pushing, stamp).unwrap();
    assert_eq!(store.pushed(&id, "sn", &sent, &first, stamp).unwrap().status, CaseStatus::Closed);
    let change = CaseChange { status: Some(CaseStatus::Open), ..CaseChange::default() };
    store.change(&id, &change, stamp).unwrap();
    assert_eq!(store.pushed(&id, "sn", &sent, &first, stamp).unwrap().status, CaseStatus::Closed);
}
