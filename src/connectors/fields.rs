//! Settings and parameters, read strictly. What is wrong is said in the words of Kibana's schemas.

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::connector::ConnectorSecrets;

/// An object that is read key by key. A key that was not read is an error.
pub struct StrictFields<'a> {
    /// Where the object is, with a dot behind it: `incident.`.
    place: String,
    map: &'a Map<String, Value>,
    left: BTreeSet<&'a str>,
    /// Whether `null` is a value like any other.
    has_null: bool,
}

impl<'a> StrictFields<'a> {
    /// Reads this object; `null` counts as absent.
    pub fn new(map: &'a Map<String, Value>) -> Self {
        Self::at(String::new(), map, false)
    }

    /// Reads this object; `null` is a value.
    pub fn exact(map: &'a Map<String, Value>) -> Self {
        Self::at(String::new(), map, true)
    }

    /// The same, of an object that is at a place in another one.
    pub fn exact_at(place: &str, map: &'a Map<String, Value>) -> Self {
        Self::at(format!("{place}."), map, true)
    }

    fn at(place: String, map: &'a Map<String, Value>, has_null: bool) -> Self {
        Self { place, map, left: map.keys().map(String::as_str).collect(), has_null }
    }

    /// A value.
    pub fn any(&mut self, name: &str) -> Option<&'a Value> {
        self.left.remove(name);
        self.map.get(name).filter(|value| self.has_null || !value.is_null())
    }

    /// A value of this kind.
    fn of<T>(
        &mut self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.any(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(name, kind, Some(value)))
    }

    /// A value of this kind that must be there.
    fn required<T>(
        &mut self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, String> {
        self.of(name, kind, read)?.ok_or_else(|| self.wrong(name, kind, self.map.get(name)))
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Result<Option<&'a str>, String> {
        self.of(name, "string", Value::as_str)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str) -> Result<&'a str, String> {
        self.required(name, "string", Value::as_str)
    }

    /// A number.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.of(name, "number", Value::as_f64)
    }

    /// A number that must be there.
    pub fn required_number(&mut self, name: &str) -> Result<f64, String> {
        self.required(name, "number", Value::as_f64)
    }

    /// An object with any content.
    pub fn map(&mut self, name: &str) -> Result<Option<&'a Map<String, Value>>, String> {
        self.of(name, "object", Value::as_object)
    }

    /// An object with any content that must be there.
    pub fn required_map(&mut self, name: &str) -> Result<&'a Map<String, Value>, String> {
        self.required(name, "object", Value::as_object)
    }

    /// A list with any content that must be there.
    pub fn required_list(&mut self, name: &str) -> Result<&'a [Value], String> {
        self.required(name, "array", |value| value.as_array().map(Vec::as_slice))
    }

    /// One of some texts.
    pub fn one_of<'t>(&mut self, name: &str, texts: &[&'t str]) -> Result<Option<&'t str>, String> {
        let Some(given) = self.text(name)? else { return Ok(None) };
        texts.iter().copied().find(|text| *text == given).map(Some).ok_or_else(|| {
            self.refused(name, &format!("expected value to equal one of [{}]", texts.join(", ")))
        })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        self.of(name, "boolean", Value::as_bool)
    }

    /// A list of texts; empty if it is absent.
    pub fn texts(&mut self, name: &str) -> Result<Vec<&'a str>, String> {
        let list = self.of(name, "array", Value::as_array)?.map(Vec::as_slice).unwrap_or_default();
        let text = |(at, item): (usize, &'a Value)| {
            item.as_str()
                .ok_or_else(|| self.refused(&format!("{name}.{at}"), &expected("string", Some(item))))
        };
        list.iter().enumerate().map(text).collect()
    }

    /// An object, to be read in the same way.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>, String> {
        let map = self.map(name)?;
        Ok(map.map(|map| Self::at(format!("{}{name}.", self.place), map, self.has_null)))
    }

    /// A list of objects, to be read in the same way; empty if it is absent.
    pub fn objects(&mut self, name: &str) -> Result<Vec<Self>, String> {
        let list = self.of(name, "array", Value::as_array)?.map(Vec::as_slice).unwrap_or_default();
        let object = |(at, item): (usize, &'a Value)| {
            let place = format!("{name}.{at}");
            let map =
                item.as_object().ok_or_else(|| self.refused(&place, &expected("object", Some(item))))?;
            Ok(Self::at(format!("{}{place}.", self.place), map, self.has_null))
        };
        list.iter().enumerate().map(object).collect()
    }

    /// An object with any content, or the JSON text of one: templates make texts.
    pub fn content(&mut self, name: &str) -> Result<Option<Map<String, Value>>, String> {
        let Some(value) = self.any(name) else { return Ok(None) };
        let read = value.as_str().and_then(|text| serde_json::from_str(text).ok());
        match read.as_ref().unwrap_or(value) {
            Value::Object(map) => Ok(Some(map.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(self.wrong(name, "object", Some(value)))
            }
        }
    }

    /// An object with texts only.
    pub fn text_map(&mut self, name: &str) -> Result<Vec<(&'a str, &'a str)>, String> {
        let Some(map) = self.map(name)? else { return Ok(Vec::new()) };
        let entry = |(key, item): (&'a String, &'a Value)| match item.as_str() {
            Some(text) => Ok((key.as_str(), text)),
            None => Err(self.refused(&format!("{name}.{key}"), &expected("string", Some(item)))),
        };
        map.iter().map(entry).collect()
    }

    /// Checks that every key was read.
    pub fn finish(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(key) => Err(self.refused(&shortened(key), "definition for this key is missing")),
        }
    }

    /// An error about one key.
    pub fn refused(&self, name: &str, why: &str) -> String {
        format!("[{}{name}]: {why}", self.place)
    }

    fn wrong(&self, name: &str, kind: &str, value: Option<&Value>) -> String {
        self.refused(name, &expected(kind, value))
    }
}

/// Checks that a connector has only these secrets.
pub fn only(secrets: &ConnectorSecrets, known: &[&str]) -> Result<(), String> {
    match secrets.0.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("[{}]: definition for this key is missing", shortened(key))),
    }
}

/// A secret that must be there.
pub fn required<'s>(secrets: &'s ConnectorSecrets, name: &str) -> Result<&'s SecretString, String> {
    secrets.get(name).ok_or_else(|| format!("[{name}]: {}", expected("string", None)))
}

/// The text of a key that somebody else chose, for an error.
fn shortened(key: &str) -> String {
    const CHARS_MAX: usize = 60;
    let plain = key.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(CHARS_MAX).collect()
}

/// What Kibana calls the type of a value.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

fn expected(kind: &str, value: Option<&Value>) -> String {
    let found = value.map_or("undefined", kind_of);
    format!("expected value of type [{kind}] but got [{found}]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn what_is_wrong_is_said_as_kibana_says_it() {
        let map = object(json!({ "a": 1, "list": ["x", 2], "in": { "b": null }, "more": true }));
        let mut fields = StrictFields::new(&map);
        assert_eq!(fields.text("a"), Err("[a]: expected value of type [string] but got [number]".to_owned()));
        assert_eq!(
            fields.texts("list"),
            Err("[list.1]: expected value of type [string] but got [number]".to_owned())
        );
        let mut inside = fields.object("in").unwrap().unwrap();
        assert_eq!(
            inside.required_text("b"),
            Err("[in.b]: expected value of type [string] but got [null]".to_owned())
        );
        assert_eq!(
            inside.required_text("c"),
            Err("[in.c]: expected value of type [string] but got [undefined]".to_owned())
        );
        assert_eq!(fields.finish(), Err("[more]: definition for this key is missing".to_owned()));
    }

    #[test]
    fn null_is_absent_or_a_value() {
        let map = object(json!({ "a": null, "b": null }));
        assert_eq!(StrictFields::new(&map).text("a"), Ok(None));
        let mut exact = StrictFields::exact_at("in", &map);
        assert_eq!(exact.text("a"), Err("[in.a]: expected value of type [string] but got [null]".to_owned()));
        assert_eq!(exact.finish(), Err("[in.b]: definition for this key is missing".to_owned()));
    }

    #[test]
    fn content_may_be_the_text_of_an_object() {
        let map = object(json!({ "a": { "x": 1 }, "b": "{\"x\":1}", "c": "x", "d": [] }));
        let mut fields = StrictFields::new(&map);
        assert_eq!(fields.content("a").unwrap(), fields.content("b").unwrap());
        assert!(fields.content("c").is_err() && fields.content("d").is_err());
    }
}
