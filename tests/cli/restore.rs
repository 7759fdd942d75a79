//! A restore by the book: the commands of docs/operating.md, on another machine with the sink at another path.

use std::{fs, path::Path, process::Command};

use crate::support::process::{Place, Simulated};

/// The lines of the recipe, each as its words.
fn recipe() -> Vec<Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let text = fs::read_to_string(file).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.filter(|block| block.contains("state import")).last().expect("the recipe");
    block.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn a_restore_by_the_recipe_continues_at_another_path_and_misses_and_doubles_nothing() {
    let api = Simulated::start(&["--audit-logs", "150", "--completions", "30"]);
    let (old, new) = (Place::new(&api.base_url), Place::new(&api.base_url));
    old.run_to(0, &["run", "--once"]);
    new.replace("path = \"./tables.db\"", "path = \"./restored/tables.db\"");
    let there = |word: &str| {
        let path = match word {
            "/backup/state.json" => new.path("backup.json"),
            "/backup/tables.db" => new.path("backup.db"),
            "/srv/ccfd/tables.db" => new.path("restored/tables.db"),
            other => return other.to_owned(),
        };
        path.display().to_string()
    };
    let mut steps = 0;
    for words in recipe() {
        let words: Vec<String> = words.iter().map(|word| there(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["ccfd", "run"] => _ = new.run_to(0, &["run", "--once"]),
            ["ccfd", "run", rest @ ..] => {
                let parked = new.run_to(3, &["run", "--once"]).stderr;
                assert!(parked.contains("--accept-change"), "without it: {parked}");
                new.run_to(0, &[&["run"], rest].concat());
            }
            ["ccfd", "state", "import", rest @ ..] => {
                let said = new.run_to(0, &[&["state", "import"], rest].concat()).stderr;
                assert_eq!(
                    said.matches("ccfd run --once --accept-change").count(),
                    2,
                    "one for each route: {said}"
                );
            }
            ["ccfd", rest @ ..] => _ = old.run_to(0, rest),
            [tool, rest @ ..] => {
                assert!(Command::new(tool).args(rest).status().unwrap().success(), "{words:?}")
            }
            [] => {}
        }
        steps += 1;
    }
    assert!(steps >= 6, "only {steps} steps");
    assert_eq!(new.rows(), (150, 30));
    let status = new.status();
    for route in status["routes"].as_array().unwrap() {
        assert_eq!(
            (&route["state"], &route["error"]),
            (&"stopped".into(), &serde_json::Value::Null),
            "{route}"
        );
    }
    assert_eq!(status["routes"][0]["delivered"], 150, "the checkpoint continues: {status}");
}
