//! What all judges have in common: each is a third-party program that a machine may not be able to run.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// `CCFD_JUDGES=required` makes a judge that cannot run a failure: a check that was skipped has proved nothing.
const REQUIRED: &str = "CCFD_JUDGES";

/// A judge, or `None` after having said loudly that the tests which need it were not run.
pub fn available<T>(judge: &'static Result<T, Missing>) -> Option<&'static T> {
    match judge {
        Ok(judge) => Some(judge),
        Err(missing) => {
            let required = env::var(REQUIRED).is_ok_and(|value| value == "required");
            assert!(!required, "{REQUIRED}=required, and {missing}");
            note(missing);
            None
        }
    }
}

/// Where each process notes the tests that it left out, a line each, for `tests/not_run.rs`.
pub fn not_run_dir() -> PathBuf {
    cache("not-run")
}

fn note(missing: &Missing) {
    let dir = not_run_dir();
    let file = dir.join(std::process::id().to_string());
    let line = missing.to_string().replace('\n', " ") + "\n";
    let written = fs::create_dir_all(dir)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(file))
        .and_then(|mut file| file.write_all(line.as_bytes()));
    // Only a summary is lost.
    _ = written;
}

/// Why a judge cannot run here.
#[derive(Debug, thiserror::Error)]
#[error("{judge} cannot run here: {reason}")]
pub struct Missing {
    judge: &'static str,
    reason: String,
}

impl Missing {
    /// Says so past the test harness, which keeps what a passing test prints to itself.
    pub fn say(judge: &'static str, reason: impl Into<String>) -> Self {
        let missing = Self { judge, reason: reason.into() };
        _ = writeln!(io::stderr(), "\nNOT RUN: every test that needs it: {missing}\n");
        missing
    }
}

/// A folder for what a judge needs, below the build's own.
pub fn cache(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(name)
}

/// A file or folder of `tests/`.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}
