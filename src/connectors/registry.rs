//! The connectors of this ccfd: those of the settings, and those that people make.
//!
//! | file | what it has |
//! | --- | --- |
//! | `parts` | what a configuration says: allowed hosts, connectors of the settings, where `.index` writes |
//! | `kept` | connectors in the database, and their secrets |
//! | `ready` | whether a connector can run |
//! | `running` | runs |
//! | `late` | runs that begin late |

mod kept;
mod late;
mod parts;
mod ready;
mod running;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use collectors::Clock;
use serde_json::{Map, Value};

use self::{late::LateRunLog, parts::RegistryParts};
pub use self::{parts::PreconfiguredProblem, ready::ReadyConnector};
use super::{
    catalogue::{TYPES, connector_type, other_types},
    connector::{Connector, ConnectorId, ConnectorSecrets},
    connector_type::{ConnectorType, TypeInfo},
    error::ConnectorError,
    progress::CreationMark,
    run::{Caller, RunFailure, RunOutput},
    unwritten::UnwrittenRuns,
};
use crate::{
    config::{Config, Environment},
    detect_db::DetectThread,
};

/// Before the type of a connector of the system, in its id.
pub const SYSTEM_CONNECTOR: &str = "system-connector-";

/// The connectors, for commands and for the admin interface. The database is used on a thread of its own.
pub struct Registry {
    parts: RwLock<Arc<RegistryParts>>,
    database: Arc<DetectThread>,
    clock: Clock,
    /// The name of the daemon that this process is; none in commands.
    daemon: OnceLock<Arc<str>>,
    late: LateRunLog,
    unwritten: Arc<UnwrittenRuns>,
}

/// A connector to make.
#[derive(Debug)]
pub struct NewConnector {
    /// Its id; `None` for one that is made up.
    pub id: Option<ConnectorId>,
    /// What people call it.
    pub name: String,
    /// The id of its type.
    pub type_id: String,
    /// Its settings.
    pub config: Map<String, Value>,
    /// Its secrets.
    pub secrets: ConnectorSecrets,
}

/// What a connector becomes. Its type stays.
#[derive(Debug)]
pub struct ConnectorChange {
    /// What people call it.
    pub name: String,
    /// All of its settings.
    pub config: Map<String, Value>,
    /// All of its secrets.
    pub secrets: ConnectorSecrets,
}

/// A type, in a list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedType {
    /// What it says of itself.
    pub info: &'static TypeInfo,
    /// Whether ccfd has it.
    pub is_enabled: bool,
}

/// A connector, in a list of all.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedConnector {
    /// The connector.
    pub connector: Connector,
    /// How many actions use it.
    pub referenced_by: u64,
}

impl Registry {
    /// The connectors of a configuration. Opens nothing yet.
    pub fn of(config: &Config, environment: &Environment, clock: Clock) -> Self {
        let registry = Self::with_parts(RegistryParts::of(config, environment, TYPES, None), clock);
        registry.database.act(config.alerts.for_outbox());
        registry
    }

    /// Without a configuration, with the state in this directory: for tests.
    pub fn bare(dir: &Path) -> Self {
        Self::with_parts(RegistryParts::bare(dir, TYPES), Clock::system())
    }

    fn with_parts(parts: RegistryParts, clock: Clock) -> Self {
        let database = Arc::new(DetectThread::new(parts.secrets.database().to_owned()));
        let (parts, daemon) = (RwLock::new(Arc::new(parts)), OnceLock::new());
        let unwritten = UnwrittenRuns::new(Arc::clone(&database));
        Self { parts, database, clock, daemon, late: LateRunLog::default(), unwritten }
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The database, for others that use it in the same process.
    pub fn database(&self) -> Arc<DetectThread> {
        Arc::clone(&self.database)
    }

    /// Takes up another configuration. The database and the key of the secrets stay.
    pub fn take_up(&self, config: &Config, environment: &Environment) {
        let before = self.parts();
        let parts = RegistryParts::of(config, environment, before.types, Some(&before));
        self.database.act(config.alerts.for_outbox());
        *self.parts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parts);
    }

    fn parts(&self) -> Arc<RegistryParts> {
        self.parts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long a response may take.
    pub fn response_timeout(&self) -> Duration {
        self.parts().outgoing.response_timeout()
    }

    /// What is wrong with connectors of the settings. They are listed all the same, and their runs fail.
    pub fn problems(&self) -> Vec<PreconfiguredProblem> {
        self.parts().problems()
    }

    /// All types of Kibana, by name.
    pub fn types(&self) -> Vec<ListedType> {
        let parts = self.parts();
        let own = parts.types.iter().map(|known| ListedType { info: known.info(), is_enabled: true });
        let others = other_types().iter().map(|info| ListedType { info, is_enabled: false });
        let mut all: Vec<ListedType> = own.chain(others).collect();
        all.sort_by_key(|listed| listed.info.id);
        all
    }

    /// The type with this id, if ccfd has it.
    fn type_of(&self, id: &str) -> Result<&'static dyn ConnectorType, ConnectorError> {
        match self.parts().type_of(id) {
            Some(known) => Ok(known),
            None if other_types().iter().any(|info| info.id == id) => {
                Err(ConnectorError::Disabled(id.to_owned()))
            }
            None => Err(ConnectorError::UnknownType(id.to_owned())),
        }
    }

    /// Makes a connector.
    ///
    /// # Errors
    ///
    /// If the type is unknown, something is invalid, or the id is taken.
    pub async fn create(&self, space: &str, new: NewConnector) -> Result<Connector, ConnectorError> {
        let kind = self.type_of(&new.type_id)?;
        if kind.info().is_system {
            return Err(ConnectorError::CreateSystem(new.type_id));
        }
        let id = match new.id {
            Some(id) if self.parts().preconfigured.contains_key(id.as_str()) => {
                return Err(ConnectorError::TakenByPreconfigured(id.to_string()));
            }
            Some(id) if system_type(id.as_str()).is_some() => {
                return Err(ConnectorError::Conflict(id.to_string()));
            }
            Some(id) => id,
            None => made_up()?,
        };
        let config = self.checked(kind, &new.name, &new.config, &new.secrets)?;
        self.keep_new(space, id, new.name, kind.info().id, config, new.secrets).await
    }

    /// One connector.
    ///
    /// # Errors
    ///
    /// If the space has none with this id.
    pub async fn get(&self, space: &str, id: &str) -> Result<Connector, ConnectorError> {
        if system_type(id).is_some() {
            return Err(ConnectorError::ReadSystem(id.to_owned()));
        }
        match self.parts().preconfigured.get(id) {
            Some(known) => Ok(known.connector(&self.parts())),
            None => Ok(self.kept(space, id).await?.0),
        }
    }

    /// All connectors of a space, except those of the system.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list(&self, space: &str) -> Result<Vec<ListedConnector>, ConnectorError> {
        let parts = self.parts();
        let mut all = self.all_kept(space).await?;
        all.extend(parts.preconfigured.values().map(|known| known.connector(&parts)));
        all.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        let listed = |connector: Connector| {
            let referenced_by = parts.references.get(connector.id.as_str()).copied().unwrap_or(0);
            ListedConnector { connector, referenced_by }
        };
        Ok(all.into_iter().map(listed).collect())
    }

    /// The connectors of the system, which every space has.
    pub fn system_connectors(&self) -> Vec<ListedConnector> {
        let parts = self.parts();
        let systems = parts.types.iter().map(|known| known.info()).filter(|info| info.is_system);
        let listed = systems.filter_map(|info| {
            let id = ConnectorId::parse(&format!("{SYSTEM_CONNECTOR}{}", info.id)).ok()?;
            let connector = Connector {
                id,
                space: None,
                name: info.name.to_owned(),
                type_id: info.id.into(),
                config: Map::new(),
                is_preconfigured: false,
                is_missing_secrets: false,
            };
            let referenced_by = parts.references.get(info.id).copied().unwrap_or(0);
            Some(ListedConnector { connector, referenced_by })
        });
        listed.collect()
    }

    /// Replaces name, settings and secrets of a connector.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, it is one of the settings, or something is invalid.
    pub async fn update(
        &self,
        space: &str,
        id: &str,
        change: ConnectorChange,
    ) -> Result<Connector, ConnectorError> {
        if self.parts().preconfigured.contains_key(id) {
            return Err(ConnectorError::UpdatePreconfigured(id.to_owned()));
        }
        if system_type(id).is_some() {
            return Err(ConnectorError::UpdateSystem(id.to_owned()));
        }
        let (before, _) = self.kept(space, id).await?;
        let kind = self.type_of(&before.type_id)?;
        let config = self.checked(kind, &change.name, &change.config, &change.secrets)?;
        self.keep_changed(space, before.id, change.name, kind.info().id, config, change.secrets).await
    }

    /// Deletes a connector with its secrets.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, or it is one of the settings.
    pub async fn delete(&self, space: &str, id: &str) -> Result<(), ConnectorError> {
        if self.parts().preconfigured.contains_key(id) {
            return Err(ConnectorError::DeletePreconfigured(id.to_owned()));
        }
        if system_type(id).is_some() {
            return Err(ConnectorError::DeleteSystem(id.to_owned()));
        }
        self.forget(space, id).await
    }

    /// Runs a connector. The inner failure is that of the run.
    ///
    /// # Errors
    ///
    /// If the space has none with this id, or nobody may run it.
    pub async fn run(
        &self,
        space: &str,
        id: &str,
        params: Map<String, Value>,
        caller: Caller,
        idempotency_key: Option<&str>,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        self.run_kept(space, id, Some(params), caller, idempotency_key, CreationMark::default()).await
    }

    /// Runs a connector for a run with this key, and marks whether what it has asked for may still be created.
    ///
    /// # Errors
    ///
    /// As [`Registry::run`].
    pub async fn run_marked(
        &self,
        space: &str,
        id: &str,
        params: Map<String, Value>,
        caller: Caller,
        idempotency_key: &str,
        creation: &CreationMark,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        self.run_kept(space, id, Some(params), caller, Some(idempotency_key), creation.clone()).await
    }

    /// Runs a connector with the parameters that its type has for a test.
    ///
    /// # Errors
    ///
    /// As [`Registry::run`].
    pub async fn test(
        &self,
        space: &str,
        id: &str,
        caller: Caller,
    ) -> Result<Result<RunOutput, RunFailure>, ConnectorError> {
        self.run_kept(space, id, None, caller, None, CreationMark::default()).await
    }

    /// Settings with their defaults, after everything was checked.
    fn checked(
        &self,
        kind: &dyn ConnectorType,
        name: &str,
        config: &Map<String, Value>,
        secrets: &ConnectorSecrets,
    ) -> Result<Map<String, Value>, ConnectorError> {
        if name.trim().is_empty() {
            return Err(ConnectorError::Malformed("[name]: value '' is not valid".to_owned()));
        }
        let parts = self.parts();
        let config = kind.check_config(config, &parts.outgoing).map_err(ConnectorError::Config)?;
        kind.check_secrets(&config, secrets, &parts.outgoing).map_err(ConnectorError::Secrets)?;
        kind.check_pair(&config, secrets).map_err(ConnectorError::Pair)?;
        Ok(config)
    }
}

/// The type of a connector of the system, by its id.
fn system_type(id: &str) -> Option<&'static dyn ConnectorType> {
    connector_type(id.strip_prefix(SYSTEM_CONNECTOR)?).filter(|known| known.info().is_system)
}

/// An id that nobody has: a random UUID.
fn made_up() -> Result<ConnectorId, ConnectorError> {
    let failed = || ConnectorError::Malformed("the system has no random numbers".to_owned());
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| failed())?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    ConnectorId::parse(&text).map_err(|_| failed())
}
