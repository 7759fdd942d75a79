use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ccfd::config::{Config, Environment, Listen};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{file, path};
use crate::support::process::{Place, Simulated};

const CCFD: &str = env!("CARGO_BIN_EXE_ccfd");

/// Runs the script that the Containerfile runs, with the binary of this build.
fn build(root: &Path, binary: &str) -> Output {
    Command::new(path("deploy/container/build")).args(["--binary", binary]).arg(root).output().unwrap()
}

/// The words in brackets behind a key of a JSON-like list: `CMD ["a", "b"]`.
fn list(text: &str, key: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.split_once(key)).unwrap_or_else(|| panic!("no {key}")).1;
    serde_json::from_str(line.trim()).unwrap()
}

#[test]
fn the_script_lays_out_all_that_the_binary_needs_in_a_root_of_its_own() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("image");
    let ended = build(&root, CCFD);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    // As root it was run inside of the new root, with nothing of this machine at hand.
    assert!(String::from_utf8_lossy(&ended.stdout).starts_with("ccfd "));
    let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("usr/bin/ccfd"), mode("var/lib/ccfd"), mode("etc/ccfd")), (0o755, 0o700, 0o755));
    let certificates = fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.contains("BEGIN CERTIFICATE"));
    assert!(fs::read_to_string(root.join("etc/passwd")).unwrap().starts_with("ccfd:x:65532:65532:"));
}

#[test]
fn the_script_leaves_a_root_alone_that_is_there_and_says_when_there_is_no_binary() {
    let dir = TempDir::new().unwrap();
    let said = |ended: Output| {
        assert_eq!(ended.status.code(), Some(1));
        String::from_utf8(ended.stderr).unwrap()
    };
    assert!(said(build(dir.path(), CCFD)).contains("is there already"));
    let root = dir.path().join("image");
    assert!(said(build(&root, "/nowhere/ccfd")).contains("/nowhere/ccfd is not a program"));
    assert!(!root.exists());
}

/// The minor number of a version of Rust: 93 of `1.93`.
fn minor(version: &str) -> u32 {
    version.strip_prefix("1.").unwrap().split('.').next().unwrap().parse().unwrap()
}

#[test]
fn a_static_binary_comes_of_a_compiler_whose_musl_asks_name_servers_over_tcp() {
    const KNOWS_TCP: u32 = 93;
    let text = file("deploy/container/Containerfile");
    let builder =
        text.lines().find_map(|line| line.strip_prefix("ARG RUST=docker.io/library/rust:")).unwrap();
    assert!(minor(builder.split('-').next().unwrap()) >= KNOWS_TCP, "{builder}");

    let dir = TempDir::new().unwrap();
    let built_with = |version: &str| {
        // What the compiler says, and a build that goes no further.
        for (name, does) in
            [("rustc", format!("echo 'rustc {version} (0 2025-01-01)'")), ("rustup", "exit 7".to_owned())]
        {
            fs::write(dir.path().join(name), format!("#!/bin/sh\n{does}\n")).unwrap();
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path_with = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        Command::new(path("deploy/container/build"))
            .arg(dir.path().join("image"))
            .env("PATH", path_with)
            .output()
            .unwrap()
    };
    let old = built_with("1.92.0");
    assert_eq!(old.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&old.stderr).contains("1.92.0 (0 2025-01-01) is too old"), "{old:?}");
    assert_eq!(built_with("1.93.0").status.code(), Some(7));
}

#[test]
fn the_licences_are_looked_at_for_every_system_that_is_built_for() {
    let deny: toml::Table = file("deny.toml").parse().unwrap();
    let targets: Vec<&str> =
        deny["graph"]["targets"].as_array().unwrap().iter().map(|target| target.as_str().unwrap()).collect();
    for machine in ["x86_64", "aarch64"] {
        for library in ["gnu", "musl"] {
            let target = format!("{machine}-unknown-linux-{library}");
            assert!(targets.contains(&target.as_str()), "{target}");
        }
    }
}

#[test]
fn the_containerfile_copies_what_is_not_ignored_and_starts_commands_of_ccfd() {
    let text = file("deploy/container/Containerfile");
    assert!(text.contains("\nRUN deploy/container/build /image\n"));
    assert!(text.contains("\nUSER 65532:65532\n") && text.contains("\nVOLUME /var/lib/ccfd\n"));
    let place = Place::new("http://127.0.0.1:9/v1");
    let health = list(&text, "--retries=3 CMD ");
    let words: Vec<&str> = health.iter().map(String::as_str).collect();
    assert_eq!([words[0]], [list(&text, "ENTRYPOINT ")[0].as_str()]);
    assert!(place.run_to(1, &words[1..]).stdout.contains("no daemon has run here yet"));

    let wanted = file(".dockerignore");
    let sent: Vec<PathBuf> = wanted.lines().filter_map(|line| line.strip_prefix('!')).map(path).collect();
    assert!(sent.len() >= 8 && sent.iter().all(|place| place.exists()), "{sent:?}");
    let manifest: toml::Table = file("Cargo.toml").parse().unwrap();
    let oldest = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let builder =
        text.lines().find_map(|line| line.strip_prefix("ARG RUST=docker.io/library/rust:")).unwrap();
    assert!(minor(builder.split('-').next().unwrap()) >= minor(oldest), "an older compiler than {oldest}");
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        assert!(sent.contains(&path(member)), "{member} is not sent to the engine");
    }
}

#[test]
fn the_trial_publishes_metrics_on_loopback_and_nothing_else() {
    let compose = file("deploy/container/compose.yaml");
    assert_eq!(list(&compose, "ports: "), ["127.0.0.1:9750:9750"]);
    assert_eq!(compose.matches("ports:").count(), 1);
    assert!(!file("deploy/container/Containerfile").contains("EXPOSE"));
    let token = compose.lines().find_map(|line| line.trim().strip_prefix("CCFD_METRICS_TOKEN: ")).unwrap();
    assert!(compose.contains(&format!("Bearer {token}' http://127.0.0.1:9750/metrics")));
    let environment: Environment =
        [("OPENAI_ADMIN_KEY", "sk-admin-trial"), ("CCFD_METRICS_TOKEN", token)].into_iter().collect();
    let config = Config::load(Some(&path("deploy/container/trial.toml")), &environment, &[]).unwrap();
    assert_eq!(config.admin.metrics_listen, Some(Listen::Tcp(([0, 0, 0, 0], 9750).into())));
    let found = config.admin.metrics_token.unwrap().resolve(&environment).unwrap();
    assert_eq!(found.expose_secret(), token);
    assert!(
        config.admin.listen.is_some_and(|listen| !listen.is_open()),
        "changes are for the container alone"
    );
}

#[test]
fn the_trial_collects_both_lists_of_its_simulator() {
    let compose = file("deploy/container/compose.yaml");
    let command = list(&compose, "command: ");
    let [simulate, listen, address, rest @ ..] = &command[..] else { panic!("{command:?}") };
    assert_eq!([simulate, listen], ["simulate", "--listen"]);
    let words: Vec<&str> = rest.iter().map(|word| if word == "10000" { "200" } else { word }).collect();
    let api = Simulated::start(&words);

    let settings = file("deploy/container/trial.toml");
    assert!(settings.contains(&format!("\"http://{address}/v1\"")), "{address}");
    let place = Place::bare();
    let home = place.path("").display().to_string();
    let settings = settings.replace(&format!("http://{address}/v1"), &api.base_url);
    place.write("ccfd.toml", &settings.replace("/var/lib/ccfd/", &home));
    place.run_to(0, &["run", "--once", "--timeout", "50s"]);
    let (audit, chat) = place.rows();
    assert!(audit >= 200 && chat >= 1000, "{audit} {chat}");
}
