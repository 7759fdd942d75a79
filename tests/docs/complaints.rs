use ccfd::{config::DEFAULTS, metrics::markdown};

use super::document;

/// The cells of each row of the table of complaints.
fn rows() -> Vec<Vec<String>> {
    let faults = document("docs/faults.md");
    let (_, section) = faults.split_once("\n## What goes wrong elsewhere\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("a section behind it");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    // The first one is the head; the line below it is no row of words.
    rows.filter(|row| !row.starts_with("---")).skip(1).map(cells).collect()
}

fn cells(row: &str) -> Vec<String> {
    row.split(" | ").map(str::to_owned).collect()
}

fn is_setting(name: &str) -> bool {
    let key = name.rsplit('.').next().unwrap_or(name);
    let begins = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{key} = "));
    DEFAULTS.lines().any(begins)
}

#[test]
fn every_complaint_has_an_answer_and_a_place_that_is_there() {
    let rows = rows();
    assert!(rows.len() > 20, "only {} were found", rows.len());
    let metrics = markdown();
    for row in rows {
        let [_, answer, place] = &row[..] else { panic!("{row:?}") };
        assert!(!answer.is_empty() && place.contains(['`', '[']), "{row:?}");
        // Inside of backticks is every second piece; commands and links are held against the program elsewhere.
        for code in place.split('`').skip(1).step_by(2).filter(|code| !code.starts_with("ccfd ")) {
            let known = if code.starts_with("ccfd_") {
                metrics.contains(&format!("`{code}`"))
            } else {
                is_setting(code)
            };
            assert!(known, "{code} of {row:?}");
        }
    }
}

#[test]
fn a_key_that_does_not_exist_is_distinguished_from_one_that_does() {
    assert!(is_setting("state.lock_wait") && is_setting("old_records") && !is_setting("old_record"));
}
