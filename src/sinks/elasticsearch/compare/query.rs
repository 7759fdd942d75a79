//! The questions to a cluster, and their answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    sinks::{
        comparable::{Question, Span},
        remote::plain,
    },
    tables::{Origin, iso8601},
    units::counted,
};

/// Buckets of a page, far below the limit of a cluster (65,536).
pub(super) const PAGE: usize = 10_000;
/// A search that fails where it could be incomplete.
pub(super) const SEARCH: &str = "_search?allow_partial_search_results=false";
/// The sub-field in which a cluster that guesses types puts text as a whole.
const KEYWORD: &str = ".keyword";

/// The fields that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AskedFields {
    pub(super) id: String,
    pub(super) time: String,
    /// `None` in a table that has no such column.
    pub(super) connector: Option<String>,
}

/// The column with the collector's name.
pub(super) fn connector_column(question: &Question) -> Option<&str> {
    let column = question.table.columns.iter().find(|column| column.from == Origin::Connector);
    column.map(|column| &*column.name)
}

impl AskedFields {
    /// As the templates of ccfd map them.
    pub(super) fn as_installed(question: &Question) -> Self {
        Self {
            id: question.table.key.to_string(),
            time: question.table.time.to_string(),
            connector: connector_column(question).map(str::to_owned),
        }
    }
}

/// Every field that may be asked by.
pub(super) fn candidates(question: &Question) -> Vec<String> {
    let AskedFields { id, time, connector } = AskedFields::as_installed(question);
    let texts = std::iter::once(id).chain(connector);
    let both = texts.flat_map(|name| [format!("{name}{KEYWORD}"), name]);
    both.chain([time]).collect()
}

/// The answer to `_field_caps`.
#[derive(Deserialize)]
pub(super) struct Caps {
    fields: BTreeMap<String, BTreeMap<String, Cap>>,
}

#[derive(Deserialize)]
struct Cap {
    #[serde(default)]
    searchable: bool,
    #[serde(default)]
    aggregatable: bool,
}

impl Caps {
    /// The fields to ask by, or what is wrong with the mapping and what to do.
    pub(super) fn fields(&self, question: &Question, index: &str) -> Result<AskedFields, String> {
        let wanted = AskedFields::as_installed(question);
        let text = |name: &str| {
            let names = [name.to_owned(), format!("{name}{KEYWORD}")];
            let found = names.into_iter().find(|name| self.is(name, &["keyword"]));
            found.ok_or_else(|| self.unusable(name, "keyword", index))
        };
        let connector = wanted.connector.as_deref().map(text).transpose()?;
        let id = text(&wanted.id)?;
        if !self.is(&wanted.time, &["date", "date_nanos"]) {
            return Err(self.unusable(&wanted.time, "date", index));
        }
        Ok(AskedFields { id, time: wanted.time, connector })
    }

    /// Whether the field has one of these types in every index behind the name, and can be asked by.
    fn is(&self, name: &str, types: &[&str]) -> bool {
        self.fields.get(name).is_some_and(|found| {
            !found.is_empty()
                && found
                    .iter()
                    .all(|(kind, cap)| types.contains(&kind.as_str()) && cap.searchable && cap.aggregatable)
        })
    }

    fn unusable(&self, name: &str, wanted: &str, index: &str) -> String {
        let found: Vec<String> = self
            .fields
            .get(name)
            .into_iter()
            .flat_map(|found| found.keys().map(|kind| plain(kind)))
            .collect();
        let found = if found.is_empty() { "not mapped".to_owned() } else { found.join(" and ") };
        format!(
            "\"{index}\" cannot be asked by `{name}`, which is {found} and must be {wanted} in every index behind that \
             name: run `ccfd check --install`, and reindex what was written before"
        )
    }
}

/// The answer to `_refresh`.
#[derive(Deserialize)]
pub(super) struct Refreshed {
    #[serde(rename = "_shards")]
    pub(super) shards: Shards,
}

/// Shards that took part. Counts that are not given cannot be relied on.
#[derive(Deserialize)]
pub(super) struct Shards {
    total: u64,
    successful: u64,
    failed: u64,
}

impl Shards {
    /// Why something may be left out. Copies that are not assigned count as neither.
    pub(super) fn complete(&self) -> Result<(), String> {
        match self.failed {
            0 => Ok(()),
            failed => Err(format!("{failed} of {} failed", counted(self.total, "shard"))),
        }
    }

    /// The same for a search, which asks one copy of each shard.
    fn all(&self) -> Result<(), String> {
        self.complete()?;
        match self.total.saturating_sub(self.successful) {
            0 => Ok(()),
            silent => Err(format!("{silent} of {} gave nothing", counted(self.total, "shard"))),
        }
    }
}

/// The answer to a search with an aggregation.
#[derive(Deserialize)]
pub(super) struct Searched<K> {
    timed_out: bool,
    #[serde(default)]
    terminated_early: Option<bool>,
    #[serde(rename = "_shards")]
    shards: Shards,
    hits: Hits,
    aggregations: Aggregations<K>,
}

/// What the query found, in buckets or not.
#[derive(Deserialize)]
struct Hits {
    total: HitsTotal,
}

#[derive(Deserialize)]
struct HitsTotal {
    value: u64,
    relation: String,
}

#[derive(Deserialize)]
struct Aggregations<K> {
    found: Composite<K>,
}

/// A page of buckets, and how many documents the query found in all.
pub(super) struct BucketPage<K> {
    pub(super) found: Composite<K>,
    pub(super) documents: u64,
}

/// Buckets and the key of the last one.
#[derive(Deserialize)]
pub(super) struct Composite<K> {
    pub(super) buckets: Vec<Bucket<K>>,
    #[serde(default)]
    pub(super) after_key: Option<Value>,
}

/// Documents that have a key in common.
#[derive(Deserialize)]
pub(super) struct Bucket<K> {
    pub(super) key: K,
    pub(super) doc_count: u64,
}

/// In milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct HourKey {
    pub(super) hour: i64,
}

/// The second in milliseconds. The order is that of a cluster: by time, and then by the bytes of the id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct IdKey {
    pub(super) second: i64,
    pub(super) id: String,
}

/// An id and the collector of its document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct OtherKey {
    pub(super) id: String,
    pub(super) connector: String,
}

impl<K> Searched<K> {
    /// The page, or why something may be left out.
    pub(super) fn complete(self) -> Result<BucketPage<K>, String> {
        self.shards.all()?;
        if self.timed_out || self.terminated_early == Some(true) {
            return Err("the search ended before it was complete".to_owned());
        }
        if self.hits.total.relation != "eq" {
            return Err("the cluster does not say how many documents there are".to_owned());
        }
        Ok(BucketPage { found: self.aggregations.found, documents: self.hits.total.value })
    }
}

/// A search that needs the right to read, and returns nothing.
pub(super) fn nothing() -> Value {
    json!({ "size": 0, "track_total_hits": false })
}

/// How many documents each hour has.
pub(super) fn hours(question: &Question, fields: &AskedFields, span: Span) -> Value {
    let hour = json!({ "hour": { "date_histogram": { "field": fields.time, "fixed_interval": "1h" } } });
    aggregation(question, fields, span, json!([hour]))
}

/// How often each id is there, by second: copies with different times are found as well.
pub(super) fn ids(question: &Question, fields: &AskedFields, span: Span) -> Value {
    let second = json!({ "second": { "date_histogram": { "field": fields.time, "fixed_interval": "1s" } } });
    let id = json!({ "id": { "terms": { "field": fields.id } } });
    aggregation(question, fields, span, json!([second, id]))
}

/// The documents of other collectors with these ids, at any time; `None` if the table does not name collectors.
pub(super) fn of_others(question: &Question, fields: &AskedFields, ids: &[String]) -> Option<Value> {
    let connector = fields.connector.as_deref()?;
    let filter = json!([{ "terms": { fields.id.as_str(): ids } }]);
    let own = json!([{ "term": { connector: &*question.connector } }]);
    let sources = json!([{ "id": { "terms": { "field": fields.id } } }, { "connector": { "terms": { "field": connector } } }]);
    Some(composite(&json!({ "filter": filter, "must_not": own }), &sources))
}

fn aggregation(question: &Question, fields: &AskedFields, span: Span, sources: Value) -> Value {
    let [from, to] = [span.from, span.to].map(|second| iso8601(second).as_str().to_owned());
    let range = json!({ "gte": from, "lt": to, "format": "strict_date_time_no_millis" });
    let mut filter = vec![json!({ "range": { fields.time.as_str(): range } })];
    if let Some(connector) = &fields.connector {
        filter.push(json!({ "term": { connector.as_str(): &*question.connector } }));
    }
    composite(&json!({ "filter": filter }), &sources)
}

fn composite(query: &Value, sources: &Value) -> Value {
    json!({
        "size": 0,
        "track_total_hits": true,
        "query": { "bool": query },
        "aggs": { "found": { "composite": { "size": PAGE, "sources": sources } } },
    })
}

/// The same request for what comes after a key; `None` without one.
pub(super) fn behind(mut request: Value, key: Option<Value>) -> Option<Value> {
    let after = request.pointer_mut("/aggs/found/composite")?.as_object_mut()?;
    after.insert("after".to_owned(), key?);
    Some(request)
}
