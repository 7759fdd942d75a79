//! In which index documents are, for those who must name it.

use std::collections::BTreeMap;

use ccfd::{sinks::elasticsearch::ElasticsearchPlaces, tables::ALERTS};
use serde_json::{Value, json};

use super::{environment, settings};
use crate::support::{
    fake::{Fake, Reply},
    fake_elastic::elastic_error,
    opensearch::Node,
};

fn places(url: &str, index: &str) -> ElasticsearchPlaces {
    let keys = format!("urls = [\"{url}\"]\nindex = {{ alerts = \"{index}\" }}");
    ElasticsearchPlaces::new(settings(&keys), environment())
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// The answer to a search in two shards, without hits.
fn searched(failed: u64) -> Value {
    json!({ "timed_out": false, "_shards": { "total": 2, "successful": 2 - failed, "skipped": 0, "failed": failed } })
}

#[tokio::test]
async fn a_search_that_reached_only_some_documents_does_not_say_that_others_are_missing() {
    let fake = Fake::plain(|_| Reply::json(200, &searched(0)));
    let places = places(fake.url(), "alerts");
    let mut late = searched(0);
    late["timed_out"] = json!(true);
    let mut silent = searched(0);
    silent["_shards"]["successful"] = json!(1);
    for partial in [searched(1), late, silent, json!({})] {
        fake.script([Reply::json(200, &partial).into()]);
        assert!(places.of(&ALERTS, &ids(&["a-1"])).await.is_err(), "{partial}");
    }
    assert!(places.of(&ALERTS, &ids(&["a-1"])).await.unwrap().is_empty());
    let asked = fake.requests_to("/alerts/_search");
    assert!(asked.iter().all(|request| request.query.contains("allow_partial_search_results=false")));
}

#[tokio::test]
async fn many_documents_are_asked_for_in_several_searches_and_what_is_not_found_is_missing() {
    let fake = Fake::plain(|request| {
        let ids = request.json()["query"]["ids"]["values"].as_array().unwrap().clone();
        let found = ids.iter().filter(|id| *id != "a-7");
        let hits: Vec<_> = found.map(|id| json!({ "_id": id, "_index": "alerts-000002" })).collect();
        let mut answer = searched(0);
        // Without hits there is no such member, because of the filter.
        if !hits.is_empty() {
            answer["hits"] = json!({ "hits": hits });
        }
        Reply::json(200, &answer)
    });
    let places = places(fake.url(), "alerts");
    let many: Vec<String> = (0..501).map(|number| format!("a-{number}")).collect();
    let found = places.of(&ALERTS, &many).await.unwrap();
    assert_eq!((found.len(), found.get("a-500").map(String::as_str)), (500, Some("alerts-000002")));
    assert_eq!(fake.requests_to("/alerts/_search").len(), 2);
    assert!(places.of(&ALERTS, &ids(&["a-7"])).await.unwrap().is_empty());
    fake.script([elastic_error(403, "security_exception", "no").into()]);
    let refused = places.of(&ALERTS, &many).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");
}

#[tokio::test]
async fn behind_an_alias_the_index_of_each_document_is_found() {
    let Some(node) = Node::shared() else { return };
    for (index, id) in [("places-000001", "a-1"), ("places-000002", "a-2"), ("places-000002", "a-1")] {
        node.put(&format!("/{index}/_doc/{id}?refresh=true"), &json!({ "x": 1 }));
    }
    let add = |index: &str| json!({ "add": { "index": index, "alias": "places" } });
    node.post("/_aliases", &json!({ "actions": [add("places-000001"), add("places-000002")] }));
    let found = places(node.url(), "places").of(&ALERTS, &ids(&["a-1", "a-2", "a-3"])).await.unwrap();
    let expected = [("a-1", "places-000002"), ("a-2", "places-000002")];
    assert_eq!(found, BTreeMap::from(expected.map(|(id, index)| (id.to_owned(), index.to_owned()))));
    let nothing = places(node.url(), "places-of-nothing").of(&ALERTS, &ids(&["a-1"])).await.unwrap();
    assert!(nothing.is_empty(), "an index that is not there yet has no documents");
}
