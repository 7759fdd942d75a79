use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::path;

/// Names that repeat on purpose: of every command, of every sink, of one thing on both sides of a crate, and of what a
/// build without a feature leaves empty.
const SHARED: [&str; 7] =
    ["Arguments", "Client", "Command", "Documents", "PartChange", "Request", "Telemetry"];

/// The source files below a folder, without those of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.is_dir());
    let is_source = |file: &PathBuf| {
        file.extension().is_some_and(|extension| extension == "rs") && !file.ends_with("tests.rs")
    };
    let inner = folders.iter().filter(|folder| !folder.ends_with("tests")).flat_map(|one| sources(one));
    inner.chain(files.into_iter().filter(is_source)).collect()
}

/// The type that a line of a module defines; types inside of functions and tests are indented.
fn defined(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let kind = words.iter().position(|word| ["struct", "enum", "trait", "type"].contains(word))?;
    let is_visibility = |word: &&str| ["", "pub", "crate", "super", "in"].contains(word);
    let is_plain = !line.starts_with([' ', '/', '#']) && words[..kind].iter().all(is_visibility);
    words.get(kind + 1).copied().filter(|name| is_plain && name.starts_with(char::is_uppercase))
}

#[test]
fn a_type_name_means_one_thing() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in ["src", "collectors/src", "state/src"].iter().flat_map(|folder| sources(&path(folder))) {
        for name in fs::read_to_string(&file).unwrap().lines().filter_map(defined) {
            places.entry(name.to_owned()).or_default().push(file.display().to_string());
        }
    }
    assert!(places.len() > 400, "only {} types were found", places.len());
    places.retain(|name, files| files.len() > 1 && !SHARED.contains(&name.as_str()));
    assert!(places.is_empty(), "give each a first word that says which one it is: {places:#?}");
}

#[test]
fn a_definition_is_distinguished_from_a_use() {
    assert_eq!(defined("pub(crate) struct Walk {"), Some("Walk"));
    assert_eq!(defined("type Found<'a> = Vec<&'a str>;"), Some("Found"));
    for line in [
        "    struct Inner;",
        "/// A struct of",
        "use crate::Walk;",
        "type = \"sqlite\"",
        "#[doc = \"type Foo\"]",
    ] {
        assert_eq!(defined(line), None, "{line}");
    }
}
