//! One layer of settings: a tree of values, each with its origin.

use std::fmt;

use config::{Map, Source, Value, ValueKind};

use super::{HttpAuth, SecretSource, tree::as_table};
use crate::lists::{LISTS, SettingKind};

/// Keys that exclude each other: one in a later layer replaces the others, so that `{ file = … }` in the
/// environment does not meet `{ env = … }` of the file. For these forms no list of settings is needed.
const ALTERNATIVES: [&[&str]; 2] = [&SecretSource::FORMS, &HttpAuth::FORMS];

/// Whether a setting is one value although it is written as a table with any keys: a later layer replaces all
/// of it.
fn is_whole(key: &str) -> bool {
    let mut settings = LISTS.iter().flat_map(|list| list.settings);
    settings.any(|setting| setting.key == key && matches!(setting.kind, SettingKind::Pairs(_)))
}

/// Whether a later layer, or a section over its defaults, replaces this value of a collector or sink as a whole.
pub(super) fn is_one_value(key: &str, value: &Value) -> bool {
    let has_form =
        |table: &Map<String, Value>| ALTERNATIVES.concat().iter().any(|form| table.contains_key(*form));
    is_whole(key) || as_table(value).is_some_and(has_form)
}

/// The depth of the keys of a collector or sink: `collector`, its name, the key. A key above that may be a
/// name of the user's.
const KEY_DEPTH: usize = 3;

/// One layer: a tree of values, each with its origin. `Debug` shows no value.
#[derive(Clone, Default)]
pub(super) struct Layer(Map<String, Value>);

impl Layer {
    /// Reads TOML. `origin` is where it comes from, as in "in ccfd.toml".
    pub(super) fn of_toml(text: &str, origin: &str) -> Result<Self, toml::de::Error> {
        Ok(Self(map_of(toml::from_str(text)?, origin)))
    }

    /// Its sections.
    pub(super) fn tables(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Sets a value; `false` if another value is there or in its path.
    pub(super) fn insert(&mut self, path: &[String], value: Value) -> bool {
        let mut table = &mut self.0;
        let Some((key, sections)) = path.split_last() else {
            return false;
        };
        for section in sections {
            let next = table.entry(section.clone()).or_insert_with(|| {
                Value::new(value.origin().map(String::from).as_ref(), Map::<String, Value>::new())
            });
            match &mut next.kind {
                ValueKind::Table(inner) => table = inner,
                _ => return false,
            }
        }
        let vacant = !table.contains_key(key);
        if vacant {
            table.insert(key.clone(), value);
        }
        vacant
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({} sections)", self.0.len())
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }

    /// The crate's own method parses top-level keys as path expressions and loses the origins of tables; this
    /// one does not.
    fn collect_to(&self, below: &mut Value) -> Result<(), config::ConfigError> {
        if let ValueKind::Table(below) = &mut below.kind {
            lay_over(below, &self.0, 1);
        }
        Ok(())
    }
}

fn lay_over(below: &mut Map<String, Value>, above: &Map<String, Value>, depth: usize) {
    if depth >= KEY_DEPTH {
        for forms in ALTERNATIVES {
            if forms.iter().any(|form| above.contains_key(*form)) {
                below.retain(|key, _| !forms.contains(&key.as_str()) || above.contains_key(key));
            }
        }
    }
    for (key, value) in above {
        let whole = depth >= KEY_DEPTH && is_whole(key);
        match below.get_mut(key) {
            Some(there) if !whole && is_table(there) && is_table(value) => {
                lay_over_table(there, value, depth)
            }
            Some(_) | None => _ = below.insert(key.clone(), value.clone()),
        }
    }
}

fn lay_over_table(there: &mut Value, value: &Value, depth: usize) {
    let origin = origin_of_both(there, value, depth);
    if let (ValueKind::Table(below), ValueKind::Table(above)) = (&mut there.kind, &value.kind) {
        lay_over(below, above, depth + 1);
    }
    *there = Value::new(origin.as_ref(), std::mem::replace(&mut there.kind, ValueKind::Nil));
}

/// The origin of a table to which a later layer adds. A form that excludes others is read as a whole, so a
/// problem in it belongs to the layer that gives it, or to one of two that both give it.
fn origin_of_both(below: &Value, above: &Value, depth: usize) -> Option<String> {
    let origin = |value: &Value| value.origin().map(str::to_owned);
    let (Some(inner), Some(table)) = (as_table(below), as_table(above)) else { return origin(below) };
    let given = |form: &&&str| depth + 1 >= KEY_DEPTH && table.contains_key(**form);
    let Some(form) = ALTERNATIVES.into_iter().flatten().find(given) else { return origin(below) };
    let is_added_to = [inner, table].iter().all(|table| table.get(*form).is_some_and(is_table));
    match (origin(below), origin(above)) {
        (Some(below), Some(above)) if is_added_to => Some(format!("{below} and {above}")),
        (_, above) => above,
    }
}

fn is_table(value: &Value) -> bool {
    as_table(value).is_some()
}

/// The value of a variable or flag. Lists, inline tables and quoted text are TOML; anything else remains
/// text, and a reader that expects a number parses it, so that an identifier such as `007` or `1e3` never
/// changes.
pub(super) fn value_of_text(text: &str, origin: &str) -> Value {
    let trimmed = text.trim();
    if trimmed.starts_with(['[', '{', '"', '\''])
        && let Ok(value) = trimmed.parse::<toml::Value>()
    {
        return value_of(value, origin);
    }
    Value::new(Some(&origin.to_owned()), text)
}

fn value_of(value: toml::Value, origin: &str) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text),
        toml::Value::Integer(number) => ValueKind::I64(number),
        toml::Value::Float(number) => ValueKind::Float(number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(flag),
        toml::Value::Datetime(time) => ValueKind::String(time.to_string()),
        toml::Value::Array(list) => {
            ValueKind::Array(list.into_iter().map(|value| value_of(value, origin)).collect())
        }
        toml::Value::Table(table) => ValueKind::Table(map_of(table, origin)),
    };
    Value::new(Some(&origin.to_owned()), kind)
}

fn map_of(table: toml::Table, origin: &str) -> Map<String, Value> {
    table.into_iter().map(|(key, value)| (key, value_of(value, origin))).collect()
}
