//! Checkpoints as operators use them: shown, and reset.

use serde::{Deserialize, Serialize};
use state::{StateError, Store};

use crate::{
    config::Config,
    pipeline::{
        checkpoint::Checkpoint,
        names::{is_route_name, parts_of},
    },
};

/// A checkpoint and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCheckpoint {
    /// `collector/sink`, or the name of a backfill.
    pub name: String,
    /// Its content.
    pub checkpoint: Checkpoint,
}

/// Which checkpoints to remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetWanted {
    /// The collector, which need not be configured any more.
    pub collector: String,
    /// Only the routes to this sink.
    #[serde(default)]
    pub sink: Option<String>,
    /// The second at which its routes begin again; by default as configured.
    #[serde(default)]
    pub to: Option<i64>,
    /// Only shows them.
    #[serde(default)]
    pub dry_run: bool,
}

/// Loads a checkpoint.
pub async fn load(store: &Store, name: &str) -> Result<Option<Checkpoint>, StateError> {
    Ok(store.cursor::<Checkpoint>(name).load().await?.map(|saved| saved.cursor))
}

/// The checkpoints that a reset concerns: of routes and of backfills.
pub async fn meant_by(store: &Store, wanted: &ResetWanted) -> Result<Vec<NamedCheckpoint>, StateError> {
    let mut found = Vec::new();
    for name in store.names()? {
        let (collector, sink) = parts_of(&name);
        let meant =
            collector == wanted.collector && wanted.sink.as_deref().is_none_or(|wanted| wanted == sink);
        if meant && let Some(checkpoint) = load(store, &name).await? {
            found.push(NamedCheckpoint { name, checkpoint });
        }
    }
    Ok(found)
}

/// Removes checkpoints, or only shows them; returns what they were. With `to` a route gets a new one that
/// begins there. No route that writes them may run meanwhile.
pub async fn reset(
    store: &Store,
    config: &Config,
    wanted: &ResetWanted,
) -> Result<Vec<NamedCheckpoint>, StateError> {
    let found = meant_by(store, wanted).await?;
    if wanted.dry_run {
        return Ok(found);
    }
    let settings = config.collectors.get(&wanted.collector);
    // Without a time filter, the start must be searched for.
    let search = settings.is_some_and(|settings| !settings.source.list.has_time_filter());
    for NamedCheckpoint { name, .. } in &found {
        let mut cursor = store.cursor::<Checkpoint>(name);
        let (Some(start), true) = (wanted.to, is_route_name(name)) else {
            cursor.remove().await?;
            continue;
        };
        let Some(saved) = cursor.load().await? else { continue };
        let fresh = Checkpoint {
            identity: saved.cursor.identity,
            start,
            walks: vec![collectors::Cursor::begin(start, None, search)],
            delivered: 0,
            last_record: None,
        };
        // In one step: if the checkpoint were missing for a moment, a crash would make the route begin where
        // the settings say.
        let parts = saved.parts.into_iter().map(|(key, _)| (key, None)).collect();
        cursor.commit(&fresh, parts).await?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use super::*;
    use crate::{config::Environment, pipeline::checkpoint::Identity};

    const NAME: &str = "acme/local";

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            identity: Identity {
                base_url: "https://api.example.com/v1".to_owned(),
                organization: None,
                project: None,
                filters: String::new(),
                sink: "memory".to_owned(),
            },
            start: 7,
            walks: vec![collectors::Cursor::begin(7, None, false)],
            delivered: 3,
            last_record: Some(9),
        }
    }

    #[tokio::test]
    async fn a_reset_to_a_time_leaves_the_old_place_or_the_new_one_wherever_it_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ccfd.toml");
        let text = r#"
            [collector.acme]
            source = "audit_logs"
            api_key = { env = "KEY" }
            sinks = ["local"]
            [sink.local]
            type = "sqlite"
            path = "tables.db"
        "#;
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), &Environment::default(), &[]).unwrap();
        let wanted = ResetWanted { collector: "acme".to_owned(), sink: None, to: Some(50), dry_run: false };
        for polls in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(dir.path(), state::StoreOptions::default()).unwrap().store;
            let part = (b"part".to_vec(), Some(b"held".to_vec()));
            store.cursor(NAME).commit(&checkpoint(), vec![part]).await.unwrap();
            let mut left = polls;
            let done = {
                let mut resetting = pin!(reset(&store, &config, &wanted));
                std::future::poll_fn(|context| match resetting.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if left == 0 => Poll::Ready(None),
                    Poll::Pending => {
                        left -= 1;
                        Poll::Pending
                    }
                })
                .await
            };
            // A write that was started before the cut-off has ended when this returns, because the store runs
            // one operation at a time.
            let mut cursor = store.cursor::<Checkpoint>(NAME);
            let saved = cursor.load().await.unwrap().expect("a checkpoint");
            match saved.cursor.start {
                7 => assert_eq!(saved.parts.len(), 1),
                start => assert_eq!((start, saved.cursor.delivered, saved.parts.len()), (50, 0, 0)),
            }
            if let Some(done) = done {
                assert_eq!(done.unwrap()[0].checkpoint, checkpoint());
                assert_eq!(saved.cursor.start, 50);
                return;
            }
        }
    }
}
