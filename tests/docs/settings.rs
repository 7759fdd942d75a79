use std::fs;

use ccfd::config::{Config, Environment};

use super::{DOCUMENTS, blocks, document};

#[test]
fn every_example_of_settings_loads() {
    let dir = tempfile::tempdir().unwrap();
    let mut loaded = 0;
    for name in DOCUMENTS {
        for example in blocks(&document(name), "toml") {
            let file = dir.path().join("ccfd.toml");
            fs::write(&file, &example).unwrap();
            if let Err(error) = Config::load(Some(&file), &Environment::default(), &[]) {
                panic!("{name}: {error}\n{example}");
            }
            loaded += 1;
        }
    }
    assert!(loaded >= 2, "only {loaded} examples were found");
}
