//! Settings and parameters, read strictly. What is wrong is said in the words of Kibana's schemas.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::connector::ConnectorSecrets;

/// An object that is read key by key. A key that was not read is an error.
pub struct StrictFields<'a> {
    /// Where the object is, with a dot behind it: `incident.`.
    place: String,
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> StrictFields<'a> {
    /// Reads this object.
    pub fn new(map: &'a Map<String, Value>) -> Self {
        Self::at(String::new(), map)
    }

    fn at(place: String, map: &'a Map<String, Value>) -> Self {
        Self { place, map, known: Vec::new() }
    }

    /// A value; `null` counts as absent.
    pub fn any(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, String> {
        let Some(value) = self.any(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.wrong(name, "string", Some(value)))
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str) -> Result<&'a str, String> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "string", self.map.get(name)))
    }

    /// One of some texts.
    pub fn one_of<'t>(&mut self, name: &'static str, texts: &[&'t str]) -> Result<Option<&'t str>, String> {
        let Some(given) = self.text(name)? else { return Ok(None) };
        texts.iter().copied().find(|text| *text == given).map(Some).ok_or_else(|| {
            self.refused(name, &format!("expected value to equal one of [{}]", texts.join(", ")))
        })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, String> {
        let Some(value) = self.any(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(name, "boolean", Some(value)))
    }

    /// A list of texts; empty if it is absent.
    pub fn texts(&mut self, name: &'static str) -> Result<Vec<&'a str>, String> {
        let Some(value) = self.any(name) else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.wrong(name, "array", Some(value)))?;
        let text = |(at, item): (usize, &'a Value)| {
            item.as_str()
                .ok_or_else(|| self.refused(&format!("{name}.{at}"), &expected("string", Some(item))))
        };
        list.iter().enumerate().map(text).collect()
    }

    /// An object, to be read in the same way.
    pub fn object(&mut self, name: &'static str) -> Result<Option<Self>, String> {
        let Some(value) = self.any(name) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.wrong(name, "object", Some(value)))?;
        Ok(Some(Self::at(format!("{}{name}.", self.place), map)))
    }

    /// A list of objects, to be read in the same way; empty if it is absent.
    pub fn objects(&mut self, name: &'static str) -> Result<Vec<Self>, String> {
        let Some(value) = self.any(name) else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.wrong(name, "array", Some(value)))?;
        let object = |(at, item): (usize, &'a Value)| {
            let place = format!("{name}.{at}");
            let map =
                item.as_object().ok_or_else(|| self.refused(&place, &expected("object", Some(item))))?;
            Ok(Self::at(format!("{}{place}.", self.place), map))
        };
        list.iter().enumerate().map(object).collect()
    }

    /// An object with any content, or the JSON text of one: templates make texts.
    pub fn content(&mut self, name: &'static str) -> Result<Option<Map<String, Value>>, String> {
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
    pub fn text_map(&mut self, name: &'static str) -> Result<Vec<(&'a str, &'a str)>, String> {
        let Some(value) = self.any(name) else { return Ok(Vec::new()) };
        let map = value.as_object().ok_or_else(|| self.wrong(name, "object", Some(value)))?;
        let entry = |(key, item): (&'a String, &'a Value)| match item.as_str() {
            Some(text) => Ok((key.as_str(), text)),
            None => Err(self.refused(&format!("{name}.{key}"), &expected("string", Some(item)))),
        };
        map.iter().map(entry).collect()
    }

    /// Checks that every key was read.
    pub fn finish(self) -> Result<(), String> {
        match self.map.keys().find(|key| !self.known.contains(&key.as_str())) {
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

fn expected(kind: &str, value: Option<&Value>) -> String {
    let found = match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "Array",
        Some(Value::Object(_)) => "Object",
    };
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
    fn content_may_be_the_text_of_an_object() {
        let map = object(json!({ "a": { "x": 1 }, "b": "{\"x\":1}", "c": "x", "d": [] }));
        let mut fields = StrictFields::new(&map);
        assert_eq!(fields.content("a").unwrap(), fields.content("b").unwrap());
        assert!(fields.content("c").is_err() && fields.content("d").is_err());
    }
}
