//! Why there is no configuration to start with.

use std::path::PathBuf;

use thiserror::Error;

/// Why the settings could not be loaded. No text of it repeats a secret.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file that was asked for by name is not there.
    #[error("{path}: there is no such file, but {named_by} names it", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What asked for it: `--config` or `CCFD_CONFIG`.
        named_by: &'static str,
    },
    /// A file is there but cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is not TOML. The text of the line is left out: it may hold a key.
    #[error("{path}:{line}:{column}: {reason}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What TOML wants there.
        reason: String,
    },
    /// The layers could not be joined.
    #[error("the settings could not be joined: {0}")]
    Layers(#[from] config::ConfigError),
    /// Everything that is wrong with the settings, each problem in a line of its own.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}
