use std::{env, fs};

use ccfd::tables::{ALL, Table, render::markdown};

use super::{document, path};

const BEGIN: &str = "<!-- tables: ";
const END: &str = "<!-- /tables -->";
/// Set, the test writes the section instead of comparing it.
const WRITE: &str = "CCFD_WRITE_DOCS";

fn section(table: &Table) -> String {
    let (name, source) = (table.name, table.source.key());
    format!("\n### `{name}` (`{source}`)\n\n{}", markdown(table))
}

#[test]
fn the_columns_in_the_readme_are_those_of_the_tables() {
    let readme = document("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the section's begin");
    let (head, rest) = rest.split_once('\n').expect("the begin stands on its own line");
    let (found, after) = rest.split_once(END).expect("the section's end");
    let wanted: String = ALL.into_iter().map(section).collect::<String>() + "\n";
    if env::var_os(WRITE).is_some() {
        let written = format!("{before}{BEGIN}{head}\n{wanted}{END}{after}");
        fs::write(path("README.md"), written).unwrap();
    } else {
        assert!(found == wanted, "README.md is behind src/tables; {WRITE}=1 writes the section anew");
    }
}
