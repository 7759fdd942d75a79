//! Why there is no valid configuration.

use std::path::PathBuf;

use thiserror::Error;

/// Why the settings could not be loaded. No text of it repeats a secret.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file that was named does not exist.
    #[error("{path}: there is no such file, but {named_by} names it", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What named it: `--config` or `CCFD_CONFIG`.
        named_by: &'static str,
    },
    /// A file is there but cannot be read.
    #[error("{path}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file in the current directory that others may have written.
    #[error(
        "{path}: {why}: unless you name it, a file in the current directory is used only if it belongs to \
         the user or to root and nobody else can write it; to use it, name it with --config",
        path = path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What speaks against it.
        why: String,
    },
    /// A file is in another encoding.
    #[error("{path}: not UTF-8{hint}; save it as UTF-8", path = path.display(), hint = utf_16_hint(*.utf_16))]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Whether it begins as UTF-16 does.
        utf_16: bool,
    },
    /// A file is not TOML. The line's text is left out, because it may contain a key.
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
    #[error("the settings cannot be combined")]
    Layers(#[from] config::ConfigError),
    /// Everything that is wrong with the settings, each problem in a line of its own.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

/// The probable origin of a text that is not UTF-8.
pub(super) fn utf_16_hint(is_utf_16: bool) -> &'static str {
    if is_utf_16 { " but UTF-16, as PowerShell and some editors write it" } else { "" }
}
