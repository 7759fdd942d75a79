//! ccfd as a service: what it tells systemd, and whether the files in `deploy/` that run it are sound.

mod notify;
mod units;

use std::fs;

/// A file of the repository.
fn file(path: &str) -> String {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(place).unwrap_or_else(|error| panic!("{path}: {error}"))
}
