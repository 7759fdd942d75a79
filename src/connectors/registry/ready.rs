//! Whether a connector can run, before anything is sent.

use serde_json::{Map, Value};

use super::Registry;
use crate::{
    connectors::{
        connector::{Connector, ConnectorSecrets},
        connector_type::ConnectorType,
        error::ConnectorError,
        param_language::{ParamLanguage, each_text},
        receiver::{doer, receiver},
    },
    detect_db::KeyedRun,
    digest::hash_hex,
};

/// A connector whose settings and secrets are there.
pub struct ReadyConnector {
    /// The connector.
    pub connector: Connector,
    /// Its type.
    pub kind: &'static dyn ConnectorType,
    /// Who is asked when it runs.
    pub receiver: String,
}

impl ReadyConnector {
    /// A connector with its type and its secrets.
    pub fn new(connector: Connector, kind: &'static dyn ConnectorType, secrets: &ConnectorSecrets) -> Self {
        let receiver = receiver(kind, &connector.config, secrets);
        Self { connector, kind, receiver }
    }

    /// In which language a text of its parameters is.
    pub fn language(&self, path: &str) -> ParamLanguage {
        self.kind.language(&self.connector.config, path)
    }

    /// Where a run of a space is sent with these parameters, and in which form: what was rendered for another place, type or
    /// language does not fit. Which carrier takes it makes no difference.
    pub fn sent_to(&self, space: &str, params: &Map<String, Value>) -> String {
        let (id, type_id) = (&self.connector.id, &self.connector.type_id);
        let place = if self.kind.is_carrier() { String::new() } else { format!("{space}/{id} ") };
        let mut languages = String::new();
        each_text(params, &mut |path, _| {
            languages.push_str(&format!("{path} {:?}\n", self.language(path)));
        });
        format!("{place}{type_id} {}", hash_hex(languages.as_bytes()))
    }

    /// Checks the parameters of a run.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        self.kind.check_params(params)
    }
}

impl Registry {
    /// A connector that can run.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, its settings are invalid, or a secret is missing or cannot be read. The reason is
    /// for operators: it may name the place of a secret.
    pub async fn ready(&self, space: &str, id: &str) -> Result<ReadyConnector, ConnectorError> {
        let (connector, secrets) = self.with_secrets(space, id).await?;
        let parts = self.parts();
        let kind = self.type_of(&connector.type_id)?;
        if let Some(Err(reason)) = parts.preconfigured.get(id).map(|known| &known.config) {
            return Err(ConnectorError::Config(reason.clone()));
        }
        let secrets = secrets.map_err(ConnectorError::Secrets)?;
        kind.check_secrets(&connector.config, &secrets, &parts.outgoing).map_err(ConnectorError::Secrets)?;
        kind.check_pair(&connector.config, &secrets).map_err(ConnectorError::Pair)?;
        Ok(ReadyConnector::new(connector, kind, &secrets))
    }

    /// The run with this key of a connector, however often it is attempted.
    ///
    /// # Errors
    ///
    /// If the space has no connector with this id, or its secrets cannot be read.
    pub async fn keyed_run(&self, space: &str, id: &str, key: &str) -> Result<KeyedRun, ConnectorError> {
        let (connector, secrets) = self.with_secrets(space, id).await?;
        let secrets = secrets.map_err(ConnectorError::Secrets)?;
        let doer = doer(self.type_of(&connector.type_id)?, &connector.config, &secrets);
        Ok(KeyedRun { doer, key: key.to_owned() })
    }

    /// A connector with its secrets, or with why they cannot be used.
    pub(super) async fn with_secrets(
        &self,
        space: &str,
        id: &str,
    ) -> Result<(Connector, Result<ConnectorSecrets, String>), ConnectorError> {
        let parts = self.parts();
        match parts.preconfigured.get(id) {
            Some(known) => Ok((known.connector(&parts), parts.checked_secrets(known))),
            None => self.kept(space, id).await,
        }
    }
}
