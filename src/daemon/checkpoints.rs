//! Checkpoints as operators handle them: looked at, and forgotten.

use serde::{Deserialize, Serialize};
use state::{StateError, Store};

use crate::{
    config::{Config, Source},
    pipeline::{
        checkpoint::Checkpoint,
        names::{is_route_name, parts_of},
    },
};

/// A checkpoint and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// `collector/sink`, or that of a backfill.
    pub name: String,
    /// Where it stands.
    pub checkpoint: Checkpoint,
}

/// Which checkpoints are to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetWanted {
    /// The collector; one that is not configured will do.
    pub collector: String,
    /// Only the routes to this sink.
    #[serde(default)]
    pub sink: Option<String>,
    /// The second at which its routes begin again; without it, where the settings say.
    #[serde(default)]
    pub to: Option<i64>,
    /// Only looks.
    #[serde(default)]
    pub dry_run: bool,
}

/// Loads a checkpoint.
pub async fn load(store: &Store, name: &str) -> Result<Option<Checkpoint>, StateError> {
    Ok(store.cursor::<Checkpoint>(name).load().await?.map(|saved| saved.cursor))
}

/// The checkpoints that a reset is about: those of routes and of backfills.
pub async fn meant_by(store: &Store, wanted: &ResetWanted) -> Result<Vec<Named>, StateError> {
    let mut found = Vec::new();
    for name in store.names()? {
        let (collector, sink) = parts_of(&name);
        let meant =
            collector == wanted.collector && wanted.sink.as_deref().is_none_or(|wanted| wanted == sink);
        if meant && let Some(checkpoint) = load(store, &name).await? {
            found.push(Named { name, checkpoint });
        }
    }
    Ok(found)
}

/// Forgets checkpoints, unless it only looks; answers what they were. With `to` a route has a fresh one that begins there. No route
/// that writes them may run meanwhile.
pub async fn reset(store: &Store, config: &Config, wanted: &ResetWanted) -> Result<Vec<Named>, StateError> {
    let found = meant_by(store, wanted).await?;
    if wanted.dry_run {
        return Ok(found);
    }
    let settings = config.collectors.get(&wanted.collector);
    // Where a list has no filter by time, the place must be searched for.
    let search = settings.is_some_and(|settings| matches!(settings.source, Source::ChatCompletions { .. }));
    for Named { name, checkpoint } in &found {
        let mut cursor = store.cursor::<Checkpoint>(name);
        cursor.remove().await?;
        if let (Some(start), true) = (wanted.to, is_route_name(name)) {
            let fresh = Checkpoint {
                identity: checkpoint.identity.clone(),
                start,
                walks: vec![collectors::Cursor::begin(start, None, search)],
                delivered: 0,
                last_record: None,
            };
            cursor.load().await?;
            cursor.commit(&fresh, Vec::new()).await?;
        }
    }
    Ok(found)
}
