//! Reads the members of a JSON object, and says what is wrong with them in the words of Kibana's schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The members that were not read yet.
pub(super) struct SchemaReader<'a> {
    /// Where the object is, with a full stop behind it; empty at the top.
    within: String,
    left: BTreeMap<&'a str, &'a Value>,
}

impl<'a> SchemaReader<'a> {
    /// Of an object at the top.
    pub(super) fn of(object: &'a Map<String, Value>) -> Self {
        Self::within("", object)
    }

    /// Of an object that is a member of another.
    pub(super) fn within(place: &str, object: &'a Map<String, Value>) -> Self {
        let within = if place.is_empty() { String::new() } else { format!("{place}.") };
        Self { within, left: object.iter().map(|(name, value)| (name.as_str(), value)).collect() }
    }

    /// Takes any value.
    pub(super) fn any(&mut self, name: &str) -> Option<&'a Value> {
        self.left.remove(name)
    }

    /// Takes a text that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<&'a str, String> {
        let found = self.any(name);
        found.and_then(Value::as_str).ok_or_else(|| self.unlike(name, "string", found))
    }

    /// Takes a text.
    pub(super) fn maybe_text(&mut self, name: &str) -> Result<Option<&'a str>, String> {
        self.maybe(name, "string", Value::as_str)
    }

    /// Takes a number.
    pub(super) fn maybe_number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.maybe(name, "number", Value::as_f64)
    }

    /// Takes a number that must be there.
    pub(super) fn number(&mut self, name: &str) -> Result<f64, String> {
        let found = self.any(name);
        found.and_then(Value::as_f64).ok_or_else(|| self.unlike(name, "number", found))
    }

    /// Takes true or false.
    pub(super) fn maybe_bool(&mut self, name: &str) -> Result<Option<bool>, String> {
        self.maybe(name, "boolean", Value::as_bool)
    }

    /// Takes an object that must be there.
    pub(super) fn object(&mut self, name: &str) -> Result<&'a Map<String, Value>, String> {
        let found = self.any(name);
        found.and_then(Value::as_object).ok_or_else(|| self.unlike(name, "object", found))
    }

    /// Takes an object.
    pub(super) fn maybe_object(&mut self, name: &str) -> Result<Option<&'a Map<String, Value>>, String> {
        self.maybe(name, "object", Value::as_object)
    }

    /// Takes an array that must be there.
    pub(super) fn array(&mut self, name: &str) -> Result<&'a [Value], String> {
        let found = self.any(name);
        let array = found.and_then(Value::as_array).map(Vec::as_slice);
        array.ok_or_else(|| self.unlike(name, "array", found))
    }

    /// Refuses what nothing has taken.
    pub(super) fn done(self) -> Result<(), String> {
        match self.left.first_key_value() {
            None => Ok(()),
            Some((name, _)) => Err(format!("[{}{name}]: definition for this key is missing", self.within)),
        }
    }

    fn maybe<T>(
        &mut self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(found) = self.any(name) else { return Ok(None) };
        read(found).map(Some).ok_or_else(|| self.unlike(name, kind, Some(found)))
    }

    fn unlike(&self, name: &str, wanted: &str, found: Option<&Value>) -> String {
        let found = found.map_or("undefined", kind_of);
        format!("[{}{name}]: expected value of type [{wanted}] but got [{found}]", self.within)
    }
}

/// What Kibana calls the type of a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}
