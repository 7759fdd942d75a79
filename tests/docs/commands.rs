use std::{
    collections::BTreeSet,
    process::{Command, Output, Stdio},
};

use super::{DOCUMENTS, blocks, document, without_blocks};

/// Commands that read no settings, and would begin their work at once.
const WITHOUT_SETTINGS: [&str; 2] = ["demo", "simulate"];

/// Every command line of ccfd in the documents' shell blocks: the document, and the words after `ccfd`.
fn command_lines() -> Vec<(&'static str, Vec<String>)> {
    let mut found = Vec::new();
    for name in DOCUMENTS {
        for block in blocks(&document(name), "sh") {
            let joined = block.replace("\\\n", " ");
            let lines = joined.lines().map(words);
            found.extend(lines.filter_map(|words| arguments(&words)).map(|words| (name, words)));
        }
    }
    found
}

/// The words of a shell line, quotes removed, without its comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (Some(_) | None, c) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "a quote is not closed: {line}");
    words.extend(word);
    words
}

/// The words after `ccfd`, or after the `--` of `cargo run`.
fn arguments(words: &[String]) -> Option<Vec<String>> {
    let is_ccfd = |word: &String| word == "ccfd" || word.ends_with("/bin/ccfd");
    let place = match words {
        [cargo, run, ..] if cargo == "cargo" && run == "run" => words.iter().position(|word| word == "--"),
        [first, ..] if ["install", "cargo"].contains(&first.as_str()) => None,
        // Images, volumes, releases and units have that name, too.
        [tool, ..] if ["docker", "helm", "kubectl", "systemctl"].contains(&tool.as_str()) => {
            let exec = words.iter().any(|word| word == "exec");
            words.iter().rposition(is_ccfd).filter(|_| exec)
        }
        _ => words.iter().position(is_ccfd),
    };
    place.map(|place| words[place + 1..].to_vec())
}

/// Runs a command without settings: whatever parses ends before it does anything, also where this machine has a
/// configuration at the place that a document names.
fn ccfd(arguments: &[String]) -> Output {
    let nowhere = tempfile::tempdir().unwrap();
    let missing = nowhere.path().join("missing.toml");
    let mut arguments = arguments.to_vec();
    if let Some(place) = arguments.iter().position(|word| word == "--config") {
        arguments[place + 1] = missing.display().to_string();
    }
    Command::new(env!("CARGO_BIN_EXE_ccfd"))
        .args(arguments)
        .current_dir(nowhere.path())
        .env_clear()
        .env("CCFD_CONFIG", missing)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn help() -> BTreeSet<String> {
    help_of(&[])
}

/// The commands below a command.
fn help_of(command: &[String]) -> BTreeSet<String> {
    let words: Vec<String> = command.iter().cloned().chain(["--help".to_owned()]).collect();
    let text = String::from_utf8(ccfd(&words).stdout).unwrap();
    let (_, commands) = text.split_once("Commands:\n").expect("a list of commands");
    let lines = commands.lines().take_while(|line| !line.is_empty());
    // What is further to the right continues a description.
    let lines = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_line_in_the_documents_parses() {
    let lines = command_lines();
    assert!(lines.len() >= 10, "only {} were found", lines.len());
    for (name, mut words) in lines {
        if WITHOUT_SETTINGS.iter().any(|one| words.iter().any(|word| word == one)) {
            words.push("--help".to_owned());
        }
        let ended = ccfd(&words);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(!stderr.starts_with("error:"), "{name}: ccfd {}\n{stderr}", words.join(" "));
    }
}

#[test]
fn a_command_line_that_does_not_parse_is_distinguished_from_one_that_does() {
    let is_reported = |line: &str| {
        let words = arguments(&words(line)).unwrap();
        String::from_utf8(ccfd(&words).stderr).unwrap().starts_with("error:")
    };
    assert!(
        is_reported("*/5 * * * * ccfd run --onec")
            && is_reported("cargo run -- backfill --collector a # no --from")
    );
    assert!(!is_reported("ccfd run --once"));
}

#[test]
fn the_page_of_commands_names_every_command_and_no_other() {
    let page = document("docs/commands.md");
    let prose = without_blocks(&page);
    // Inside of backticks is every second piece.
    let inline = prose.split('`').skip(1).step_by(2);
    let inline = inline.filter_map(|code| code.strip_prefix("ccfd ").map(words));
    let in_blocks = command_lines().into_iter().filter(|(name, _)| *name == "docs/commands.md");
    let named: BTreeSet<String> =
        inline.chain(in_blocks.map(|(_, words)| words)).filter_map(|words| subcommand(&words)).collect();
    assert_eq!(named, help());
}

#[test]
fn the_page_of_commands_lists_all_that_is_below_a_command() {
    let page = document("docs/commands.md").replace("\\|", "|");
    let inline = page.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("ccfd ").map(words));
    let lists: Vec<(Vec<String>, BTreeSet<String>)> = inline
        .filter_map(|mut words| {
            let list = words.pop().filter(|word| word.contains('|'))?;
            Some((words, list.split('|').map(str::to_owned).collect()))
        })
        .collect();
    assert!(lists.len() >= 6, "{lists:?}");
    for (command, listed) in &lists {
        let is_row = |name: &String| {
            lists.iter().any(|(other, _)| *other == [&**command, std::slice::from_ref(name)].concat())
        };
        let below: BTreeSet<String> = help_of(command).into_iter().filter(|name| !is_row(name)).collect();
        assert_eq!(*listed, below, "{command:?}");
    }
}

/// The first word that is not a flag, the value of `--config`, or the placeholder for any command.
fn subcommand(words: &[String]) -> Option<String> {
    let skipped = match words {
        [flag, ..] if flag == "--config" => 2,
        _ => 0,
    };
    words.get(skipped).filter(|word| *word != "COMMAND").cloned()
}
