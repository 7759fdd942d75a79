use serde_json::Value;

use super::*;
use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS, Column, ColumnKind, Origin};

fn file(path: &str) -> String {
    files(&Tables::built_in()).into_iter().find(|file| file.path == path).unwrap().content
}

fn arm(profile: SentinelProfile) -> Value {
    serde_json::from_str(&file(&format!("{}/azuredeploy.json", profile.key()))).unwrap()
}

#[test]
fn the_audit_transform_is_the_published_one() {
    assert_eq!(
        transform(&AUDIT_LOGS, SentinelProfile::Table),
        "source\n| project\n    \
         TimeGenerated = iff(isnull(effective_at), now(), datetime(1970-01-01) + effective_at * 1s),\n    \
         Id = id,\n    EventType = type,\n    EffectiveAt = datetime(1970-01-01) + effective_at * 1s,\n    \
         ActorType = tostring(actor.type),\n    ActorApiKey = actor.api_key,\n    \
         ActorSession = actor.session,\n    Project = ['project'],\n    EventDetails = EventDetails,\n    \
         ConnectorName = friendlyName"
    );
}

#[test]
fn a_transform_gives_every_column_of_its_table() {
    for table in &Tables::built_in() {
        let text = transform(table, SentinelProfile::Table);
        let names: Vec<&str> =
            text.lines().skip(2).map(|line| line.trim().split(' ').next().unwrap()).collect();
        let columns: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
        assert_eq!(names, columns);
    }
}

#[test]
fn a_column_without_a_field_in_the_stream_is_left_out() {
    let columns = vec![Column::new("Lost", ColumnKind::String, Origin::Field("lost".into()), "")];
    let table = Table { columns, ..Table::clone(&AUDIT_LOGS) };
    assert_eq!(transform(&table, SentinelProfile::Table), "source\n| project\n");
}

#[test]
fn the_events_take_every_constant_that_the_stream_carries_for_them() {
    let text = transform(&CHAT_COMPLETIONS, SentinelProfile::Asim);
    for field in CHAT_COMPLETIONS.stream_asim.iter().filter(|field| field.name != "aliasName") {
        assert!(
            text.contains(&format!("{},", field.name)) || text.contains(&format!("({})", field.name)),
            "{text}"
        );
    }
    let query = functions::query(&CHAT_COMPLETIONS, Output::Asim);
    assert!(
        query.contains(r#"EventVendor == "OpenAI" and EventProduct == "OpenAI API Platform""#),
        "{query}"
    );
}

#[test]
fn a_rule_declares_what_is_sent_and_writes_where_its_profile_says() {
    let outputs = |profile| {
        let arm = arm(profile);
        let resources = arm["resources"].as_array().unwrap();
        let rule = resources.iter().find(|resource| resource["type"] == resources::RULE.name).unwrap();
        let fields = &rule["properties"]["streamDeclarations"]["Custom-OpenAIChatCompletions_CL"]["columns"];
        let flows = rule["properties"]["dataFlows"].as_array().unwrap();
        let outputs: Vec<String> =
            flows.iter().map(|flow| flow["outputStream"].as_str().unwrap().to_owned()).collect();
        (outputs, fields.as_array().unwrap().len())
    };
    let (own, agents) = (CHAT_COMPLETIONS.stream.len(), CHAT_COMPLETIONS.stream_asim.len());
    let with = |completions: &str| {
        [
            "Custom-OpenAIAuditLogs_CL",
            completions,
            "Custom-CcfdHealth_CL",
            "Custom-CcfdAlerts_CL",
            "Custom-CcfdConnectorRuns_CL",
        ]
        .map(str::to_owned)
        .to_vec()
    };
    assert_eq!(outputs(SentinelProfile::Table), (with("Custom-OpenAIChatCompletions_CL"), own));
    assert_eq!(outputs(SentinelProfile::Asim), (with("Microsoft-ASimAgentEventLogs"), own + agents));
}

#[test]
fn what_goes_to_the_events_makes_no_table_of_its_own() {
    let bicep = file("asim/main.bicep");
    assert!(!bicep.contains("resource chatCompletions '") && bicep.contains("resource auditLogs '"));
}

/// Both templates in the words that they share: type and version of each resource, and every KQL text.
#[test]
fn the_bicep_file_and_the_arm_template_hold_the_same() {
    for profile in [SentinelProfile::Table, SentinelProfile::Asim] {
        let bicep = file(&format!("{}/main.bicep", profile.key()));
        assert!(!bicep.contains("{{"), "a place was not filled");
        let arm = arm(profile);
        let resources = arm["resources"].as_array().unwrap();
        let mut wanted: Vec<String> = resources
            .iter()
            .map(|r| format!("{}@{}", r["type"].as_str().unwrap(), r["apiVersion"].as_str().unwrap()))
            .collect();
        let made = bicep.lines().filter(|line| line.starts_with("resource ") && !line.contains(" existing "));
        let mut found: Vec<String> = made.map(|line| line.split('\'').nth(1).unwrap().to_owned()).collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted);
        let queries = resources.iter().filter_map(|resource| resource["properties"]["query"].as_str());
        let rule = resources.iter().find(|resource| resource["type"] == resources::RULE.name).unwrap();
        let flows = rule["properties"]["dataFlows"].as_array().unwrap();
        let transforms = flows.iter().filter_map(|flow| flow["transformKql"].as_str());
        for text in queries.chain(transforms) {
            assert!(bicep.contains(&format!("'''\n{text}'''")), "{text}");
        }
        for (section, word) in [("parameters", "param"), ("outputs", "output")] {
            for (name, value) in arm[section].as_object().unwrap() {
                let about = value["metadata"]["description"].as_str().unwrap();
                let kind = value["type"].as_str().unwrap();
                let line = format!("@description('{about}')\n{word} {name} {kind}");
                assert!(bicep.contains(&line), "{line}");
            }
        }
    }
}
