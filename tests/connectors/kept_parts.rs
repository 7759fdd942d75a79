//! What attempts of a run have done, with the database that keeps it.

use ccfd::{
    config::{Config, Environment},
    connectors::{Caller, Registry, Retry, RunFailure, RunOutput},
};
use collectors::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    object,
    servicenow::{Instance, TABLE},
    smtp::{Answer, Encryption, Smtp},
};
use crate::support::fake::{Fate, Reply, Step};

/// Connectors of the settings.
struct Kept {
    _dir: TempDir,
    registry: Registry,
}

impl Kept {
    fn new(connectors: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ccfd.toml");
        let text = format!(
            "[state]\ndir = {:?}\n[collector.a]\nsource = \"audit_logs\"\napi_key = {{ env = \"KEY\" }}\nsinks = [\"local\"]\n\
             [sink.local]\ntype = \"sqlite\"\npath = \"tables.db\"\n[connectors]\nallowed_hosts = [\"127.0.0.1\"]\n{connectors}",
            dir.path().join("state")
        );
        std::fs::write(&file, text).unwrap();
        let environment: Environment =
            [("SN_USER", "ccfd"), ("SN_PASSWORD", "sekret-password")].into_iter().collect();
        let config = Config::load(Some(&file), &environment, &[]).unwrap();
        Self { registry: Registry::of(&config, &environment, Clock::system()), _dir: dir }
    }

    /// One attempt of the run with this key.
    async fn attempt(&self, connector: &str, params: &Value, key: &str) -> Result<Value, RunFailure> {
        let caller = Caller::Rule("created".to_owned());
        let params = object(params.clone());
        match self.registry.run("default", connector, params, caller, Some(key)).await.unwrap()? {
            RunOutput::Data { data, .. } => Ok(data),
            other => panic!("{other:?}"),
        }
    }
}

fn mails(name: &str, server: &Smtp) -> String {
    let port = server.port();
    format!(
        "[connector.{name}]\ntype = \".email\"\n\
         config = {{ host = \"127.0.0.1\", port = {port}, from = \"{name}@example.com\", hasAuth = false }}\n"
    )
}

fn recipients(server: &Smtp) -> Vec<String> {
    let commands = server.commands().into_iter();
    commands.filter_map(|command| Some(command.strip_prefix("RCPT TO:")?.to_owned())).collect()
}

#[tokio::test]
async fn recipients_who_have_a_message_do_not_get_it_from_another_connector() {
    let (old, new) = (Smtp::start(Encryption::None), Smtp::start(Encryption::None));
    old.answer("RCPT TO:<ada", Answer::Says("451 4.7.1 later\r\n"));
    let kept = Kept::new(&(mails("old", &old) + &mails("new", &new)));
    let message = json!({ "to": ["ada@example.com", "bob@example.com"], "subject": "s", "message": "m" });
    let failed = kept.attempt("old", &message, "alert:mail").await.unwrap_err();
    assert_eq!((failed.retry, old.messages().len()), (Retry::Rest, 1));
    let sent = kept.attempt("new", &message, "alert:mail").await.unwrap();
    assert_eq!(sent["accepted"], json!(["bob@example.com", "ada@example.com"]));
    assert_eq!(recipients(&new), ["<ada@example.com>"]);
}

fn service_now(instance: &Instance, names: &[&str]) -> String {
    let url = instance.server.url();
    let one = |name: &&str| {
        format!(
            "[connector.{name}]\ntype = \".servicenow\"\nconfig = {{ apiUrl = \"{url}\" }}\n\
             secrets = {{ username = {{ env = \"SN_USER\" }}, password = {{ env = \"SN_PASSWORD\" }} }}\n"
        )
    };
    names.iter().map(one).collect()
}

/// Makes an incident under this correlation id.
fn push(correlation_id: &str) -> Value {
    let incident = json!({ "short_description": "s", "correlation_id": correlation_id });
    json!({ "subAction": "pushToService", "subActionParams": { "incident": incident } })
}

#[tokio::test]
async fn the_incident_of_another_action_is_not_taken_for_one_that_never_came_to_be() {
    let instance = Instance::start();
    let kept = Kept::new(&service_now(&instance, &["sn"]));
    kept.attempt("sn", &push("alert-1"), "alert-1:call").await.unwrap();
    instance.server.script([Step::from(Reply::status(503))]);
    let failed = kept.attempt("sn", &push("alert-1"), "alert-1:tell").await.unwrap_err();
    assert_eq!((failed.retry, instance.incidents().len()), (Retry::Yes, 1));
    kept.attempt("sn", &push("alert-1"), "alert-1:tell").await.unwrap();
    assert_eq!(instance.incidents().len(), 2, "each has its own");
}

#[tokio::test]
async fn an_incident_that_an_attempt_has_found_is_that_of_no_other_action() {
    let instance = Instance::start();
    let kept = Kept::new(&service_now(&instance, &["sn"]));
    instance.server.script_for(TABLE, [Step::from(Fate::Lost)]);
    kept.attempt("sn", &push("alert-1"), "alert-1:call").await.unwrap_err();
    let found = kept.attempt("sn", &push("alert-1"), "alert-1:call").await.unwrap();
    assert_eq!((&found["id"], instance.incidents().len()), (&instance.incidents()[0]["sys_id"], 1));
    // Nobody knows whether that one was made.
    instance.server.script_for(TABLE, [Step::from(Reply::status(504))]);
    kept.attempt("sn", &push("alert-1"), "alert-1:tell").await.unwrap_err();
    let other = kept.attempt("sn", &push("alert-1"), "alert-1:tell").await.unwrap();
    assert_ne!(other["id"], found["id"]);
    assert_eq!(instance.incidents().len(), 2, "each has its own");
}

#[tokio::test]
async fn after_a_refusal_no_incident_is_looked_for() {
    let instance = Instance::start();
    let (kept, other) =
        (Kept::new(&service_now(&instance, &["sn"])), Kept::new(&service_now(&instance, &["sn"])));
    instance.server.script_for(TABLE, [Step::from(Reply::status(503))]);
    kept.attempt("sn", &push("alert-1"), "alert-1:call").await.unwrap_err();
    // Somebody else makes one under the same id.
    other.attempt("sn", &push("alert-1"), "alert-1:call").await.unwrap();
    kept.attempt("sn", &push("alert-1"), "alert-1:call").await.unwrap();
    assert_eq!(instance.incidents().len(), 2, "each has its own");
}

#[tokio::test]
async fn another_connector_of_the_same_instance_continues_with_the_incident_and_one_of_another_makes_its_own()
{
    let (instance, other) = (Instance::start(), Instance::start());
    let kept = Kept::new(&(service_now(&instance, &["old", "new"]) + &service_now(&other, &["other"])));
    let made = kept.attempt("old", &push("soc"), "alert-1:call").await.unwrap();
    let same = kept.attempt("new", &push("soc"), "alert-1:call").await.unwrap();
    assert_eq!((&made["id"], instance.incidents().len()), (&same["id"], 1));
    kept.attempt("other", &push("soc"), "alert-1:call").await.unwrap();
    assert_eq!(other.incidents().len(), 1);
}
