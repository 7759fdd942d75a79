//! Refreshes, field capabilities, and composite aggregations as documented.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::{Node, elastic_error};
use crate::support::fake::{Reply, Request};

/// How a node searches that is not well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Searching {
    #[default]
    Well,
    /// One of its shards gives nothing.
    ShardFails,
    /// It gives up, and returns what it has.
    TimesOut,
    /// It leaves the last bucket of each page out.
    LosesBuckets,
    /// It leaves the last hour out.
    LosesHours,
    /// One of its shards is silent, and does not count as failed.
    ShardSilent,
    /// Its pages are full, and come again and again.
    Circles,
}

impl Node {
    pub fn refresh(&self, index: &str) -> Reply {
        match self.documents.contains_key(index) {
            true => Reply::json(200, &json!({ "_shards": { "total": 2, "successful": 1, "failed": 0 } })),
            false => no_index(index),
        }
    }

    /// The types are what a test sets, and else those of ccfd's template.
    pub fn field_caps(&self, index: &str, request: &Request) -> Reply {
        if !self.documents.contains_key(index) {
            return no_index(index);
        }
        let asked = request.query_field("fields").unwrap_or_default();
        let fields = asked.split(',').filter_map(|name| {
            let kind = match self.types.get(name) {
                Some(kind) => kind.as_str(),
                None if name == "TimeGenerated" => "date",
                None if name.ends_with(".keyword") => return None,
                None => "keyword",
            };
            let caps = json!({
                "type": kind, "metadata_field": false, "searchable": kind != "unmapped",
                "aggregatable": !matches!(kind, "text" | "unmapped"),
            });
            Some((name.to_owned(), json!({ kind: caps })))
        });
        Reply::json(200, &json!({ "indices": [index], "fields": fields.collect::<Map<_, _>>() }))
    }

    pub fn search(&self, index: &str, request: &Request) -> Reply {
        let Some(documents) = self.documents.get(index) else { return no_index(index) };
        let body = request.json();
        if body.get("aggs").is_none() {
            return Reply::json(200, &json!({ "took": 1, "timed_out": false, "hits": { "hits": [] } }));
        }
        let composite = &body["aggs"]["found"]["composite"];
        let sources: Vec<(&String, &Value)> = composite["sources"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|one| one.as_object().unwrap())
            .collect();
        let mut counts: BTreeMap<Vec<Key>, u64> = BTreeMap::new();
        let found: Vec<_> = documents
            .values()
            .filter(|document| {
                let query = &body["query"]["bool"];
                is_found(document, &query["filter"])
                    && query.get("must_not").is_none_or(|without| !is_found(document, without))
            })
            .collect();
        let total = found.len();
        for document in found {
            let key: Option<Vec<Key>> = sources.iter().map(|(_, source)| key(document, source)).collect();
            // A document without one of the values is in no bucket.
            let Some(key) = key else { continue };
            *counts.entry(key).or_default() += 1;
        }
        let after = composite.get("after").map(|after| {
            sources.iter().map(|(name, _)| Key::of(&after[name.as_str()])).collect::<Vec<Key>>()
        });
        let object = |key: &[Key]| -> Value {
            let values = sources.iter().zip(key).map(|((name, _), key)| ((*name).clone(), key.json()));
            Value::Object(values.collect())
        };
        let size = usize::try_from(composite["size"].as_u64().unwrap()).unwrap();
        let mut page: Vec<_> = counts
            .iter()
            .filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after))
            .take(size)
            .collect();
        if self.searching == Searching::Circles && counts.len() > size {
            let is_at_end = after.as_ref() == counts.keys().next_back();
            let begin = if after.is_none() || is_at_end { 0 } else { counts.len() - size };
            page = counts.iter().skip(begin).take(size).collect();
        }
        let mut found = json!({});
        if let Some((last, _)) = page.last() {
            found["after_key"] = object(last);
        }
        // Only among ids: the hours are the smaller answer.
        if self.searching == Searching::LosesBuckets && sources.len() == 2
            || self.searching == Searching::LosesHours && sources.len() == 1
        {
            page.pop();
        }
        found["buckets"] =
            page.into_iter().map(|(key, count)| json!({ "key": object(key), "doc_count": count })).collect();
        let failed = u8::from(self.searching == Searching::ShardFails);
        let silent = u8::from(self.searching == Searching::ShardSilent);
        let mut answer = json!({
            "took": 1, "timed_out": self.searching == Searching::TimesOut,
            "_shards": { "total": 2, "successful": 2 - failed - silent, "skipped": 0, "failed": failed },
            "hits": { "max_score": null, "hits": [] },
            "aggregations": { "found": found },
        });
        if body["track_total_hits"] == true {
            answer["hits"]["total"] = json!({ "value": total, "relation": "eq" });
        }
        Reply::json(200, &answer)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

impl Key {
    fn of(value: &Value) -> Self {
        value.as_i64().map_or_else(|| Self::Text(value.as_str().unwrap().to_owned()), Self::Number)
    }

    fn json(&self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
        }
    }
}

fn key(document: &Value, source: &Value) -> Option<Key> {
    if let Some(field) = source["terms"]["field"].as_str() {
        return Some(Key::of(value(document, field)?));
    }
    let histogram = &source["date_histogram"];
    let seconds = seconds(value(document, histogram["field"].as_str().unwrap())?.as_str()?);
    let of = match histogram["fixed_interval"].as_str().unwrap() {
        "1h" => 3600,
        "1s" => 1,
        other => panic!("{other} is not known here"),
    };
    Some(Key::Number(seconds.div_euclid(of) * of * 1000))
}

fn value<'a>(document: &'a Value, field: &str) -> Option<&'a Value> {
    document.get(field.strip_suffix(".keyword").unwrap_or(field))
}

fn seconds(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp()
}

fn is_found(document: &Value, filter: &Value) -> bool {
    filter.as_array().unwrap().iter().all(|one| {
        let (kind, of) = one.as_object().unwrap().iter().next().unwrap();
        let (field, wanted) = of.as_object().unwrap().iter().next().unwrap();
        let Some(found) = value(document, field) else { return false };
        match kind.as_str() {
            "term" => found == wanted,
            "terms" => wanted.as_array().unwrap().contains(found),
            "range" => {
                let [from, to] = ["gte", "lt"].map(|end| seconds(wanted[end].as_str().unwrap()));
                (from..to).contains(&seconds(found.as_str().unwrap()))
            }
            other => panic!("{other} is not known here"),
        }
    })
}

fn no_index(index: &str) -> Reply {
    elastic_error(404, "index_not_found_exception", &format!("no such index [{index}]"))
}
