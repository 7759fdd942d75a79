use std::{collections::BTreeSet, fs, path::Path};

use ccfd::{config::DEFAULTS, metrics::markdown, tables::MESSAGES};

use super::{DOCUMENTS, document, path, without_blocks};

/// What holds the files that documents name.
const FOLDERS: [&str; 6] = ["src", "collectors", "state", "tests", "deploy", "docs"];

/// Names of others that only a document mentions: privileges of Elasticsearch, a source of vector.
const FOREIGN: [&str; 4] = ["manage_ilm", "manage_index_templates", "http_client", "hash_xxhash64"];

/// Every file and folder of the repository that a document may name, by its path.
fn tree() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in FOLDERS {
        add(&path(folder), folder, &mut found);
    }
    found
}

fn add(place: &Path, name: &str, found: &mut BTreeSet<String>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            let entry = entry.unwrap();
            add(&entry.path(), &format!("{name}/{}", entry.file_name().to_str().unwrap()), found);
        }
    }
    found.insert(name.to_owned());
}

/// What a document has in backticks outside of its blocks.
fn codes(text: &str) -> Vec<String> {
    let prose = without_blocks(text);
    // Inside of backticks is every second piece.
    let inline = prose.split('`').skip(1).step_by(2);
    inline.map(|code| code.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Whether it names a file or folder of the tree: by its whole path, or by the end of one.
fn is_path(code: &str) -> bool {
    let is_plain = code.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let begins = FOLDERS.iter().any(|folder| code.starts_with(&format!("{folder}/")));
    is_plain && (begins || code.ends_with(".rs"))
}

fn exists(tree: &BTreeSet<String>, code: &str) -> bool {
    let code = code.trim_end_matches('/');
    tree.contains(code) || tree.iter().any(|file| file.ends_with(&format!("/{code}")))
}

/// The names in a text that a metric would have. Names of files begin like that, too, and continue with a dot.
fn metrics(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("ccfd_") {
        let is_inside = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_/.".contains(c));
        let end = text[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = text[at..].split_at(end.unwrap_or(text.len() - at));
        let is_file = rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_inside && !is_file && name != "ccfd_" {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Whether it is in the list. What a histogram shows has an end behind the name.
fn is_metric(list: &str, name: &str) -> bool {
    let ends = ["_bucket", "_sum", "_count"].into_iter().filter_map(|end| name.strip_suffix(end));
    ends.chain([name]).any(|name| list.contains(&format!("`{name}`")))
}

/// Every word that the program or its tests and files use, outside of comments.
fn words_in_use(tree: &BTreeSet<String>) -> BTreeSet<String> {
    let is_read =
        |file: &&String| !file.ends_with(".md") && !file.contains("/fixtures/") && path(file).is_file();
    let mut words = BTreeSet::new();
    for file in tree.iter().filter(is_read) {
        let text = fs::read(path(file)).unwrap();
        for line in String::from_utf8_lossy(&text).lines().filter(|line| !line.trim_start().starts_with("//"))
        {
            let pieces = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.extend(pieces.filter(|piece| piece.contains('_')).map(str::to_owned));
        }
    }
    words
}

/// A name of several words, as settings, fields of the log, columns and functions have: `wait_seconds`.
fn is_compound(code: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    code.contains('_') && code.starts_with(|c: char| c.is_ascii_lowercase()) && code.chars().all(is_part)
}

/// `section.key`, where the section is one of the manual's.
fn setting(code: &str) -> Option<(&str, &str)> {
    let (section, key) = code.split_once('.')?;
    let is_section = DEFAULTS.lines().any(|line| {
        let head = line.trim_start_matches(['#', ' ']).strip_prefix('[').unwrap_or("");
        head.strip_prefix(section).is_some_and(|rest| rest.starts_with([']', '.']))
    });
    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || "_.".contains(c));
    let is_file = ["json", "toml", "log", "sock", "db"].contains(&key);
    (is_section && is_key && !is_file).then_some((section, key))
}

fn is_in_manual(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    DEFAULTS.lines().any(|line| {
        line.trim_start_matches(['#', ' ']).strip_prefix(last).is_some_and(|rest| rest.starts_with(" = "))
    })
}

/// `field=value`, as a line of the log shows it.
fn log_field(code: &str) -> Option<(&str, &str)> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    code.split_once('=').filter(|(field, value)| is_word(field) && is_word(value))
}

/// Whether some file of the program logs a field with that value.
fn is_logged(tree: &BTreeSet<String>, field: &str, value: &str) -> bool {
    let logged = format!("{field} = \"{value}\"");
    let sources = tree.iter().filter(|file| file.ends_with(".rs") && !file.starts_with("tests/"));
    sources.map(|file| document(file)).any(|source| source.contains(&logged))
}

#[test]
fn every_path_in_the_documents_is_in_the_tree() {
    let (tree, mut compared) = (tree(), 0);
    for name in DOCUMENTS {
        for code in codes(&document(name)).iter().filter(|code| is_path(code)) {
            assert!(exists(&tree, code), "{name}: {code}");
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} were found");
}

#[test]
fn every_metric_in_the_documents_is_in_the_list() {
    let (list, mut compared) = (markdown(), 0);
    for name in DOCUMENTS {
        for metric in metrics(&document(name)).iter().filter(|metric| *metric != MESSAGES) {
            assert!(is_metric(&list, metric), "{name}: {metric}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} were found");
}

#[test]
fn every_setting_in_the_documents_is_in_the_manual() {
    let mut compared = 0;
    for name in DOCUMENTS {
        for code in codes(&document(name)) {
            if let Some((_, key)) = setting(&code) {
                assert!(is_in_manual(key), "{name}: {code}");
                compared += 1;
            }
        }
    }
    assert!(compared > 5, "only {compared} were found");
}

#[test]
fn every_compound_name_in_the_documents_is_in_use() {
    let (words, mut compared) = (words_in_use(&tree()), 0);
    // The log of changes names what was removed.
    for name in DOCUMENTS.into_iter().filter(|name| *name != "CHANGELOG.md") {
        for code in codes(&document(name)).iter().filter(|code| is_compound(code)) {
            assert!(words.contains(code) || FOREIGN.contains(&code.as_str()), "{name}: {code}");
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} were found");
}

#[test]
fn every_field_of_the_log_in_the_documents_is_logged() {
    let (tree, mut compared) = (tree(), 0);
    for name in DOCUMENTS {
        for code in codes(&document(name)) {
            if let Some((field, value)) = log_field(&code) {
                assert!(is_logged(&tree, field, value), "{name}: {code}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 1, "none was found");
}

#[test]
fn a_name_of_nothing_is_distinguished_from_one_of_something() {
    let (tree, list) = (tree(), markdown());
    assert!(is_path("tests/docs/") && is_path("names.rs") && !is_path("src/sinks/<type>/"));
    assert!(exists(&tree, "docs/names.rs") && exists(&tree, "tests/docs/"));
    assert!(!exists(&tree, "src/no_such_file.rs") && !exists(&tree, "ames.rs"));
    let text = "`ccfd_uptime`, ccfd_0.1.0.deb and /usr/ccfd_x: ccfd_parked_seconds_total.";
    assert_eq!(metrics(text), ["ccfd_uptime", "ccfd_parked_seconds_total"].map(str::to_owned).into());
    assert!(is_metric(&list, "ccfd_build_info") && !is_metric(&list, "ccfd_build"));
    assert_eq!(setting("state.lock_wait"), Some(("state", "lock_wait")));
    assert_eq!((setting("status.json"), setting("event.original")), (None, None));
    assert!(is_in_manual("lock_wait") && !is_in_manual("lock_waits"));
    let words = words_in_use(&tree);
    assert!(is_compound("wait_seconds") && words.contains("wait_seconds"));
    assert!(!is_compound("wait") && !words.contains(["no_such", "field"].join("_").as_str()));
    assert_eq!(log_field("complete=unknown"), Some(("complete", "unknown")));
    assert!(is_logged(&tree, "complete", "unknown") && !is_logged(&tree, "complete", "no"));
}
