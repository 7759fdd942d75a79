use std::{collections::BTreeMap, env, fs};

use toml::{Table, Value};

use super::{DOCUMENTS, WRITE, document, path};

const LIST: &str = "tests/docs/words.toml";

/// The crates, whose documentation is counted for each as a whole: files move within one.
const CRATES: [&str; 3] = ["src", "collectors/src", "state/src"];

/// How often words of the list are in each text.
fn counts(list: &[Vec<String>]) -> BTreeMap<String, i64> {
    let files = DOCUMENTS.into_iter().chain(["src/config/default.toml"]);
    let mut counts: BTreeMap<String, i64> =
        files.map(|name| (name.to_owned(), count(list, &document(name)))).collect();
    counts.extend(CRATES.map(|folder| (folder.to_owned(), count(list, &rustdoc(folder)))));
    counts
}

/// Every line of documentation below a folder.
fn rustdoc(folder: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(path(folder)).unwrap() {
        let name = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
        if path(&name).is_dir() {
            text += &rustdoc(&name);
        } else if name.ends_with(".rs") {
            for line in document(&name).lines().map(str::trim_start) {
                if let Some(line) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) {
                    text += line;
                }
                text.push('\n');
            }
        }
    }
    text
}

/// Words are counted in any case, and over the ends of lines.
fn count(list: &[Vec<String>], text: &str) -> i64 {
    let words = words(text);
    list.iter().map(|one| words.windows(one.len()).filter(|found| found == one).count() as i64).sum()
}

fn words(text: &str) -> Vec<String> {
    let pieces = text.split(|c: char| !c.is_alphanumeric());
    pieces.filter(|piece| !piece.is_empty()).map(str::to_lowercase).collect()
}

fn list() -> (String, Vec<Vec<String>>, BTreeMap<String, i64>) {
    let text = document(LIST);
    let table: Table = text.parse().unwrap();
    let list = table["words"].as_array().unwrap().iter().filter_map(Value::as_str).map(words).collect();
    let most = table["most"].as_table().unwrap().iter();
    let most = most.map(|(name, number)| (name.clone(), number.as_integer().unwrap())).collect();
    let (head, _) = text.split_once("[most]\n").unwrap();
    (head.to_owned(), list, most)
}

#[test]
fn words_that_are_not_used_here_become_fewer() {
    let (head, list, most) = list();
    let counts = counts(&list);
    if env::var_os(WRITE).is_some() {
        // Down only: a text that has more of them than before is to be edited.
        let lines = counts.iter().filter_map(|(name, found)| {
            let fewer = *most.get(name)?.min(found);
            (fewer > 0).then(|| format!("\"{name}\" = {fewer}\n"))
        });
        fs::write(path(LIST), format!("{head}[most]\n{}", lines.collect::<String>())).unwrap();
    }
    for (name, found) in counts {
        let most = most.get(&name).copied().unwrap_or(0);
        assert!(found <= most, "{name} has {found} of the words in {LIST}, and may have {most}");
    }
}

#[test]
fn words_are_found_in_any_case_and_over_the_ends_of_lines() {
    let list = [words("told"), words("nothing but")];
    assert_eq!(count(&list, "Told so. Nothing\n/// but `told.rs`; retold, and nothing so"), 3);
}
