//! What a configuration says of connectors.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::{
    config::{Config, ConnectorSecretPlace, ConnectorSettings, Environment, SecretSource, StateSettings},
    connectors::{
        connector::{Connector, ConnectorId, ConnectorSecrets},
        connector_type::ConnectorType,
        index::{IndexTarget, embedded_tables, index_target},
        outgoing::Outgoing,
    },
    secrets::SecretStore,
};

/// What a configuration says.
pub(super) struct RegistryParts {
    pub(super) types: &'static [&'static dyn ConnectorType],
    pub(super) outgoing: Outgoing,
    pub(super) index: Arc<dyn IndexTarget>,
    pub(super) secrets: SecretStore,
    pub(super) environment: Environment,
    /// The connectors of the settings, by id.
    pub(super) preconfigured: BTreeMap<String, Preconfigured>,
    /// How many actions use each connector.
    pub(super) references: BTreeMap<String, u64>,
}

/// A connector of the settings.
pub(super) struct Preconfigured {
    pub(super) id: ConnectorId,
    pub(super) settings: ConnectorSettings,
    /// Its settings with the defaults of its type, or what is wrong with them.
    pub(super) config: Result<Map<String, Value>, String>,
}

/// What is wrong with a connector of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreconfiguredProblem {
    /// Its id.
    pub id: String,
    /// In a sentence, without a secret.
    pub reason: String,
}

impl RegistryParts {
    /// The parts of a configuration; where secrets are kept stays what it was before.
    pub(super) fn of(
        config: &Config,
        environment: &Environment,
        types: &'static [&'static dyn ConnectorType],
        before: Option<&Self>,
    ) -> Self {
        let secrets = match before {
            Some(before) => before.secrets.clone(),
            None => SecretStore::of(&config.state, environment),
        };
        let mut parts = Self {
            types,
            outgoing: Outgoing::new(config.connectors.outgoing.clone(), environment.clone()),
            index: index_target(config, environment),
            secrets,
            environment: environment.clone(),
            preconfigured: BTreeMap::new(),
            references: BTreeMap::new(),
        };
        for action in &config.alerts.actions {
            *parts.references.entry(action.connector().to_owned()).or_default() += 1;
        }
        for (name, settings) in &config.preconfigured {
            // Every name in the settings is an id; the settings were checked for it.
            let Ok(id) = ConnectorId::parse(name) else { continue };
            let checked = parts.checked(settings);
            let known = Preconfigured { id, settings: settings.clone(), config: checked };
            parts.preconfigured.insert(name.clone(), known);
        }
        parts
    }

    /// Without a configuration, with the state in this directory.
    pub(super) fn bare(dir: &Path, types: &'static [&'static dyn ConnectorType]) -> Self {
        let settings = StateSettings { dir: dir.to_owned(), lock_wait: Duration::ZERO, secrets_key: None };
        let environment = Environment::default();
        Self {
            types,
            outgoing: Outgoing::default(),
            index: embedded_tables(dir),
            secrets: SecretStore::of(&settings, &environment),
            environment,
            preconfigured: BTreeMap::new(),
            references: BTreeMap::new(),
        }
    }

    /// The type with this id.
    pub(super) fn type_of(&self, id: &str) -> Option<&'static dyn ConnectorType> {
        self.types.iter().copied().find(|known| known.info().id == id)
    }

    fn checked(&self, settings: &ConnectorSettings) -> Result<Map<String, Value>, String> {
        let id = &settings.type_id;
        let kind = self.type_of(id).filter(|kind| !kind.info().is_system);
        let kind =
            kind.ok_or_else(|| format!("`type`: there is no type {id:?}; see `ccfd connectors types`"))?;
        kind.check_config(&settings.config, &self.outgoing).map_err(|error| format!("`config`: {error}"))
    }

    pub(super) fn problems(&self) -> Vec<PreconfiguredProblem> {
        let problem = |known: &Preconfigured| match self.checked_secrets(known) {
            Ok(_) => None,
            Err(reason) => Some(PreconfiguredProblem { id: known.id.to_string(), reason }),
        };
        self.preconfigured.values().filter_map(problem).collect()
    }

    /// The secrets of a connector of the settings, checked by its type.
    pub(super) fn checked_secrets(&self, known: &Preconfigured) -> Result<ConnectorSecrets, String> {
        let config = known.config.as_ref().map_err(Clone::clone)?;
        let mut secrets = ConnectorSecrets::default();
        for (name, place) in &known.settings.secrets {
            let resolved = |name: &str, place: &SecretSource| {
                let text = place.resolve_text(&self.environment);
                text.map_err(|error| format!("`secrets.{name}`: {}", crate::reasons::with_reasons(&error)))
            };
            let text = match place {
                ConnectorSecretPlace::One(place) => resolved(name, place)?,
                ConnectorSecretPlace::Texts(places) => {
                    let text = |(inner, place): (&String, &SecretSource)| {
                        let text = resolved(&format!("{name}.{inner}"), place)?;
                        Ok((inner.clone(), Value::from(text.expose_secret())))
                    };
                    let texts = places.iter().map(text).collect::<Result<Map<_, _>, String>>()?;
                    SecretString::from(Value::Object(texts).to_string())
                }
            };
            secrets.0.insert(name.clone(), text);
        }
        if let Some(kind) = self.type_of(&known.settings.type_id) {
            let checked = kind.check_secrets(config, &secrets, &self.outgoing);
            let checked = checked.and_then(|()| kind.check_pair(config, &secrets));
            checked.map_err(|error| format!("`secrets`: {error}"))?;
        }
        Ok(secrets)
    }
}

impl Preconfigured {
    /// As it is shown.
    pub(super) fn connector(&self, parts: &RegistryParts) -> Connector {
        let config = self.config.clone().unwrap_or_else(|_| self.settings.config.clone());
        Connector {
            id: self.id.clone(),
            space: None,
            name: self.settings.name.clone().unwrap_or_else(|| self.id.to_string()),
            type_id: self.settings.type_id.as_str().into(),
            config,
            is_preconfigured: true,
            is_missing_secrets: self.config.is_ok() && parts.checked_secrets(self).is_err(),
        }
    }
}
