//! The part of KQL that the transforms use: one `project` over one row. Anything else is an error.

use serde_json::{Value as Json, json};

/// A value of KQL. Null is JSON's, and so is the empty string: KQL's strings are never null.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Json(Json),
    /// Unix seconds.
    Time(i64),
    /// Seconds.
    Span(i64),
}

/// What `now()` answers.
pub const NOW: i64 = 1_800_000_000;

const NULL: Value = Value::Json(Json::Null);

/// The columns that the transform makes of a row of the stream.
pub fn project(transform: &str, row: &Json) -> Vec<(String, Value)> {
    let text = transform.strip_prefix("source\n| project\n").expect("one projection of the source");
    let mut parser = Parser { rest: text, row };
    let mut columns = Vec::new();
    loop {
        let name = parser.word().to_owned();
        parser.expect("=");
        columns.push((name, parser.sum()));
        if !parser.takes(",") {
            assert_eq!(parser.rest.trim(), "", "the end");
            return columns;
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    row: &'a Json,
}

impl<'a> Parser<'a> {
    fn takes(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, sign: &str) {
        assert!(self.takes(sign), "{sign} was expected: {}", self.rest);
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        assert!(!word.is_empty(), "a word was expected: {rest}");
        self.rest = rest;
        word
    }

    fn until(&mut self, sign: &str) -> &'a str {
        let (text, rest) = self.rest.split_once(sign).expect("the sign");
        self.rest = rest;
        text
    }

    fn sum(&mut self) -> Value {
        let mut left = self.product();
        while self.takes("+") {
            left = match (left, self.product()) {
                (Value::Time(time), Value::Span(span)) => Value::Time(time + span),
                (Value::Json(Json::Null), _) | (_, Value::Json(Json::Null)) => NULL,
                other => panic!("{other:?} cannot be added"),
            };
        }
        left
    }

    fn product(&mut self) -> Value {
        let mut left = self.path();
        while self.takes("*") {
            left = match (left, self.path()) {
                (Value::Json(Json::Number(number)), Value::Span(span)) => {
                    Value::Span(number.as_i64().expect("a whole number") * span)
                }
                (Value::Json(Json::Null), _) => NULL,
                other => panic!("{other:?} cannot be multiplied"),
            };
        }
        left
    }

    /// A value, and members or elements of it.
    fn path(&mut self) -> Value {
        let mut value = self.value();
        loop {
            let Value::Json(json) = &value else { return value };
            let inner = if self.rest.starts_with('.') {
                self.expect(".");
                json.get(self.word())
            } else if self.rest.starts_with('[') {
                self.expect("[");
                json.get(self.until("]").parse::<usize>().expect("an index"))
            } else {
                return value;
            };
            value = Value::Json(inner.cloned().unwrap_or_default());
        }
    }

    fn value(&mut self) -> Value {
        if self.takes("['") {
            let name = self.until("']");
            return self.field(name);
        }
        if self.takes("\"") {
            return Value::Json(json!(self.until("\"")));
        }
        let word = self.word();
        if let Some(seconds) = word.strip_suffix('s').and_then(|seconds| seconds.parse().ok()) {
            return Value::Span(seconds);
        }
        if word == "datetime" {
            self.expect("(1970-01-01)");
            return Value::Time(0);
        }
        if self.takes("(") {
            let arguments = self.arguments();
            return call(word, &arguments);
        }
        self.field(word)
    }

    fn arguments(&mut self) -> Vec<Value> {
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.sum());
            self.takes(",");
        }
        arguments
    }

    fn field(&self, name: &str) -> Value {
        Value::Json(self.row.get(name).unwrap_or_else(|| panic!("no field {name} is declared")).clone())
    }
}

fn call(function: &str, arguments: &[Value]) -> Value {
    match (function, arguments) {
        ("now", []) => Value::Time(NOW),
        ("isnull", [value]) => Value::Json(json!(*value == NULL)),
        ("iff", [Value::Json(Json::Bool(so)), then, otherwise]) => if *so { then } else { otherwise }.clone(),
        ("tostring", [Value::Json(json)]) => Value::Json(match json {
            Json::Null => json!(""),
            Json::String(_) => json.clone(),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => json!(json.to_string()),
        }),
        ("tolong" | "toint", [Value::Json(json)]) => {
            let text = json.as_str().and_then(|text| text.parse().ok());
            Value::Json(json!(json.as_i64().or(text)))
        }
        ("pack_array", values) => Value::Json(values.iter().map(json).collect()),
        ("bag_pack", pairs) => {
            let pair = |pair: &[Value]| (json(&pair[0]).as_str().expect("a name").to_owned(), json(&pair[1]));
            Value::Json(Json::Object(pairs.chunks(2).map(pair).collect()))
        }
        other => panic!("{other:?} is not known here"),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Json(json) => json.clone(),
        Value::Time(_) | Value::Span(_) => panic!("{value:?} is no JSON"),
    }
}
