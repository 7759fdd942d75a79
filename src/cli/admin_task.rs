//! The admin interface of a process that runs routes.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use state::Store;
use tokio::{task::JoinHandle, time::timeout};

use super::UsageError;
use crate::{
    admin::{listener::Admin, pages::Daemon},
    config::Environment,
    daemon::{assembly::Assembly, control::Control},
    pipeline::shutdown::{ShutdownSender, shutdown},
    reasons::with_reasons,
};

/// Listens until it is ended.
pub struct AdminTask {
    task: JoinHandle<()>,
    ends: ShutdownSender,
}

impl AdminTask {
    /// Starts to listen where the settings say. Fails if a configured token cannot be read.
    pub fn start(
        assembly: &Arc<Assembly>,
        store: &Store,
        control: Control,
        environment: &Environment,
    ) -> Result<Self, UsageError> {
        let daemon = Daemon {
            registry: assembly.registry.clone(),
            store: store.clone(),
            control,
            metrics: assembly.metrics_reader(),
            tap: assembly.tap.clone(),
            connectors: assembly.connectors.clone(),
            pushes: assembly.pushes.clone(),
            database: assembly.connectors.database(),
        };
        let (settings, dir) = (assembly.config.admin.clone(), assembly.config.state.dir.clone());
        let admin = Admin::new(settings, dir, daemon, environment)
            .map_err(|error| UsageError(format!("[admin]: {}", with_reasons(&error))))?;
        let (ends, stop) = shutdown();
        Ok(Self { task: tokio::spawn(admin.keep(stop)), ends })
    }

    /// Ends it, after the routes: until then commands can see what they do.
    pub async fn end(self, within: Duration) -> anyhow::Result<()> {
        self.ends.request();
        match timeout(within, self.task).await {
            Ok(ended) => ended.context("admin interface"),
            Err(_) => Ok(()),
        }
    }
}
