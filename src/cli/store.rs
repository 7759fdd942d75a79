//! Opens the checkpoint store, and logs what an operator must know.

use std::path::Path;

use state::{Opened, StateError, Store, StoreOptions};

use crate::{
    config::{Config, StateSettings},
    pipeline::names::parts_of,
};

/// Opens the store. `command` is shown to processes that find it in use.
pub fn open(settings: &StateSettings, command: &str) -> Result<Store, StateError> {
    let options = StoreOptions { lock_wait: settings.lock_wait, holder: command.to_owned() };
    let Opened { store, recovery } = Store::open(&settings.dir, options)?;
    if let Some(recovery) = recovery {
        tracing::error!(
            reason = recovery.reason,
            kept = recovery.kept.as_deref().map(Path::display).map(tracing::field::display),
            recovered = recovery.from_copy.join(", "),
            copy_age_seconds = recovery.copy_age.map(|age| age.as_secs()),
            advice = "find the cause (a full or failing disk); the files set aside are for a bug report, \
                      and can be deleted",
            "checkpoints recovered: recent records of these routes may be delivered once more"
        );
    }
    Ok(store)
}

/// Logs checkpoints that belong to no configured route.
pub fn name_orphans(store: &Store, config: &Config) -> Result<(), StateError> {
    for name in store.names()? {
        let (collector, sink) = parts_of(&name);
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
