use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::OnceLock,
};

use ccfd::config::{Config, Environment, SecretSource, SinkSettings};
use tempfile::TempDir;

use super::file;
use crate::support::{
    judge::{Missing, available},
    process::Place,
};

const SERVICES: [&str; 2] = ["ccfd.service", "ccfd-once.service"];
const TIMER: &str = "ccfd-once.timer";
/// What systemd may find open in a service, in tenths: 100 is everything.
const EXPOSURE_MAX: &str = "15";
/// Where the units let ccfd write.
const STATE_DIRECTORY: &str = "/var/lib/ccfd";

fn unit(name: &str) -> String {
    file(&format!("deploy/systemd/{name}"))
}

/// The lines of a section, without comments.
fn section(unit: &str, name: &str) -> Vec<String> {
    let lines = unit.lines().skip_while(|line| *line != format!("[{name}]")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn value<'a>(lines: &'a [String], key: &str) -> &'a str {
    let mut values = lines.iter().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.next().unwrap_or_else(|| panic!("no {key}"))
}

fn analyze(arguments: &[&str], path: &Path) -> Option<Output> {
    static THERE: OnceLock<Result<(), Missing>> = OnceLock::new();
    available(THERE.get_or_init(|| {
        let said = Command::new("systemd-analyze").arg("--version").output();
        said.map(drop).map_err(|error| Missing::say("systemd-analyze", error.to_string()))
    }))?;
    Some(Command::new("systemd-analyze").args(arguments).arg(path).output().unwrap())
}

#[test]
fn systemd_knows_every_key_of_the_units() {
    let dir = TempDir::new().unwrap();
    for name in SERVICES.into_iter().chain([TIMER]) {
        let text = unit(name).replace("=ccfd ", concat!("=", env!("CARGO_BIN_EXE_ccfd"), " "));
        fs::write(dir.path().join(name), text).unwrap();
    }
    for name in SERVICES.into_iter().chain([TIMER]) {
        let Some(ended) = analyze(&["--man=no", "verify"], &dir.path().join(name)) else { return };
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn the_services_are_closed_as_far_as_they_can_be() {
    let dir = TempDir::new().unwrap();
    for name in SERVICES {
        let path = dir.path().join(name);
        fs::write(&path, unit(name)).unwrap();
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        let arguments = ["security", "--offline=true", "--no-pager", &threshold];
        let Some(ended) = analyze(&arguments, &path) else { return };
        assert!(ended.status.success(), "{name}: {}", String::from_utf8_lossy(&ended.stdout));
    }
}

#[test]
fn both_services_run_under_the_same_user_with_the_same_rights() {
    let shared = |name| {
        let lines = section(&unit(name), "Service");
        let from = lines.iter().position(|line| line.starts_with("LoadCredential=")).unwrap();
        lines[from..].to_vec()
    };
    let [daemon, once] = SERVICES.map(shared);
    assert!(daemon.len() > 30, "{daemon:?}");
    assert_eq!(daemon, once);
}

#[test]
fn the_commands_of_the_services_are_commands_of_ccfd() {
    let place = Place::bare();
    for (name, key) in [(SERVICES[0], "ExecStart"), (SERVICES[0], "ExecReload"), (SERVICES[1], "ExecStart")] {
        let lines = section(&unit(name), "Service");
        let words: Vec<&str> = value(&lines, key).split(' ').collect();
        assert_eq!(words[..3], ["ccfd", "--config", "/etc/ccfd/ccfd.toml"]);
        let ended = place.run_to(2, &[&["--config", "missing.toml"], &words[3..]].concat());
        assert!(ended.stderr.contains("missing.toml"), "{name}: {}", ended.stderr);
    }
}

#[test]
fn the_settings_of_the_service_write_where_the_units_let_them_and_take_keys_from_their_credentials() {
    let text = unit("ccfd.toml");
    let (head, rest) = text.split_once("# [collector.").expect("a collector that is commented out");
    let (commented, tail) = rest.split_once("\n\n").unwrap();
    let (sinks, admin) = tail.split_once("# [admin]").expect("an interface that is commented out");
    let uncommented = |text: &str| text.replace("\n# ", "\n");
    let uncommented =
        format!("{head}[collector.{}\n\n{sinks}[admin]{}", uncommented(commented), uncommented(admin));
    let dir = TempDir::new().unwrap();
    for (text, collectors) in [(&text, 1), (&uncommented, 2)] {
        let path = dir.path().join("ccfd.toml");
        fs::write(&path, text).unwrap();
        let config = Config::load(Some(&path), &Environment::default(), &[]).unwrap();
        assert!(config.state.dir.starts_with(STATE_DIRECTORY));
        let SinkSettings::Sqlite(sink) = &config.sinks["local"] else { panic!("another sink") };
        assert!(sink.path.starts_with(STATE_DIRECTORY));
        assert_eq!(config.collectors.len(), collectors);
        for collector in config.collectors.values() {
            let SecretSource::Credential(name) = &collector.api_key else { panic!("no credential") };
            assert!(name.starts_with("key_openai-"), "{name}");
        }
        if collectors == 2 {
            assert!(config.admin.metrics_listen.is_some_and(|listen| listen.is_open()));
            let credential = SecretSource::Credential("key_metrics".to_owned());
            assert_eq!(config.admin.metrics_token, Some(credential));
        }
    }
    let lines = section(&unit(SERVICES[0]), "Service");
    assert_eq!(value(&lines, "StateDirectory"), "ccfd");
    assert_eq!(value(&lines, "LoadCredential"), "key:/etc/ccfd/keys");
}
