use std::{path::Path, sync::Mutex};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::*;
use crate::{
    connectors::{
        connector_type::{Feature, Licence},
        outgoing::Outgoing,
        run::{ErrorSource, Retry, RunContext},
    },
    detect_db::{SpaceAbout, StoredSpace},
};

/// Needs the secret `token`, and returns what it was given.
struct EchoType;

const INFO: TypeInfo = TypeInfo {
    id: ".echo",
    name: "Echo",
    licence: Licence::Basic,
    features: &[Feature::Alerting],
    is_system: false,
};

#[async_trait]
impl ConnectorType for EchoType {
    fn info(&self) -> &'static TypeInfo {
        &INFO
    }

    fn check_config(&self, config: &Map<String, Value>, _: &Outgoing) -> Result<Map<String, Value>, String> {
        if config.keys().any(|key| key != "url") {
            return Err("[x]: definition for this key is missing".to_owned());
        }
        let mut config = config.clone();
        config.entry("url").or_insert_with(|| "default".into());
        Ok(config)
    }

    fn check_secrets(
        &self,
        _: &Map<String, Value>,
        secrets: &ConnectorSecrets,
        _: &Outgoing,
    ) -> Result<(), String> {
        secrets.get("token").map(drop).ok_or_else(|| "[token]: missing".to_owned())
    }

    fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        params.get("message").map(drop).ok_or_else(|| "[message]: missing".to_owned())
    }

    async fn execute(&self, run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
        if run.params.contains_key("fail") {
            return Err(RunFailure::thrown("on purpose", ErrorSource::User));
        }
        if run.params.contains_key("wait") {
            let wait = std::time::Duration::from_secs(75);
            let message = format!("retry at {}", super::super::response::retry_at(run.now, wait));
            return Err(RunFailure::returned(message, None, Retry::After(wait)));
        }
        let token = run.secrets.get("token").map_or(0, |token| token.expose_secret().len());
        Ok(RunOutput::data(json!({ "message": run.params["message"], "token": token, "space": run.space })))
    }

    fn test_params(&self, _: &Map<String, Value>) -> Map<String, Value> {
        object(json!({ "message": "test" }))
    }
}

const TYPES_WITH_ECHO: &[&dyn ConnectorType] = &[&EchoType];

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn config(dir: &Path, more: &str) -> Config {
    let file = dir.join("ccfd.toml");
    let text = format!(
        "[state]\ndir = {:?}\n[collector.a]\nsource = \"audit_logs\"\napi_key = {{ env = \"KEY\" }}\nsinks = [\"local\"]\n\
         [sink.local]\ntype = \"sqlite\"\npath = \"tables.db\"\n{more}",
        dir.join("state")
    );
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), &Environment::default(), &[]).unwrap()
}

fn registry_of(config: &Config, environment: &Environment) -> Registry {
    let mut parts = RegistryParts::of(config, environment, TYPES_WITH_ECHO, None);
    parts.references.insert("mine".to_owned(), 2);
    Registry::with_parts(parts, Clock::from_fn(|| 1_700_000_000))
}

fn registry(dir: &Path) -> Registry {
    registry_of(&config(dir, ""), &Environment::default())
}

fn secrets(token: &str) -> ConnectorSecrets {
    ConnectorSecrets([("token".to_owned(), SecretString::from(token))].into())
}

fn new(id: &str) -> NewConnector {
    NewConnector {
        id: Some(ConnectorId::parse(id).unwrap()),
        name: "Mine".to_owned(),
        type_id: ".echo".to_owned(),
        config: Map::new(),
        secrets: secrets("s3cret"),
    }
}

fn caller() -> Caller {
    Caller::Operator("ana".to_owned())
}

async fn run(registry: &Registry, space: &str, id: &str, params: Value) -> Result<Value, String> {
    match registry.run(space, id, object(params), caller(), None).await {
        Ok(Ok(RunOutput::Data { data, .. })) => Ok(data),
        Ok(Ok(_)) => Err("no data".to_owned()),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn a_connector_that_was_made_is_found_changed_run_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let made = registry(dir.path()).create("default", new("mine")).await.unwrap();
    assert_eq!((made.config["url"].as_str(), made.is_missing_secrets), (Some("default"), false));
    // Another process, such as the daemon beside a command.
    let registry = registry(dir.path());
    assert_eq!(registry.get("default", "mine").await.unwrap(), made);
    let listed = registry.list("default").await.unwrap();
    assert_eq!(listed, [ListedConnector { connector: made, referenced_by: 2 }]);
    let answer = run(&registry, "default", "mine", json!({ "message": "hi" })).await;
    assert_eq!(answer, Ok(json!({ "message": "hi", "token": 6, "space": "default" })));
    let change = ConnectorChange {
        name: "Yours".to_owned(),
        config: object(json!({ "url": "x" })),
        secrets: secrets("longer-one"),
    };
    let changed = registry.update("default", "mine", change).await.unwrap();
    assert_eq!((changed.name.as_str(), &changed), ("Yours", &registry.get("default", "mine").await.unwrap()));
    let answer = run(&registry, "default", "mine", json!({ "message": "hi" })).await;
    assert_eq!(answer.unwrap()["token"], 10);
    registry.delete("default", "mine").await.unwrap();
    assert_eq!(
        registry.get("default", "mine").await.unwrap_err().to_string(),
        "Saved object [action/mine] not found"
    );
    assert!(registry.parts().secrets.list().unwrap().is_empty(), "its secrets are deleted with it");
}

#[tokio::test]
async fn what_is_wrong_with_a_new_connector_is_said_and_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path());
    for (wrong, said) in [
        (
            NewConnector { type_id: ".none".to_owned(), ..new("a") },
            "Action type \".none\" is not registered.",
        ),
        (
            NewConnector { config: object(json!({ "x": 1 })), ..new("a") },
            "error validating connector type config: [x]: definition for this key is missing",
        ),
        (
            NewConnector { secrets: ConnectorSecrets::default(), ..new("a") },
            "error validating connector type secrets: [token]: missing",
        ),
        (NewConnector { name: "  ".to_owned(), ..new("a") }, "[name]: value '' is not valid"),
    ] {
        assert_eq!(registry.create("default", wrong).await.unwrap_err().to_string(), said);
    }
    assert!(registry.list("default").await.unwrap().is_empty());
    registry.create("default", new("a")).await.unwrap();
    let other =
        StoredSpace { id: "other".to_owned(), name: "Other".to_owned(), about: SpaceAbout::default() };
    registry.database().run(move |db| db.create_space(&other)).await.unwrap();
    for space in ["default", "other"] {
        let taken = registry.create(space, new("a")).await.unwrap_err().to_string();
        assert_eq!(taken, "Saved object [action/a] conflict");
    }
    let made_up = registry.create("default", NewConnector { id: None, ..new("a") }).await.unwrap();
    assert_eq!(made_up.id.as_str().len(), 36);
}

#[tokio::test]
async fn a_connector_is_unknown_in_another_space() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path());
    registry.create("default", new("mine")).await.unwrap();
    assert!(registry.list("other").await.unwrap().is_empty());
    let unknown = Err("Saved object [action/mine] not found".to_owned());
    assert_eq!(run(&registry, "other", "mine", json!({ "message": 1 })).await, unknown);
    assert!(registry.get("other", "mine").await.is_err() && registry.delete("other", "mine").await.is_err());
    let change = ConnectorChange { name: "x".to_owned(), config: Map::new(), secrets: secrets("x") };
    assert!(registry.update("other", "mine", change).await.is_err());
    assert_eq!(registry.get("default", "mine").await.unwrap().name, "Mine");
}

#[tokio::test]
async fn an_update_without_the_secrets_that_the_type_needs_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path());
    let made = registry.create("default", new("mine")).await.unwrap();
    let secrets = ConnectorSecrets::default();
    let change = ConnectorChange { name: "x".to_owned(), config: Map::new(), secrets };
    assert!(matches!(registry.update("default", "mine", change).await, Err(ConnectorError::Secrets(_))));
    assert_eq!(registry.get("default", "mine").await.unwrap(), made);
    assert!(run(&registry, "default", "mine", json!({ "message": 1 })).await.is_ok());
}

#[tokio::test]
async fn without_the_key_connectors_are_listed_as_missing_their_secrets_and_do_not_run() {
    let dir = tempfile::tempdir().unwrap();
    registry(dir.path()).create("default", new("mine")).await.unwrap();
    let key = dir.path().join("state").join(crate::secrets::KEY_FILE);
    let content = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let registry = registry(dir.path());
    assert!(registry.list("default").await.unwrap()[0].connector.is_missing_secrets);
    let failed = run(&registry, "default", "mine", json!({ "message": 1 })).await.unwrap_err();
    assert_eq!(failed, "Unable to execute action because no secrets are defined for the \"Mine\" connector.");
    let failed = registry.run("default", "mine", Map::new(), caller(), None).await.unwrap().unwrap_err();
    assert_eq!(failed.retry, Retry::Yes, "the key may be put back");
    let refused = registry.create("default", new("two")).await.unwrap_err();
    assert!(matches!(refused, ConnectorError::SecretStore(_)), "{refused}");
    registry.create("default", NewConnector { id: None, ..new("x") }).await.unwrap_err();
    assert_eq!(registry.list("default").await.unwrap().len(), 1, "neither is kept without its secrets");
    std::fs::write(&key, content).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(!registry.get("default", "mine").await.unwrap().is_missing_secrets);
}

#[tokio::test]
async fn a_connector_of_the_settings_is_in_every_space_and_changes_only_there() {
    let dir = tempfile::tempdir().unwrap();
    let more = "[connector.oncall]\ntype = \".echo\"\nname = \"On call\"\nconfig = { url = \"https://x\" }\n\
                secrets = { token = { env = \"TOKEN\" } }\n[connector.bare]\ntype = \".echo\"\n";
    let config = config(dir.path(), more);
    let environment: Environment = [("TOKEN", "s3cret with spaces")].into_iter().collect();
    let registry = registry_of(&config, &environment);
    for space in ["default", "other"] {
        let connector = registry.get(space, "oncall").await.unwrap();
        assert!(connector.is_preconfigured && connector.space.is_none() && !connector.is_missing_secrets);
        assert_eq!(run(&registry, space, "oncall", json!({ "message": 1 })).await.unwrap()["token"], 18);
    }
    assert!(registry.get("default", "bare").await.unwrap().is_missing_secrets);
    assert_eq!(registry.problems().len(), 1);
    assert_eq!(registry.list("default").await.unwrap().len(), 2);
    let change = ConnectorChange { name: "x".to_owned(), config: Map::new(), secrets: secrets("x") };
    let said = [
        registry.create("default", new("oncall")).await.unwrap_err().to_string(),
        registry.update("default", "oncall", change).await.unwrap_err().to_string(),
        registry.delete("default", "oncall").await.unwrap_err().to_string(),
    ];
    assert_eq!(
        said,
        [
            "This oncall already exists in a preconfigured action.",
            "Preconfigured action oncall can not be updated.",
            "Preconfigured action oncall can not be deleted.",
        ]
    );
}

#[tokio::test]
async fn a_run_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path());
    registry.create("default", new("mine")).await.unwrap();
    let invalid = registry.run("default", "mine", Map::new(), caller(), None).await.unwrap().unwrap_err();
    assert_eq!(
        invalid,
        RunFailure {
            message: "error validating action params: [message]: missing".to_owned(),
            service_message: None,
            retry: Retry::No,
            source_of: ErrorSource::User,
            retry_at: None,
            is_gone: false,
        }
    );
    let thrown = run(&registry, "default", "mine", json!({ "message": 1, "fail": 1 })).await;
    assert_eq!(thrown, Err("an error occurred while running the action: on purpose".to_owned()));
    let tested = registry.test("default", "mine", caller()).await.unwrap();
    assert!(matches!(tested, Ok(RunOutput::Data { data, .. }) if data["message"] == "test"));
}

#[tokio::test]
async fn a_failure_has_the_time_of_another_attempt_that_its_message_names() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path());
    registry.create("default", new("mine")).await.unwrap();
    let params = object(json!({ "message": 1, "wait": 1 }));
    let failed = registry.run("default", "mine", params, caller(), None).await.unwrap().unwrap_err();
    let at = failed.retry_at.unwrap().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    assert_eq!(failed.message, format!("retry at {at}"));
}

#[tokio::test]
async fn a_connector_is_ready_once_its_settings_and_secrets_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    let more = format!(
        "[connector.oncall]\ntype = \".echo\"\nsecrets = {{ token = {{ file = {token:?} }} }}\n\
         [connector.bare]\ntype = \".echo\"\n[connector.wrong]\ntype = \".echo\"\nconfig = {{ x = 1 }}\n"
    );
    let registry = registry_of(&config(dir.path(), &more), &Environment::default());
    registry.create("default", new("mine")).await.unwrap();
    let why = async |id| registry.ready("default", id).await.map(drop).map_err(|error| error.to_string());
    assert_eq!(why("mine").await, Ok(()));
    let missing = why("oncall").await.unwrap_err();
    assert!(missing.contains("secrets.token") && missing.contains("token"), "{missing}");
    std::fs::write(&token, "s3cret").unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(why("oncall").await, Ok(()));
    let never_given = why("bare").await.unwrap_err();
    assert!(never_given.contains("[token]: missing"), "{never_given}");
    let invalid = why("wrong").await.unwrap_err();
    assert!(invalid.contains("[x]: definition for this key is missing"), "{invalid}");
    assert_eq!(why("none").await, Err("Saved object [action/none] not found".to_owned()));
    std::fs::remove_file(dir.path().join("state").join(crate::secrets::KEY_FILE)).unwrap();
    let registry = registry_of(&config(dir.path(), ""), &Environment::default());
    let sealed = registry.ready("default", "mine").await.map(drop).unwrap_err();
    assert!(matches!(sealed, ConnectorError::Secrets(_)), "{sealed}");
    registry.parts().secrets.remove_all().unwrap();
    let removed = registry.ready("default", "mine").await.map(drop).unwrap_err().to_string();
    assert!(removed.contains("[token]: missing"), "{removed}");
}

#[tokio::test]
async fn many_may_make_connectors_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Arc::new(registry(dir.path())), Arc::new(registry(dir.path())));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let tasks = (0..20).map(|at| {
        let (registry, failed) = (if at % 2 == 0 { one.clone() } else { two.clone() }, failed.clone());
        async move {
            if let Err(error) = registry.create("default", new(&format!("c{}", at / 2))).await {
                failed.lock().unwrap().push(error.to_string());
            }
        }
    });
    futures::future::join_all(tasks).await;
    assert_eq!(one.list("default").await.unwrap().len(), 10);
    let failed = failed.lock().unwrap();
    assert!(failed.len() == 10 && failed.iter().all(|error| error.ends_with("conflict")), "{failed:?}");
}

#[test]
fn a_secret_that_is_an_object_has_a_place_for_each_of_its_texts() {
    let dir = tempfile::tempdir().unwrap();
    let more = "[connector.hook]\ntype = \".webhook\"\nconfig = { url = \"https://hooks.example.com\" }\n\
                secrets = { secretHeaders = { Authorization = { env = \"A\" }, X-Key = { env = \"B\" } } }\n";
    let config = config(dir.path(), more);
    let secrets_with = |variables: &[(&str, &str)]| {
        let environment: Environment = variables.iter().copied().collect();
        let parts = RegistryParts::of(&config, &environment, TYPES, None);
        parts.checked_secrets(&parts.preconfigured["hook"])
    };
    let secrets = secrets_with(&[("A", "Bearer \"x\""), ("B", "k")]).unwrap();
    let headers: Value = serde_json::from_str(secrets.get("secretHeaders").unwrap().expose_secret()).unwrap();
    assert_eq!(headers, json!({ "Authorization": "Bearer \"x\"", "X-Key": "k" }));
    let missing = secrets_with(&[("A", "Bearer x")]).unwrap_err();
    assert!(missing.starts_with("`secrets.secretHeaders.X-Key`: "), "{missing}");
    let invalid = secrets_with(&[("A", "a\nb"), ("B", "k")]).unwrap_err();
    assert!(invalid.contains("no header can carry") && !invalid.contains("a\nb"), "{invalid}");
}

#[tokio::test]
async fn a_connector_for_a_space_that_is_deleted_meanwhile_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path());
    let refused = registry.create("gone", new("mine")).await.unwrap_err();
    assert!(matches!(&refused, ConnectorError::NoSpace(space) if space == "gone"), "{refused}");
    // Its secrets are not kept either, and its id is free.
    registry.create("default", new("mine")).await.unwrap();
    let count: i64 = rusqlite::Connection::open(registry.parts().secrets.database())
        .unwrap()
        .query_row("SELECT count(*) FROM connector", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}
