//! Access to the checkpoints: through the daemon if one runs, else directly.

use std::time::Duration;

use state::{StateError, Store};

use super::{Context, store};
use crate::{
    admin::client::{AdminClient, AdminError},
    config::{Config, StateSettings},
    daemon::checkpoints::{self, NamedCheckpoint, ResetWanted},
};

/// How long a command waits for another one that uses the store briefly. It waits for no daemon that does not respond.
pub const LOCK_WAIT: Duration = Duration::from_millis(500);

/// Who has the store open.
pub enum StateAccess {
    /// This command.
    Own(Store),
    /// A daemon, which gets requests.
    Daemon(AdminClient),
}

/// Why an access failed.
#[derive(Debug, thiserror::Error)]
pub enum StateAccessError {
    /// The store.
    #[error(transparent)]
    State(#[from] StateError),
    /// The daemon.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl StateAccess {
    /// Finds the daemon, or opens the store if none answers. `command` is shown to other processes meanwhile.
    pub async fn find(config: &Config, context: &Context, command: &str) -> Result<Self, StateError> {
        match daemon(config, context).await {
            Some(daemon) => Ok(Self::Daemon(daemon)),
            None => open(config, command).map(Self::Own),
        }
    }

    /// The same for a command that reads for long: as a daemon does at its start, it waits for one that is stopping.
    pub async fn start(config: &Config, context: &Context, command: &str) -> Result<Self, StateError> {
        match daemon(config, context).await {
            Some(daemon) => Ok(Self::Daemon(daemon)),
            None => store::open(&config.state, command).map(Self::Own),
        }
    }

    /// Removes checkpoints, or only shows them with `dry_run`.
    pub async fn reset(
        &self,
        config: &Config,
        wanted: &ResetWanted,
    ) -> Result<Vec<NamedCheckpoint>, StateAccessError> {
        match self {
            Self::Daemon(daemon) => Ok(daemon.reset(wanted).await?),
            Self::Own(store) => Ok(checkpoints::reset(store, config, wanted).await?),
        }
    }

    /// Closes the store.
    pub async fn close(self) -> Result<(), StateError> {
        match self {
            Self::Own(store) => store.close().await,
            Self::Daemon(_) => Ok(()),
        }
    }
}

/// The daemon of this state directory, if it answers.
pub async fn daemon(config: &Config, context: &Context) -> Option<AdminClient> {
    AdminClient::find(&config.state.dir, &config.admin, &context.environment).await
}

/// Opens the store for a moment.
pub fn open(config: &Config, command: &str) -> Result<Store, StateError> {
    store::open(&StateSettings { lock_wait: LOCK_WAIT, ..config.state.clone() }, command)
}
