//! A space, as Kibana reads and shows it.

use serde::Serialize;
use serde_json::Value;

use super::{KibanaError, fields::RequestFields};
use crate::detect_db::{DEFAULT_SPACE, SpaceAbout, StoredSpace};

/// The most features that a space does not show.
const DISABLED_MAX: usize = 100;
/// The most characters of initials.
const INITIALS_CHARS_MAX: usize = 2;
const SOLUTIONS: [&str; 4] = ["es", "oblt", "security", "classic"];

/// A space that is shown.
#[derive(Serialize)]
pub(super) struct ShownSpace {
    id: String,
    name: String,
    #[serde(flatten)]
    about: SpaceAbout,
    #[serde(rename = "_reserved", skip_serializing_if = "Option::is_none")]
    reserved: Option<bool>,
}

impl From<StoredSpace> for ShownSpace {
    fn from(space: StoredSpace) -> Self {
        let StoredSpace { id, name, about } = space;
        let reserved = (id == DEFAULT_SPACE).then_some(true);
        Self { id, name, about, reserved }
    }
}

/// Reads a space from a body.
pub(super) fn space(mut fields: RequestFields) -> Result<StoredSpace, KibanaError> {
    let id = fields.text("id")?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if id.is_empty() || !id.chars().all(is_plain) {
        return Err(fields.wrong("id", "must be lower case, a-z, 0-9, '_', and '-' are allowed"));
    }
    let name = fields.text("name")?;
    if name.is_empty() {
        return Err(fields.wrong("name", "value has length [0] but it must have a minimum length of [1]."));
    }
    let solution = |word: &str| SOLUTIONS.contains(&word);
    let about = SpaceAbout {
        description: fields.optional_text("description")?,
        initials: initials(&mut fields)?,
        color: matching(&mut fields, "color", is_color, "must be a 6 digit hex color, starting with a #")?,
        image_url: matching(&mut fields, "imageUrl", is_image, "must start with 'data:image'")?,
        disabled_features: disabled_features(&mut fields)?,
        solution: matching(&mut fields, "solution", solution, "types that failed validation")?,
    };
    // What it says is decided here.
    match fields.any("_reserved") {
        None | Some(Value::Bool(_)) => {}
        other => return Err(fields.expected("_reserved", "boolean", other.as_ref())),
    }
    fields.finish()?;
    Ok(StoredSpace { id, name: name.trim().to_owned(), about })
}

fn initials(fields: &mut RequestFields) -> Result<Option<String>, KibanaError> {
    let found = fields.optional_text("initials")?;
    let chars = found.as_ref().map_or(0, |text| text.chars().count());
    if chars > INITIALS_CHARS_MAX {
        let max = INITIALS_CHARS_MAX;
        let what = format!("value has length [{chars}] but it must have a maximum length of [{max}].");
        return Err(fields.wrong("initials", &what));
    }
    Ok(found)
}

fn matching(
    fields: &mut RequestFields,
    name: &str,
    fits: impl FnOnce(&str) -> bool,
    otherwise: &str,
) -> Result<Option<String>, KibanaError> {
    match fields.optional_text(name)? {
        Some(text) if !fits(&text) => Err(fields.wrong(name, otherwise)),
        found => Ok(found),
    }
}

fn is_color(text: &str) -> bool {
    let hex = text.strip_prefix('#').unwrap_or_default();
    hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_image(text: &str) -> bool {
    text.is_empty() || text.starts_with("data:image")
}

fn disabled_features(fields: &mut RequestFields) -> Result<Vec<String>, KibanaError> {
    const NAME: &str = "disabledFeatures";
    let values = match fields.any(NAME) {
        None => return Ok(Vec::new()),
        Some(Value::Array(values)) => values,
        other => return Err(fields.expected(NAME, "array", other.as_ref())),
    };
    if values.len() > DISABLED_MAX {
        let what = format!("array size is [{}], but cannot be greater than [{DISABLED_MAX}]", values.len());
        return Err(fields.wrong(NAME, &what));
    }
    let mut features = Vec::new();
    for (place, value) in values.into_iter().enumerate() {
        match value {
            Value::String(feature) => features.push(feature),
            other => return Err(fields.expected(&format!("{NAME}.{place}"), "string", Some(&other))),
        }
    }
    Ok(features)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<StoredSpace, String> {
        let Value::Object(object) = value else { panic!("not an object") };
        space(RequestFields::of_body(object)).map_err(|error| error.message)
    }

    #[test]
    fn a_space_is_shown_as_it_was_given() {
        let given = json!({
            "id": "team-1", "name": "Team", "description": "d", "color": "#4ECDC4", "initials": "TW",
            "imageUrl": "", "disabledFeatures": ["ml"], "solution": "oblt",
        });
        assert_eq!(json!(ShownSpace::from(read(given.clone()).unwrap())), given);
        let least = read(json!({ "id": "a", "name": " a " })).unwrap();
        let wanted = json!({ "id": "a", "name": "a", "disabledFeatures": [] });
        assert_eq!(json!(ShownSpace::from(least)), wanted);
    }

    #[test]
    fn what_kibana_refuses_is_refused() {
        let wrong = |change: Value| {
            let mut given = json!({ "id": "a", "name": "a" });
            given.as_object_mut().unwrap().append(&mut change.as_object().unwrap().clone());
            read(given).unwrap_err()
        };
        let id = "[request body.id]: must be lower case, a-z, 0-9, '_', and '-' are allowed";
        for bad in ["", "A", "a b", "a/b", "é"] {
            assert_eq!(wrong(json!({ "id": bad })), id, "{bad}");
        }
        let color = "[request body.color]: must be a 6 digit hex color, starting with a #";
        assert_eq!(wrong(json!({ "color": "red" })), color);
        let image = "[request body.imageUrl]: must start with 'data:image'";
        assert_eq!(wrong(json!({ "imageUrl": "http://x" })), image);
        assert!(wrong(json!({ "initials": "abc" })).contains("maximum length of [2]"));
        assert!(wrong(json!({ "solution": "x" })).starts_with("[request body.solution]"));
        assert!(wrong(json!({ "disabledFeatures": [1] })).contains("disabledFeatures.0"));
        assert!(
            wrong(json!({ "disabledFeatures": vec!["x"; 101] })).contains("cannot be greater than [100]")
        );
        assert!(wrong(json!({ "more": 1 })).contains("definition for this key is missing"));
    }
}
