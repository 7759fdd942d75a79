//! Kusto's own language service, run by Node, on what Azure is given to run.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use ccfd::{
    config::{Config, Environment},
    deploy::sentinel,
    sinks::{
        comparable::{Question, Span},
        registry,
    },
    tables::{AUDIT_LOGS, CHAT_COMPLETIONS, ColumnKind, Tables},
};
use collectors::{Clock, TimeField};
use serde_json::Value;

use crate::support::judge::{self, Missing, available};

const PACKAGE: &str = "@kusto/language-service-next@12.4.1";

/// The folder of the package, downloaded at first use.
fn language_service() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, Missing>> = OnceLock::new();
    available(FOLDER.get_or_init(|| {
        let cache = judge::cache("kusto");
        fs::create_dir_all(&cache).unwrap();
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        let folder = cache.join("node_modules/@kusto/language-service-next");
        if !folder.exists() {
            let mut install = Command::new("npm");
            install.args(["install", "--no-save", "--silent", "--ignore-scripts", "--prefix"]).arg(&cache);
            run(install.arg(PACKAGE), b"")
                .map_err(|reason| Missing::say("Kusto's language service", reason))?;
        }
        Ok(folder)
    }))
}

fn run(command: &mut Command, input: &[u8]) -> Result<Output, String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(output),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn judge(queries: &[String]) -> Option<Vec<Value>> {
    let folder = language_service()?;
    let input = serde_json::to_vec(queries).unwrap();
    let output = run(Command::new("node").arg(judge::file("judges/kql.js")).arg(folder), &input).unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn resources(path: &str) -> Vec<Value> {
    let file = sentinel::files(&Tables::built_in()).into_iter().find(|file| file.path == path).unwrap();
    let template: Value = serde_json::from_str(&file.content).unwrap();
    template["resources"].as_array().unwrap().clone()
}

/// `let NAME = datatable(…)[];` with these columns of a template.
fn table(name: &str, columns: &Value) -> String {
    let column = |column: &Value| {
        let kind = column["type"].as_str().unwrap().to_lowercase();
        format!("['{}']: {kind}", column["name"].as_str().unwrap())
    };
    let columns: Vec<String> = columns.as_array().unwrap().iter().map(column).collect();
    format!("let {name} = datatable({})[];\n", columns.join(", "))
}

/// Each transform of a template over the stream that it takes: where it writes to, and the query.
fn transforms(path: &str) -> Vec<(String, String)> {
    let resources = resources(path);
    let rule = resources.iter().find(|of| of["type"] == "Microsoft.Insights/dataCollectionRules").unwrap();
    let properties = &rule["properties"];
    let flow = |flow: &Value| {
        let stream = flow["streams"][0].as_str().unwrap();
        let source = table("source", &properties["streamDeclarations"][stream]["columns"]);
        (flow["outputStream"].as_str().unwrap().to_owned(), source + flow["transformKql"].as_str().unwrap())
    };
    properties["dataFlows"].as_array().unwrap().iter().map(flow).collect()
}

#[test]
fn the_transforms_give_the_columns_of_the_tables_with_their_types() {
    let (outputs, queries): (Vec<_>, Vec<_>) = transforms("table/azuredeploy.json").into_iter().unzip();
    let Some(judged) = judge(&queries) else { return };
    for ((table, output), judged) in Tables::built_in().iter().zip(outputs).zip(judged) {
        assert_eq!(output, format!("Custom-{}", table.name));
        assert_eq!(judged["faults"], serde_json::json!([]));
        let kind = |kind| match kind {
            ColumnKind::String => "string",
            ColumnKind::Long => "long",
            ColumnKind::Real => "real",
            ColumnKind::Dynamic => "dynamic",
            ColumnKind::DateTime => "datetime",
        };
        let columns: Vec<_> = table.columns.iter().map(|column| (&*column.name, kind(column.kind))).collect();
        assert_eq!(judged["columns"], serde_json::json!(columns));
    }
}

#[test]
fn the_transforms_to_the_events_of_agents_are_sound() {
    let (_, queries): (Vec<_>, Vec<_>) = transforms("asim/azuredeploy.json").into_iter().unzip();
    let Some(judged) = judge(&queries) else { return };
    assert!(judged.iter().all(|judged| judged["faults"] == serde_json::json!([])), "{judged:#?}");
}

#[test]
fn the_functions_ask_tables_and_columns_that_are_there() {
    let resources = resources("table/azuredeploy.json");
    let tables: String = resources
        .iter()
        .map(|of| &of["properties"]["schema"])
        .filter(|schema| schema.is_object())
        .map(|schema| table(schema["name"].as_str().unwrap(), &schema["columns"]))
        .collect();
    let queries = resources.iter().filter_map(|of| of["properties"]["query"].as_str());
    let queries: Vec<String> = queries.map(|query| format!("{tables}{query}")).collect();
    assert_eq!(queries.len(), Tables::built_in().iter().len());
    let Some(judged) = judge(&queries) else { return };
    assert!(judged.iter().all(|judged| judged["faults"] == serde_json::json!([])), "{judged:#?}");
}

#[test]
fn the_rule_over_alerts_asks_columns_that_are_there() {
    let resources = resources("table/azuredeploy.json");
    let schemas = resources.iter().map(|of| &of["properties"]["schema"]).filter(|schema| schema.is_object());
    let alerts = schemas.filter(|schema| schema["name"] == "CcfdAlerts_CL");
    let tables: String = alerts.map(|schema| table("CcfdAlerts_CL", &schema["columns"])).collect();
    let rule = &self::resources("alert-rule/azuredeploy.json")[0]["properties"];
    let query = rule["query"].as_str().unwrap();
    let Some(judged) = judge(&[format!("{tables}{query}")]) else { return };
    assert_eq!(judged[0]["faults"], serde_json::json!([]), "{judged:#?}");
    let columns = judged[0]["columns"].to_string();
    for mapping in rule["entityMappings"].as_array().unwrap() {
        let column = mapping["fieldMappings"][0]["columnName"].to_string();
        assert!(columns.contains(&column), "{column} is not a result of the query");
    }
}

/// The queries of `ccfd verify` over the tables of the template.
#[test]
fn the_queries_of_a_verification_are_sound() {
    let text = "[collector.a]\nsource = \"audit_logs\"\napi_key = { env = \"A\" }\nsinks = [\"s\"]\n[sink.s]\n\
        type = \"logs_ingestion\"\nendpoint = \"https://a.ingest.monitor.azure.com\"\n\
        dcr_immutable_id = \"dcr-0123456789abcdef0123456789abcdef\"\n\
        workspace_id = \"77777777-8888-9999-aaaa-bbbbbbbbbbbb\"\n[sink.s.auth]\nkind = \"managed_identity\"\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ccfd.toml");
    fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), &Environment::default(), &[]).unwrap();
    let sink = &config.sinks["s"];
    let rows = registry::comparable(sink, &config.sinks, &Environment::default(), &Clock::system()).unwrap();
    let resources = resources("table/azuredeploy.json");
    let schemas = resources.iter().map(|of| &of["properties"]["schema"]).filter(|schema| schema.is_object());
    let tables: String =
        schemas.map(|schema| table(schema["name"].as_str().unwrap(), &schema["columns"])).collect();
    let asked =
        [(AUDIT_LOGS.clone(), TimeField::EffectiveAt), (CHAT_COMPLETIONS.clone(), TimeField::Created)];
    let queries: Vec<String> = asked
        .into_iter()
        .flat_map(|(table, time)| {
            let window = Span { from: 1_770_979_925, to: 1_771_979_925 };
            let connector = r"it's a \ name".into();
            rows.statements(&Question { table, connector, time, window, redact: None })
        })
        .map(|statement| format!("{tables}{}", statement.text))
        .collect();
    let Some(judged) = judge(&queries) else { return };
    assert_eq!(judged.len(), 4);
    for judged in judged {
        assert_eq!(judged["faults"], serde_json::json!([]), "{judged:#}");
    }
}

#[test]
fn a_field_that_is_not_declared_is_found() {
    let Some(judged) = judge(&["let source = datatable(a: long)[];\nsource | project b".to_owned()]) else {
        return;
    };
    assert_eq!(judged[0]["faults"].as_array().unwrap().len(), 1, "{judged:?}");
}
