//! One connector.

use std::{collections::BTreeMap, fmt, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};

/// The most characters of an id, as in Kibana.
const ID_CHARS_MAX: usize = 36;

/// Names a connector in its space: 1 to 36 letters, digits, `_`, `-`, `.`; unique in all spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorId(Arc<str>);

/// Why a text is no id of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to {ID_CHARS_MAX} letters, digits, '_', '-' or '.'")]
pub struct IdError;

impl ConnectorId {
    /// Checks an id.
    ///
    /// # Errors
    ///
    /// If it is empty, too long, or has another character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_id = (1..=ID_CHARS_MAX).contains(&text.len()) && text.chars().all(allowed);
        if is_id { Ok(Self(text.into())) } else { Err(IdError) }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A connector, without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// Its id.
    pub id: ConnectorId,
    /// The space that it belongs to; `None` for one of the settings, which every space has.
    pub space: Option<Arc<str>>,
    /// What people call it.
    pub name: String,
    /// The id of its type, such as `.index`.
    pub type_id: Arc<str>,
    /// Its settings, with the defaults of its type filled in.
    pub config: Map<String, Value>,
    /// Whether it is one of the settings of ccfd, where only a person changes it.
    pub is_preconfigured: bool,
    /// Whether its type requires secrets that it does not have.
    pub is_missing_secrets: bool,
}

/// The secrets of a connector, by the names that its type gives them. Never shown.
#[derive(Clone, Default)]
pub struct ConnectorSecrets(pub BTreeMap<String, SecretString>);

impl Connector {
    /// Whether it is one of the system, which nobody makes, changes or runs.
    pub fn is_of_system(&self) -> bool {
        super::connector_type(&self.type_id).is_some_and(|known| known.info().is_system)
    }
}

impl ConnectorSecrets {
    /// One of them.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }
}

impl fmt::Debug for ConnectorSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_plain() {
        for id in ["a", "my-connector_1.0", &"x".repeat(36)] {
            assert_eq!(ConnectorId::parse(id).unwrap().as_str(), id);
        }
        for id in ["", "a b", "a/b", "é", &"x".repeat(37)] {
            assert_eq!(ConnectorId::parse(id), Err(IdError), "{id}");
        }
    }
}
