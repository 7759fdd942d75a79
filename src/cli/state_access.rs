//! Whoever keeps the checkpoints at the moment: the daemon that runs, or else this command itself.

use state::{StateError, Store};

use super::{Context, store};
use crate::{
    admin::client::{AdminClient, AdminError},
    config::Config,
    daemon::checkpoints::{self, Named, ResetWanted},
};

/// Who has the store open.
pub enum StateAccess {
    /// This command.
    Own(Store),
    /// A daemon, which is asked.
    Daemon(AdminClient),
}

/// Why a access did not do what it was asked.
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
    /// Asks the daemon if one answers, and opens the store if none does. `command` is what others are told meanwhile.
    pub async fn find(config: &Config, context: &Context, command: &str) -> Result<Self, StateError> {
        match AdminClient::find(&config.state.dir, &config.admin, &context.environment).await {
            Some(daemon) => Ok(Self::Daemon(daemon)),
            None => store::open(&config.state, command).map(Self::Own),
        }
    }

    /// Forgets checkpoints, or with `dry_run` looks at them.
    pub async fn reset(&self, config: &Config, wanted: &ResetWanted) -> Result<Vec<Named>, StateAccessError> {
        match self {
            Self::Daemon(daemon) => Ok(daemon.reset(wanted).await?),
            Self::Own(store) => Ok(checkpoints::reset(store, config, wanted).await?),
        }
    }

    /// Lets go of the store.
    pub async fn close(self) -> Result<(), StateError> {
        match self {
            Self::Own(store) => store.close().await,
            Self::Daemon(_) => Ok(()),
        }
    }
}
