use std::{fs, process::Command};

use toml::{Table, Value};

use super::{file, path};

fn metadata() -> Table {
    let manifest: Table = file("Cargo.toml").parse().unwrap();
    manifest["package"]["metadata"]["deb"].as_table().unwrap().clone()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

/// The names in a directory of the repository.
fn names(dir: &str) -> Vec<String> {
    let entries = fs::read_dir(path(dir)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_package_holds_every_file_that_was_made_for_it() {
    let metadata = metadata();
    let assets: Vec<Vec<&str>> = metadata["assets"].as_array().unwrap().iter().map(texts).collect();
    let sources: Vec<&str> = assets.iter().map(|asset| asset[0]).collect();
    for source in &sources {
        let there = match source.split_once('*') {
            Some((dir, end)) => names(dir).iter().all(|name| name.ends_with(end)),
            None => *source == "target/release/ccfd" || path(source).is_file(),
        };
        assert!(there, "{source}");
    }
    // The links between them hold where they are installed, too.
    assert!(assets.contains(&vec!["docs/*.md", "usr/share/doc/ccfd/docs/", "644"]));
    for name in names("deploy/completions") {
        assert!(sources.contains(&format!("deploy/completions/{name}").as_str()), "{name}");
    }
    for kept in texts(&metadata["conf-files"]) {
        let (dir, name) = kept.trim_start_matches('/').rsplit_once('/').unwrap();
        let is_it = |asset: &Vec<&str>| {
            asset[0].ends_with(&format!("/{name}")) && asset[1].trim_end_matches('/') == dir
        };
        assert!(assets.iter().any(is_it), "{kept}");
    }
}

#[test]
fn an_installation_enables_and_starts_nothing() {
    let metadata = metadata();
    let units = metadata["systemd-units"].as_array().unwrap();
    let packed: Vec<&str> = units.iter().map(|unit| unit["unit-name"].as_str().unwrap()).collect();
    for unit in units {
        assert_eq!((&unit["enable"], &unit["start"]), (&false.into(), &false.into()), "{unit:?}");
    }
    let services = names("deploy/systemd").into_iter().filter(|name| name.ends_with(".service"));
    for service in services {
        assert!(packed.contains(&service.trim_end_matches(".service")), "{service} is not in the package");
    }
    for script in ["postinst", "postrm"] {
        let name = format!("deploy/debian/{script}");
        let text = file(&name);
        // What cargo-deb puts in for the units.
        assert!(text.contains("\n#DEBHELPER#\n"), "{script}");
        let commands = text.lines().filter(|line| !line.trim_start().starts_with("echo"));
        assert!(!commands.into_iter().any(|line| line.contains("systemctl")), "{script}");
        assert!(Command::new("sh").arg("-n").arg(path(&name)).status().unwrap().success(), "{script}");
    }
}
