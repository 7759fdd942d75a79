use std::fs;

use ccfd::{deploy::sentinel, tables::Tables};
use serde_json::json;
use tempfile::TempDir;

use crate::support::python::Python;

#[test]
fn the_bicep_files_parse() {
    let Some(python) = Python::shared() else { return };
    let dir = TempDir::new().unwrap();
    for (name, content) in sentinel::files(&Tables::built_in()).iter().map(|file| (&file.path, &file.content))
    {
        if name.ends_with(".bicep") {
            let path = dir.path().join(name.replace('/', "-"));
            fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            assert_eq!(python.run("bicep.py", &[path]), json!({ path: [] }));
            // A judge that finds nothing wrong with anything would be none.
            fs::write(path, content.replacen('}', "", 1)).unwrap();
            assert_ne!(python.run("bicep.py", &[path]), json!({ path: [] }));
        }
    }
}
