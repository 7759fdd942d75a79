//! The checkpoint store, opened with everything said that an operator must know.

use std::path::Path;

use state::{Opened, Options, StateError, Store};

use crate::{
    config::{Config, StateSettings},
    pipeline::checkpoint::Checkpoint,
};

/// Below the state directory: records that no sink takes.
pub const REJECTS_DIR: &str = "rejects";

/// Opens the store. `command` is what others are told who find it in use.
pub fn open(settings: &StateSettings, command: &str) -> Result<Store, StateError> {
    let options = Options { lock_wait: settings.lock_wait, holder: command.to_owned() };
    let Opened { store, recovery } = Store::open(&settings.dir, options)?;
    if let Some(recovery) = recovery {
        tracing::error!(
            reason = recovery.reason,
            kept = recovery.kept.as_deref().map(Path::display).map(tracing::field::display),
            recovered = recovery.from_copy.join(", "),
            copy_age_seconds = recovery.copy_age.map(|age| age.as_secs()),
            "checkpoints recovered: records newer than the settled point of these routes may be delivered once more"
        );
    }
    Ok(store)
}

/// The name of a route's checkpoint.
pub fn route_name(collector: &str, sink: &str) -> String {
    format!("{collector}/{sink}")
}

/// The name of a backfill's checkpoint, by the words it was asked for with: the same command goes on where it ended.
pub fn backfill_name(route: &str, from: &str, to: &str) -> String {
    format!("{route}/backfill/{from}..{to}")
}

/// Whether a checkpoint is a route's own, and not a backfill's.
pub fn is_route_name(name: &str) -> bool {
    name.split('/').count() == 2
}

/// Names checkpoints that belong to no configured route.
pub fn name_orphans(store: &Store, config: &Config) -> Result<(), StateError> {
    for name in store.names()? {
        let mut parts = name.split('/');
        let (collector, sink) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let configured =
            config.collectors.get(collector).is_some_and(|found| found.sinks.iter().any(|one| one == sink));
        if !configured {
            tracing::warn!(
                checkpoint = name,
                "checkpoint of a route that is not configured; `ccfd reset-state` removes it"
            );
        }
    }
    Ok(())
}

/// Loads a checkpoint.
pub async fn load(store: &Store, name: &str) -> Result<Option<Checkpoint>, StateError> {
    Ok(store.cursor::<Checkpoint>(name).load().await?.map(|saved| saved.cursor))
}
