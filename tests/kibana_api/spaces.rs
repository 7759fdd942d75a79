//! Spaces.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, envelope};

const SPACES: &str = "/api/spaces/space";

#[test]
fn the_default_space_is_always_there() {
    let api = Api::start();
    let (status, shown) = api.operate(Method::GET, &format!("{SPACES}/default"), None);
    let wanted = json!({
        "id": "default", "name": "Default", "description": "This is your default space!", "color": "#00bfb3",
        "disabledFeatures": [], "_reserved": true,
    });
    assert_eq!((status, &shown), (200, &wanted));
    assert_eq!(api.operate(Method::GET, SPACES, None), (200, json!([wanted])));
    let message = "The default space cannot be deleted because it is reserved.";
    let refused = envelope(400, "Bad Request", message);
    assert_eq!(api.operate(Method::DELETE, &format!("{SPACES}/default"), None), refused);
}

#[test]
fn a_space_lives_from_its_creation_to_its_deletion() {
    let api = Api::start();
    let space = json!({
        "id": "team", "name": "Team", "color": "#4ECDC4", "initials": "TW", "disabledFeatures": [],
    });
    assert_eq!(api.operate(Method::POST, SPACES, Some(&space)), (200, space.clone()));
    let taken = envelope(409, "Conflict", "A space with the identifier team already exists.");
    assert_eq!(api.operate(Method::POST, SPACES, Some(&space)), taken);
    let path = format!("{SPACES}/team");
    assert_eq!(api.operate(Method::GET, &format!("/s/team{path}"), None), (200, space.clone()));
    let change = json!({ "id": "ignored", "name": "Red team", "disabledFeatures": ["ml"] });
    let changed = json!({ "id": "team", "name": "Red team", "disabledFeatures": ["ml"] });
    assert_eq!(api.operate(Method::PUT, &path, Some(&change)), (200, changed.clone()));
    let (_, listed) = api.operate(Method::GET, &format!("{SPACES}?purpose=any"), None);
    assert_eq!(listed.as_array().unwrap()[1], changed);
    assert_eq!(api.operate(Method::DELETE, &path, None), (204, Value::String(String::new())));
    let gone = envelope(404, "Not Found", "Not Found");
    assert_eq!(api.operate(Method::GET, &path, None), gone);
    assert_eq!(api.operate(Method::PUT, &path, Some(&change)), gone);
    assert_eq!(api.operate(Method::DELETE, &path, None), gone);
}

#[test]
fn a_space_outlives_the_daemon() {
    let api = Api::start();
    api.create_space("team");
    let Api { daemon, place } = api;
    daemon.running.signal(rustix::process::Signal::TERM);
    daemon.running.wait();
    let api = Api::at(place);
    assert_eq!(api.operate(Method::GET, &format!("{SPACES}/team"), None).0, 200);
}

#[test]
fn a_space_of_the_wrong_shape_is_refused() {
    let api = Api::start();
    let post = |body: Value| api.operate(Method::POST, SPACES, Some(&body));
    let message = "[request body.id]: must be lower case, a-z, 0-9, '_', and '-' are allowed";
    assert_eq!(post(json!({ "id": "Bad Id", "name": "x" })), envelope(400, "Bad Request", message));
    let message = "[request body.name]: expected value of type [string] but got [undefined]";
    assert_eq!(post(json!({ "id": "x" })), envelope(400, "Bad Request", message));
}
