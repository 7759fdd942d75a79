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

/// What the answer to a search says at least: what says less is not known to be complete.
#[derive(Deserialize)]
struct FoundPlaces {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: SearchedShards,
    /// Left out by the filter if there are none.
    #[serde(default)]
    hits: PlaceHits,
}

#[derive(Deserialize)]
struct SearchedShards {
    total: u64,
    successful: u64,
    failed: u64,
}

impl FoundPlaces {
    /// Whether documents may be missing in it that are there.
    fn is_partial(&self) -> bool {
        self.timed_out || self.shards.failed > 0 || self.shards.successful < self.shards.total
    }
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

    /// The index of each of these documents that a search finds; the last by name if there are several. An error if the search
    /// did not reach all of them.
    pub async fn of(&self, table: &Table, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError> {
        let index = self.settings.index.of(table);
        let path = format!(
            "/{}/_search?ignore_unavailable=true&allow_no_indices=true&allow_partial_search_results=false\
             &filter_path=timed_out,_shards,hits.hits._id,hits.hits._index",
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
            if found.is_partial() {
                let kind = RemoteErrorKind::RunFailed { code: "some shards did not answer".to_owned() };
                return Err(self.cluster.error(kind, &answer.headers));
            }
            for PlaceHit { id, index } in found.hits.hits {
                let place = places.entry(id).or_default();
                *place = index.max(std::mem::take(place));
            }
        }
        Ok(places)
    }
}
