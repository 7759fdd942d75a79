use super::*;
use crate::tables::{ALERTS, AUDIT_LOGS, CHAT_COMPLETIONS};

fn both() -> [(&'static Table, &'static str); 2] {
    [(&AUDIT_LOGS, "a"), (&CHAT_COMPLETIONS, "c")]
}

fn paths(installs: &[Install]) -> Vec<&str> {
    installs.iter().map(|install| install.path.as_str()).collect()
}

fn properties(product: Product, table: &Table) -> Value {
    let installs = installs(product, TargetShape::Index, &[(table, "x")]);
    installs[0].body["template"]["mappings"]["properties"].clone()
}

#[test]
fn what_a_template_is_composed_of_is_put_before_it() {
    let installs = installs(Product::Elasticsearch, TargetShape::KibanaIndex, &both());
    assert_eq!(
        paths(&installs),
        [
            "_component_template/ccfd-openai-audit-logs-columns",
            "_component_template/ccfd-openai-chat-completions-columns",
            "_ingest/pipeline/ccfd-openai-id",
            "_index_template/ccfd-a",
            "_index_template/ccfd-c"
        ]
    );
    assert_eq!(installs[3].body["composed_of"], serde_json::json!(["ccfd-openai-audit-logs-columns"]));
    assert_eq!(installs[3].body["template"]["settings"]["index.default_pipeline"], "ccfd-openai-id");
}

#[test]
fn tables_that_share_an_index_share_its_template() {
    let shared: [(&Table, &str); 2] = [(&AUDIT_LOGS, "all"), (&CHAT_COMPLETIONS, "all")];
    let installs = installs(Product::OpenSearch, TargetShape::DataStream, &shared);
    let template = installs.last().unwrap();
    assert_eq!(installs.len(), 3);
    assert_eq!(template.body["composed_of"].as_array().unwrap().len(), 2);
    assert_eq!(template.body["data_stream"], serde_json::json!({}));
}

#[test]
fn a_data_stream_has_room_for_a_life_cycle_that_no_install_decides() {
    let installs = |product| installs(product, TargetShape::DataStream, &both());
    let elasticsearch = installs(Product::Elasticsearch);
    let template = &elasticsearch.last().unwrap().body;
    let component = "ccfd-openai-life-cycle";
    assert_eq!(
        template["composed_of"],
        serde_json::json!(["ccfd-openai-chat-completions-columns", component])
    );
    assert_eq!(template["ignore_missing_component_templates"], serde_json::json!([component]));
    let opensearch = installs(Product::OpenSearch);
    assert!(opensearch.last().unwrap().body.get("ignore_missing_component_templates").is_none());
    for install in elasticsearch.iter().chain(&opensearch) {
        assert!(!install.path.contains("life-cycle") && !install.path.contains("policy"), "{}", install.path);
    }
}

#[test]
fn documents_are_kept_as_long_as_was_said_in_all_three_ways() {
    let file = |retention, path: &str| -> Value {
        let files = files(&Tables::built_in(), retention);
        serde_json::from_str(&files.iter().find(|file| file.path == path).unwrap().content).unwrap()
    };
    let ilm = |retention| file(retention, "elasticsearch/data-stream-ilm/_ilm/policy/ccfd-openai.json");
    let own = |retention| {
        let path = "elasticsearch/data-stream-lifecycle/_component_template/ccfd-openai-life-cycle.json";
        file(retention, path)["template"]["lifecycle"].clone()
    };
    let ism =
        |retention| file(retention, "opensearch/data-stream-ism/_plugins/_ism/policies/ccfd-openai.json");
    let days = Retention::Days(90);
    assert_eq!(ilm(days)["policy"]["phases"]["delete"]["min_age"], "90d");
    assert_eq!(own(days)["data_retention"], "90d");
    assert_eq!(ism(days)["policy"]["states"][0]["transitions"][0]["conditions"]["min_rollover_age"], "90d");
    assert!(ilm(Retention::Forever)["policy"]["phases"].get("delete").is_none());
    assert_eq!(own(Retention::Forever), serde_json::json!({}));
    let states = ism(Retention::Forever)["policy"]["states"].clone();
    assert_eq!((states.as_array().unwrap().len(), &states[0]["transitions"]), (1, &serde_json::json!([])));
    // The component names the policy that is put, and the policy the streams.
    let component = "elasticsearch/data-stream-ilm/_component_template/ccfd-openai-life-cycle.json";
    assert_eq!(file(days, component)["template"]["settings"]["index.lifecycle.name"], "ccfd-openai");
    let names = [
        "openai-audit-logs",
        "openai-chat-completions",
        "openai-collector-health",
        "logs-ccfd.connector_runs-default",
    ];
    assert_eq!(ism(days)["policy"]["ism_template"][0]["index_patterns"], serde_json::json!(names));
}

#[test]
fn every_column_is_mapped_and_nothing_else_is_indexed() {
    for product in [Product::Elasticsearch, Product::OpenSearch] {
        for table in &Tables::built_in() {
            let installs = installs(product, TargetShape::Index, &[(table, "x")]);
            let mappings = &installs[0].body["template"]["mappings"];
            assert_eq!(mappings["dynamic"], false);
            let mapped: Vec<&String> = mappings["properties"].as_object().unwrap().keys().collect();
            let names = table.members_of_documents().iter().map(|column| &*column.name);
            let mut names: Vec<&str> = ["@timestamp"].into_iter().chain(names).collect();
            names.sort_unstable();
            assert_eq!(mapped, names);
        }
    }
}

#[test]
fn objects_of_any_shape_have_the_type_that_the_product_knows() {
    assert_eq!(properties(Product::Elasticsearch, &AUDIT_LOGS)["EventDetails"]["type"], "flattened");
    assert_eq!(properties(Product::OpenSearch, &AUDIT_LOGS)["EventDetails"]["type"], "flat_object");
}

#[test]
fn a_key_may_add_documents_and_read_them_back_and_only_through_kibana_touch_connectors() {
    let role = |shape| api_key(shape, &["a"], &["b"])["role_descriptors"]["ccfd"].clone();
    let own = role(TargetShape::Index);
    let privileges = |role: &serde_json::Value| role["indices"][0]["privileges"].clone();
    let replaces = serde_json::json!({ "names": ["b"], "privileges": ["auto_configure", "index", "read"] });
    assert_eq!(own["indices"][1], replaces);
    let adds = ["auto_configure", "create_doc"];
    assert_eq!(privileges(&own), serde_json::json!([&adds[..], &["maintenance", "read"]].concat()));
    assert_eq!(privileges(&role(TargetShape::KibanaIndex)), serde_json::json!(adds));
    assert!(own.get("applications").is_none() && role(TargetShape::KibanaIndex)["applications"].is_array());
}

#[test]
fn alerts_have_an_index_whose_documents_can_be_replaced_and_are_known_by_the_id_of_the_event() {
    let alerts: [(&Table, &str); 1] = [(&ALERTS, &ALERTS.index)];
    for shape in [TargetShape::Index, TargetShape::DataStream] {
        let installs = installs(Product::Elasticsearch, shape, &alerts);
        let template = &installs.last().unwrap().body;
        assert_eq!(template["index_patterns"], serde_json::json!(["logs-ccfd.alerts-default"]));
        assert!(
            template.get("data_stream").is_none() && template["priority"].as_u64() > Some(200),
            "{template}"
        );
        let properties = &installs[0].body["template"]["mappings"]["properties"];
        assert_eq!(properties["event"]["properties"]["kind"]["type"], "keyword");
        assert_eq!(properties["event"]["properties"]["ingested"]["type"], "date");
        assert_eq!(properties["source"]["properties"]["ip"]["type"], "ip");
        assert!(properties.get("AlertId").is_none());
    }
    let pipeline = &installs(Product::Elasticsearch, TargetShape::KibanaIndex, &alerts)[1].body;
    assert_eq!(pipeline["processors"][0]["set"]["value"], "{{{event.id}}}");
}
