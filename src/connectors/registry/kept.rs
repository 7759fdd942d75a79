//! Connectors in the database, and their secrets, which are sealed on the thread of the database.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::Registry;
use crate::{
    connectors::{
        connector::{Connector, ConnectorId, ConnectorSecrets},
        error::ConnectorError,
    },
    detect_db::{ConnectorRow, ConnectorStored, DetectDb, SealedSecret, StoreSecretError},
    secrets::{Sealer, SecretStore, SecretStoreError, of_storing},
    sinks::SinkError,
};

impl From<SecretStoreError> for ConnectorError {
    fn from(error: SecretStoreError) -> Self {
        match error {
            SecretStoreError::Database(error) => Self::Database(error),
            error => Self::SecretStore(crate::reasons::with_reasons(&error)),
        }
    }
}

/// How a connector is stored: as a new one, or in place of what it was.
type StoreRow = fn(
    &mut DetectDb,
    &ConnectorRow,
    (&str, Option<&dyn crate::detect_db::Seal>),
    i64,
) -> Result<ConnectorStored, StoreSecretError>;

impl Registry {
    /// A connector of the database with its secrets.
    pub(super) async fn kept(
        &self,
        space: &str,
        id: &str,
    ) -> Result<(Connector, Result<ConnectorSecrets, String>), ConnectorError> {
        let (space, wanted) = (space.to_owned(), id.to_owned());
        let store = self.parts().secrets.clone();
        let found = self.database.run(move |db| -> Result<_, ConnectorError> {
            let Some(row) = db.connector(&space, &wanted)? else { return Ok(None) };
            let sealed = db.sealed_secret(&SecretStore::name_of_connector(&row.id))?;
            let secrets = match sealed {
                None => Ok(ConnectorSecrets::default()),
                Some(sealed) => opened(store.sealer(db).as_ref(), &sealed),
            };
            Ok(Some((row, secrets)))
        });
        let (row, secrets) = found.await?.ok_or_else(|| ConnectorError::NotFound(id.to_owned()))?;
        Ok((self.shown(row, &secrets)?, secrets))
    }

    /// All of a space.
    pub(super) async fn all_kept(&self, space: &str) -> Result<Vec<Connector>, ConnectorError> {
        let (space, store) = (space.to_owned(), self.parts().secrets.clone());
        let found = self.database.run(move |db| -> Result<Vec<_>, ConnectorError> {
            let rows = db.connectors(&space, SecretStore::name_of_connector)?;
            // Read once for all; without any secret no key is needed, and none is made.
            let sealer = rows.iter().any(|(_, sealed)| sealed.is_some()).then(|| store.sealer(db));
            let secrets = |sealed: Option<SealedSecret>| match (&sealer, sealed) {
                (Some(sealer), Some(sealed)) => opened(sealer.as_ref(), &sealed),
                (Some(_) | None, Some(_) | None) => Ok(ConnectorSecrets::default()),
            };
            Ok(rows.into_iter().map(|(row, sealed)| (row, secrets(sealed))).collect())
        });
        found.await?.into_iter().map(|(row, secrets)| self.shown(row, &secrets)).collect()
    }

    fn shown(
        &self,
        row: ConnectorRow,
        secrets: &Result<ConnectorSecrets, String>,
    ) -> Result<Connector, ConnectorError> {
        let parts = self.parts();
        let damaged = || ConnectorError::NotFound(row.id.clone());
        let config: Map<String, Value> = serde_json::from_str(&row.config).map_err(|_| damaged())?;
        let is_missing_secrets = match (secrets, parts.type_of(&row.type_id)) {
            (Err(_), _) => true,
            (Ok(secrets), Some(kind)) => {
                let checked = kind.check_secrets(&config, secrets, &parts.outgoing);
                checked.and_then(|()| kind.check_pair(&config, secrets)).is_err()
            }
            (Ok(_), None) => false,
        };
        Ok(Connector {
            id: ConnectorId::parse(&row.id).map_err(|_| damaged())?,
            space: Some(row.space.as_str().into()),
            name: row.name,
            type_id: row.type_id.as_str().into(),
            config,
            is_preconfigured: false,
            is_missing_secrets,
        })
    }

    /// Stores a new connector.
    pub(super) async fn keep_new(
        &self,
        space: &str,
        id: ConnectorId,
        name: String,
        type_id: &str,
        config: Map<String, Value>,
        secrets: ConnectorSecrets,
    ) -> Result<Connector, ConnectorError> {
        let connector = made(space, id, name, type_id, config);
        let is_stored =
            self.keep(&connector, secrets, |db, row, sealed, now| db.create_connector(row, sealed, now));
        is_stored.await.map(|()| connector)
    }

    /// Stores what a connector becomes.
    pub(super) async fn keep_changed(
        &self,
        space: &str,
        id: ConnectorId,
        name: String,
        type_id: &str,
        config: Map<String, Value>,
        secrets: ConnectorSecrets,
    ) -> Result<Connector, ConnectorError> {
        let connector = made(space, id, name, type_id, config);
        let is_stored =
            self.keep(&connector, secrets, |db, row, sealed, now| db.update_connector(row, sealed, now));
        is_stored.await.map(|()| connector)
    }

    async fn keep(
        &self,
        connector: &Connector,
        secrets: ConnectorSecrets,
        how: StoreRow,
    ) -> Result<(), ConnectorError> {
        let row = ConnectorRow {
            id: connector.id.to_string(),
            space: connector.space.as_deref().unwrap_or_default().to_owned(),
            name: connector.name.clone(),
            type_id: connector.type_id.to_string(),
            config: Value::Object(connector.config.clone()).to_string(),
        };
        let (store, now) = (self.parts().secrets.clone(), self.clock.now());
        let stored = self.database.run(move |db| -> Result<ConnectorStored, ConnectorError> {
            let name = SecretStore::name_of_connector(&row.id);
            let failed = |error| ConnectorError::from(of_storing(error, store.database()));
            if secrets.0.is_empty() {
                return how(db, &row, (&name, None), now).map_err(failed);
            }
            let (sealer, text) = (store.sealer(db)?, joined(&secrets));
            how(db, &row, (&name, Some(&sealer.text(&text))), now).map_err(failed)
        });
        let id = connector.id.to_string();
        match stored.await? {
            ConnectorStored::Stored => Ok(()),
            ConnectorStored::Taken => Err(ConnectorError::Conflict(id)),
            ConnectorStored::Missing => Err(ConnectorError::NotFound(id)),
            ConnectorStored::NoSpace => {
                Err(ConnectorError::NoSpace(connector.space.as_deref().unwrap_or_default().to_owned()))
            }
        }
    }

    /// Deletes a connector.
    pub(super) async fn forget(&self, space: &str, id: &str) -> Result<(), ConnectorError> {
        let (space, wanted) = (space.to_owned(), id.to_owned());
        let deleted = self.database.run(move |db| -> Result<bool, SinkError> {
            db.delete_connector(&space, &wanted, &SecretStore::name_of_connector(&wanted))
        });
        if deleted.await? { Ok(()) } else { Err(ConnectorError::NotFound(id.to_owned())) }
    }
}

fn made(space: &str, id: ConnectorId, name: String, type_id: &str, config: Map<String, Value>) -> Connector {
    Connector {
        id,
        space: Some(space.into()),
        name,
        type_id: type_id.into(),
        config,
        is_preconfigured: false,
        is_missing_secrets: false,
    }
}

/// All secrets of a connector as one text, so that they change together.
fn joined(secrets: &ConnectorSecrets) -> SecretString {
    let entries = secrets.0.iter().map(|(name, text)| (name.clone(), text.expose_secret().into()));
    SecretString::from(Value::Object(entries.collect()).to_string())
}

/// The secrets of a connector, or why they cannot be read.
fn opened(
    sealer: Result<&Sealer, &SecretStoreError>,
    sealed: &SealedSecret,
) -> Result<ConnectorSecrets, String> {
    let sealer = sealer.map_err(|error| crate::reasons::with_reasons(error))?;
    let damaged = || format!("the secret {} is damaged: set it again", sealed.name);
    let text = sealer.opened(sealed).ok_or_else(damaged)?;
    let entries: std::collections::BTreeMap<String, String> =
        serde_json::from_str(text.expose_secret()).map_err(|_| damaged())?;
    let entries = entries.into_iter().map(|(name, text)| (name, SecretString::from(text)));
    Ok(ConnectorSecrets(entries.collect()))
}
