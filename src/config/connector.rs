//! `[connector.NAME]`: a connector of the settings.

use std::{collections::BTreeMap, path::Path};

use config::{Value, ValueKind};
use serde_json::{Map, Number};

use super::{
    SecretSource,
    located::Located,
    section::Section,
    tree::{as_table, sorted},
    values::{ValueProblem, text, wanted},
};
use crate::connectors::CASES_TYPE_ID;

/// The deepest table or list in the settings of a connector.
const DEPTH_MAX: usize = 16;

/// A connector of the settings; its name there is its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorSettings {
    /// The id of its type.
    pub type_id: String,
    /// What people call it; the id if nothing is said.
    pub name: Option<String>,
    /// What its type reads.
    pub config: Map<String, serde_json::Value>,
    /// Where its secrets are kept, by name.
    pub secrets: BTreeMap<String, ConnectorSecretPlace>,
}

/// Where a secret of a connector is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectorSecretPlace {
    /// In one place.
    One(SecretSource),
    /// Each text of a secret that is an object in a place of its own.
    Texts(BTreeMap<String, SecretSource>),
}

/// The secrets that are objects.
const OBJECTS: [&str; 1] = ["secretHeaders"];

impl ConnectorSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let type_id = section.required("type", type_id);
        let name = section.optional("name", text);
        let config = section.optional("config", json_table);
        let secrets = section.optional_place("secrets", secrets);
        let is_sound = section.is_sound();
        let (config, secrets) = (config.unwrap_or_default(), secrets.unwrap_or_default());
        is_sound.then_some(Self { type_id: type_id?, name, config, secrets })
    }
}

impl Located for BTreeMap<String, ConnectorSecretPlace> {
    fn located(self, base: &Path) -> Self {
        let located = |place| match place {
            ConnectorSecretPlace::One(place) => ConnectorSecretPlace::One(place.located(base)),
            ConnectorSecretPlace::Texts(places) => ConnectorSecretPlace::Texts(
                places.into_iter().map(|(name, place)| (name, place.located(base))).collect(),
            ),
        };
        self.into_iter().map(|(name, place)| (name, located(place))).collect()
    }
}

/// A type whose connectors people make.
fn type_id(value: &Value) -> Result<String, ValueProblem> {
    match text(value)? {
        id if id == CASES_TYPE_ID => Err(ValueProblem::Because(format!(
            "\"{id}\" has one connector, that of the system: cases are made by a [[detect.action]] with `connector = \"{id}\"`"
        ))),
        id => Ok(id),
    }
}

fn secrets(value: &Value) -> Result<BTreeMap<String, ConnectorSecretPlace>, ValueProblem> {
    let table = as_table(value)
        .ok_or_else(|| wanted("a table of places, such as { apiKey = { env = \"NAME\" } }"))?;
    let place = |(name, place): (&str, &Value)| Ok((name.to_owned(), secret_place(name, place)?));
    sorted(table).into_iter().map(place).collect()
}

/// One place, or for a secret that is an object a table of them: the place of one is a text, so it cannot be such a table.
fn secret_place(name: &str, value: &Value) -> Result<ConnectorSecretPlace, ValueProblem> {
    let texts = as_table(value).filter(|table| {
        OBJECTS.contains(&name) && !table.is_empty() && table.values().all(|value| as_table(value).is_some())
    });
    let Some(texts) = texts else { return Ok(ConnectorSecretPlace::One(SecretSource::read(value)?)) };
    let text = |(name, place): (&str, &Value)| Ok((name.to_owned(), SecretSource::read(place)?));
    sorted(texts).into_iter().map(text).collect::<Result<_, _>>().map(ConnectorSecretPlace::Texts)
}

pub(super) fn json_table(value: &Value) -> Result<Map<String, serde_json::Value>, ValueProblem> {
    match json(value, DEPTH_MAX) {
        Some(serde_json::Value::Object(table)) => Ok(table),
        Some(_) | None => Err(wanted("a table that JSON can express")),
    }
}

fn json(value: &Value, depth: usize) -> Option<serde_json::Value> {
    let below = depth.checked_sub(1)?;
    Some(match &value.kind {
        ValueKind::Nil => serde_json::Value::Null,
        ValueKind::Boolean(flag) => (*flag).into(),
        ValueKind::I64(number) => (*number).into(),
        ValueKind::U64(number) => (*number).into(),
        ValueKind::I128(number) => i64::try_from(*number).ok()?.into(),
        ValueKind::U128(number) => u64::try_from(*number).ok()?.into(),
        ValueKind::Float(number) => Number::from_f64(*number)?.into(),
        ValueKind::String(text) => text.as_str().into(),
        ValueKind::Array(list) => list.iter().map(|item| json(item, below)).collect::<Option<_>>()?,
        ValueKind::Table(table) => {
            let entry = |(key, value): (&str, &Value)| Some((key.to_owned(), json(value, below)?));
            sorted(table).into_iter().map(entry).collect::<Option<_>>()?
        }
    })
}
