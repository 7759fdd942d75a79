//! ccfd as a service: its messages to systemd, and whether the files in `deploy/` that run it are valid.

mod container;
mod kubernetes;
mod kubernetes_watching;
mod notify;
mod package;
mod units;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A place in the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file of the repository.
fn file(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
