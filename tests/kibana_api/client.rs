//! kibana-py, a public client of Kibana, does what its examples and its own tests do. What it wrote is counted in the table.

use serde_json::{Value, json};

use super::Api;
use crate::support::python::Python;

/// What the client saw in a scenario, and the daemon at which it was.
fn seen(scenario: &str) -> Option<(Api, Value)> {
    let python = Python::shared()?;
    let api = Api::start();
    let key = api.key("judge", &["--scope", "manage"]);
    let seen = python.run("connectors.py", &[&api.daemon.url, &key, scenario]);
    Some((api, seen))
}

/// How many documents an index has.
fn documents(api: &Api, index: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM \"{index}\"");
    let counted = api.place.run_to(0, &["query", "--csv", "--connectors", &sql]);
    counted.stdout.lines().last().unwrap_or_default().parse().unwrap()
}

#[test]
fn the_simple_example_writes_one_document() {
    let Some((api, seen)) = seen("simple") else { return };
    assert_eq!(seen["removed"], false, "{seen}");
    assert_eq!(seen["made"]["id"], "judge-connectors-simple");
    let config = json!({ "index": "judged", "refresh": true, "executionTimeField": "@timestamp" });
    assert_eq!(seen["made"]["config"], config);
    assert_eq!(seen["made"], seen["read"]);
    assert_eq!(seen["run"]["status"], "ok", "{seen}");
    assert_eq!(seen["run"]["data"]["items"].as_array().map(Vec::len), Some(1), "{seen}");
    assert_eq!((&seen["deleted"], &seen["after"]["class"]), (&json!(204), &json!("NotFoundError")));
    assert_eq!(documents(&api, "judged"), 1);
}

#[test]
fn the_debug_example_sees_types_and_responses() {
    let Some((_, seen)) = seen("debug") else { return };
    let types = seen["types"].as_array().unwrap();
    let index = types.iter().find(|one| one["id"] == ".index").unwrap();
    assert_eq!((&index["name"], &index["enabled"]), (&json!("Index"), &json!(true)));
    assert_eq!(seen["classes"], json!(["ListApiResponse", "ObjectApiResponse", "ListApiResponse"]));
    assert_eq!(seen["statuses"], json!([200, 200, 200]));
    assert_eq!(seen["content_types"], json!(["application/json", "application/json", "application/json"]));
    let mut listed = seen["made"].clone();
    listed["referenced_by_count"] = 0.into();
    assert_eq!(seen["listed"], json!([listed]));
}

#[test]
fn a_class_that_manages_connectors_writes_batches_updates_and_deletes() {
    let Some((api, seen)) = seen("manager") else { return };
    let id = "judge-connectors-manager";
    assert_eq!(seen["ids"], json!([id, id]), "the second one finds what the first one made: {seen}");
    assert_eq!(
        (&seen["written"], &seen["statuses"]),
        (&json!([1, 250, 4]), &json!(["ok", "ok", "ok", "ok"]))
    );
    assert_eq!((documents(&api, "judged"), documents(&api, "judged-again")), (255, 1));
    assert_eq!(seen["updated"]["name"], "Managed again");
    assert_eq!(seen["refused"]["class"], "BadRequestError", "an update replaces the whole config");
    let last = format!("gone already: {id}");
    assert_eq!(seen["log"].as_array().unwrap().last().unwrap(), &json!(last), "{seen}");
}

#[test]
fn connectors_of_a_space_are_seen_there_and_end_with_it() {
    let Some((api, seen)) = seen("spaces") else { return };
    assert_eq!((&seen["space"]["id"], &seen["space"]["initials"]), (&json!("judged-space"), &json!("JS")));
    assert_eq!(seen["runs"], json!(["ok", "ok"]));
    assert_eq!(documents(&api, "judged-in-space"), 2);
    assert_eq!(seen["listed"], json!(["By argument", "By client"]));
    assert_eq!(seen["elsewhere"]["class"], "NotFoundError", "{seen}");
    assert_eq!(seen["no_space"]["class"], "SpaceNotFoundError", "{seen}");
    assert_eq!((&seen["deleted"], &seen["space_after"]["class"]), (&json!(204), &json!("NotFoundError")));
    assert_eq!(seen["left"], json!([]), "a space that is created again is empty");
}

#[test]
fn each_class_of_exceptions_is_raised_with_what_was_wrong() {
    let Some((_, seen)) = seen("errors") else { return };
    for (name, class, status) in [
        ("bad_type", "BadRequestError", 400),
        ("bad_config", "BadRequestError", 400),
        ("blank", "BadRequestError", 400),
        ("missing", "NotFoundError", 404),
        ("taken", "ConflictError", 409),
        ("too_large", "ApiError", 413),
        ("unknown", "AuthenticationException", 401),
        ("by_password", "AuthenticationException", 401),
    ] {
        let error = &seen[name];
        assert_eq!((&error["class"], &error["status"]), (&json!(class), &json!(status)), "{name}: {seen}");
        assert_eq!(error["message"], error["body"]["message"], "{name}");
        assert_eq!(error["body"]["statusCode"], status, "{name}");
    }
    assert_eq!(seen["unreachable"], json!({ "class": "ConnectionError" }));
    assert_eq!((&seen["run"]["status"], &seen["run"]["retry"]), (&json!("error"), &json!(false)), "{seen}");
    assert_eq!(seen["run"]["errorSource"], "user");
    let message = seen["run"]["message"].as_str().unwrap();
    assert!(message.starts_with("error validating action params: "), "{message}");
}

#[test]
fn a_key_that_may_only_read_raises_what_it_may_not_do() {
    let Some(python) = Python::shared() else { return };
    let api = Api::start();
    let key = api.key("reader", &["--scope", "read"]);
    assert_eq!(python.run("kibana.py", &[&api.daemon.url, &key, "default", "list"]), json!([]));
    let refused = python.run("kibana.py", &[&api.daemon.url, &key, "default", "create", "a", "judged"]);
    assert_eq!(refused["error"]["status"], 403);
    // The client names the space before what it was sent.
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("Unauthorized to create a \".index\" action"), "{message}");
}

#[test]
fn the_behaviour_that_its_own_tests_need_is_there() {
    let Some((_, seen)) = seen("suite") else { return };
    let tests = seen.as_object().unwrap();
    let failed: Vec<_> = tests.iter().filter(|(_, outcome)| *outcome != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(tests.len(), 20);
}
