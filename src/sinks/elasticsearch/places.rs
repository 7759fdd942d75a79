//! In which index documents are: behind an alias or a data stream, only that one can be named to change them.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    client::{Cluster, Request},
    sink::{cluster, segment},
};
use crate::{
    config::{ElasticsearchSettings, Environment},
    sinks::remote::{RemoteError, RemoteErrorKind},
    tables::Table,
};

/// Ids of one request.
const IDS_MAX: usize = 500;
/// A document may be in several indices of an alias, one after the other.
const PLACES_MAX: usize = 4 * IDS_MAX;

/// Finds documents of a sink.
pub struct ElasticsearchPlaces {
    settings: ElasticsearchSettings,
    cluster: Cluster,
}

#[derive(Default, Deserialize)]
struct FoundPlaces {
    #[serde(default)]
    hits: PlaceHits,
}

#[derive(Default, Deserialize)]
struct PlaceHits {
    #[serde(default)]
    hits: Vec<PlaceHit>,
}

#[derive(Deserialize)]
struct PlaceHit {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_index")]
    index: String,
}

impl ElasticsearchPlaces {
    /// Connects to nothing yet.
    pub fn new(settings: ElasticsearchSettings, environment: Environment) -> Self {
        Self { cluster: cluster(&settings, environment), settings }
    }

    /// The index of each of these documents that a search finds; the last by name if there are several.
    pub async fn of(&self, table: &Table, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError> {
        let index = self.settings.index.of(table);
        let path = format!(
            "/{}/_search?ignore_unavailable=true&allow_no_indices=true&filter_path=hits.hits._id,hits.hits._index",
            segment(index)
        );
        let mut places = BTreeMap::<String, String>::new();
        for ids in ids.chunks(IDS_MAX) {
            let body = json!({
                "size": PLACES_MAX, "_source": false, "track_total_hits": false, "query": { "ids": { "values": ids } },
            });
            let answer = self.cluster.send(&Request::json(Method::POST, path.clone(), &body)).await?;
            if !answer.status.is_success() {
                return Err(self.cluster.refusal(&answer, index));
            }
            let found: FoundPlaces = serde_json::from_slice(&answer.body).map_err(|_| {
                let kind = RemoteErrorKind::NotUnderstood("not the answer to a search".to_owned());
                self.cluster.error(kind, &answer.headers)
            })?;
            for PlaceHit { id, index } in found.hits.hits {
                let place = places.entry(id).or_default();
                *place = index.max(std::mem::take(place));
            }
        }
        Ok(places)
    }
}
