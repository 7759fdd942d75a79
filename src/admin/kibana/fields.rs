//! RequestFields of a JSON object or of a query, read one by one, with what Kibana says of those that are wrong.

use serde_json::{Map, Value};

use super::KibanaError;

/// RequestFields that are still to be read.
pub(super) struct RequestFields {
    part: &'static str,
    left: Map<String, Value>,
}

impl RequestFields {
    /// Of the body.
    pub(super) fn of_body(object: Map<String, Value>) -> Self {
        Self { part: "request body", left: object }
    }

    /// Of the query. A name that comes several times is a list.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        let mut left = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = Value::String(value.into_owned());
            match left.get_mut(&*name) {
                None => _ = left.insert(name.into_owned(), value),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Self { part: "request query", left }
    }

    /// Whether a field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// A field; `None` if it is not there.
    pub(super) fn any(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<String, KibanaError> {
        match self.any(name) {
            Some(Value::String(text)) => Ok(text),
            other => Err(self.expected(name, "string", other.as_ref())),
        }
    }

    /// A text that must be there and not be blank.
    pub(super) fn filled_text(&mut self, name: &str) -> Result<String, KibanaError> {
        let text = self.text(name)?;
        if text.trim().is_empty() { Err(self.wrong(name, BLANK)) } else { Ok(text) }
    }

    /// A text that may be left out.
    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, KibanaError> {
        if self.left.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// An object that must be there.
    pub(super) fn object(&mut self, name: &str) -> Result<Map<String, Value>, KibanaError> {
        match self.any(name) {
            Some(Value::Object(object)) => Ok(object),
            other => Err(self.expected(name, "object", other.as_ref())),
        }
    }

    /// An object without blank texts; empty if it is left out.
    pub(super) fn filled_object(&mut self, name: &str) -> Result<Map<String, Value>, KibanaError> {
        if !self.left.contains_key(name) {
            return Ok(Map::new());
        }
        let object = self.object(name)?;
        match object.iter().find(|(_, value)| has_blank(value)) {
            Some((key, _)) => Err(self.wrong(&format!("{name}.{key}"), BLANK)),
            None => Ok(object),
        }
    }

    /// Fails if there is a field that nobody has read.
    pub(super) fn finish(self) -> Result<(), KibanaError> {
        match self.left.keys().next() {
            Some(name) => Err(self.wrong(name, "definition for this key is missing")),
            None => Ok(()),
        }
    }

    /// An error about a field.
    pub(super) fn wrong(&self, name: &str, what: &str) -> KibanaError {
        KibanaError::bad_request(format!("[{}.{name}]: {what}", self.part))
    }

    /// An error about the type of a field.
    pub(super) fn expected(&self, name: &str, wanted: &str, found: Option<&Value>) -> KibanaError {
        let what = format!("expected value of type [{wanted}] but got [{}]", kind(found));
        self.wrong(name, &what)
    }
}

const BLANK: &str = "value '' is not valid";

fn has_blank(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.iter().any(has_blank),
        Value::Object(object) => object.values().any(has_blank),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What Kibana calls the type of a value.
pub(super) fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "Array",
        Some(Value::Object(_)) => "Object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> RequestFields {
        let Value::Object(object) = value else { panic!("not an object") };
        RequestFields::of_body(object)
    }

    fn message<T: std::fmt::Debug>(read: Result<T, KibanaError>) -> String {
        read.unwrap_err().message
    }

    #[test]
    fn what_is_wrong_with_a_field_is_said_as_kibana_says_it() {
        let mut fields =
            body(json!({ "a": 1, "b": " ", "c": [], "d": { "x": { "y": ["z", ""] } }, "e": null }));
        let expected = "[request body.a]: expected value of type [string] but got [number]";
        assert_eq!(message(fields.text("a")), expected);
        assert_eq!(message(fields.filled_text("b")), "[request body.b]: value '' is not valid");
        let expected = "[request body.c]: expected value of type [object] but got [Array]";
        assert_eq!(message(fields.filled_object("c")), expected);
        assert_eq!(message(fields.filled_object("d")), "[request body.d.x]: value '' is not valid");
        let expected = "[request body.missing]: expected value of type [string] but got [undefined]";
        assert_eq!(message(fields.text("missing")), expected);
        assert_eq!(message(fields.finish()), "[request body.e]: definition for this key is missing");
    }

    #[test]
    fn what_may_be_left_out_may_not_be_null() {
        let mut fields = body(json!({ "a": null, "b": null }));
        assert!(fields.optional_text("a").is_err() && fields.filled_object("b").is_err());
        let mut fields = body(json!({}));
        assert_eq!(fields.optional_text("a"), Ok(None));
        assert_eq!(fields.filled_object("b"), Ok(Map::new()));
        assert_eq!(fields.finish(), Ok(()));
    }

    #[test]
    fn a_query_is_read_in_the_same_way() {
        let mut fields = RequestFields::of_query(Some("feature_id=a%20b&x=1&x=2&x=3"));
        assert_eq!(fields.optional_text("feature_id"), Ok(Some("a b".to_owned())));
        assert_eq!(fields.any("x"), Some(json!(["1", "2", "3"])));
        assert_eq!(fields.finish(), Ok(()));
        assert_eq!(
            message(RequestFields::of_query(Some("y")).finish()),
            "[request query.y]: definition for this key is missing"
        );
    }
}
