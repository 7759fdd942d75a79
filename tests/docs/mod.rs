//! What the documents say is true: their tables are the program's tables, their commands parse, their
//! settings load, their links resolve.

mod commands;
mod complaints;
mod deploy;
mod links;
mod metrics;
mod names;
mod settings;
mod tables;
mod types;
mod words;

use std::{env, fs, path::PathBuf};

/// Every document.
const DOCUMENTS: [&str; 28] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "deploy/README.md",
    "deploy/RELEASE.md",
    "docs/README.md",
    "docs/actions.md",
    "docs/cases.md",
    "docs/commands.md",
    "docs/comparison.md",
    "docs/connector-types.md",
    "docs/connectors.md",
    "docs/destinations.md",
    "docs/detection.md",
    "docs/faults.md",
    "docs/figures.md",
    "docs/kibana-api.md",
    "docs/messages.md",
    "docs/operating.md",
    "docs/privacy.md",
    "docs/promises.md",
    "docs/settings.md",
    "docs/sources-and-sinks.md",
    "docs/tables.md",
    "docs/usage.md",
    "docs/verify.md",
];

/// Set, the tests write what is generated instead of comparing it.
const WRITE: &str = "CCFD_WRITE_DOCS";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn document(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The contents of the fenced blocks in a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == fence {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// A document without its fenced blocks.
fn without_blocks(text: &str) -> String {
    let pieces = text.split("\n```").step_by(2);
    pieces.collect::<Vec<_>>().join("\n")
}

/// Compares the text between two comments, `<!-- subject: … -->` and `<!-- /subject -->`, or writes it.
fn is_written(name: &str, subject: &str, wanted: &str) {
    let text = document(name);
    let (begin, end) = (format!("<!-- {subject}: "), format!("<!-- /{subject} -->"));
    let (before, rest) = text.split_once(&begin).expect("the section's begin");
    let (head, rest) = rest.split_once('\n').expect("the begin is on its own line");
    let (found, after) = rest.split_once(&end).expect("the section's end");
    let wanted = format!("{wanted}\n");
    if env::var_os(WRITE).is_some() {
        fs::write(path(name), format!("{before}{begin}{head}\n{wanted}{end}{after}")).unwrap();
    } else {
        assert!(found == wanted, "{name} is behind in `{subject}`; {WRITE}=1 writes the section");
    }
}
