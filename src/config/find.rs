//! Finds the configuration file.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use rustix::process::geteuid;

use super::{ConfigError, Environment};

/// Where a file is searched for if none is named, in this order.
const PLACES: [&str; 2] = ["ccfd.toml", "/etc/ccfd/ccfd.toml"];

/// Where files are that only give access to a stream.
const STREAMS: [&str; 2] = ["/dev", "/proc"];

/// Permission of everyone to write.
const WRITTEN_BY_OTHERS: u32 = 0o002;

const ROOT: u32 = 0;

/// A file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    path: PathBuf,
    /// Nobody named it: it was in the directory where ccfd was started, which may be anyone's.
    lay_there: bool,
}

impl ConfigFile {
    /// One that somebody named.
    pub fn named(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), lay_there: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the relative paths in it begin; `None` in the working directory.
    pub(super) fn base(&self) -> Option<PathBuf> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty())?;
        // Standard input and other descriptors lie in no directory of their own.
        if STREAMS.iter().any(|place| parent.starts_with(place)) {
            return None;
        }
        // A checkpoint names its sink by path, which must not depend on where a command was started.
        let climbs = parent.components().any(|part| part == Component::ParentDir);
        let resolved = climbs.then(|| parent.canonicalize().ok()).flatten();
        Some(resolved.unwrap_or_else(|| parent.to_owned()))
    }

    /// Refuses a file that others put into the current directory, by what was opened: settings say where keys are sent.
    pub(super) fn check(&self, opened: &Metadata) -> Result<(), ConfigError> {
        let distrust =
            if self.lay_there { distrust(opened.uid(), opened.mode(), geteuid().as_raw()) } else { None };
        distrust.map_or(Ok(()), |why| Err(ConfigError::NotOurs { path: self.path.clone(), why }))
    }
}

/// What is wrong with a file of this owner and mode, for a process of the user `us`.
pub(super) fn distrust(owner: u32, mode: u32, us: u32) -> Option<String> {
    if owner != us && owner != ROOT {
        return Some(format!("belongs to user {owner}, and ccfd runs as user {us}"));
    }
    (mode & WRITTEN_BY_OTHERS != 0).then(|| format!("is writable by everyone (mode {:04o})", mode & 0o7777))
}

/// The file to load: `named` (from `--config`), else the one in `CCFD_CONFIG`, else `./ccfd.toml`, else
/// `/etc/ccfd/ccfd.toml`, else none.
///
/// # Errors
///
/// `Missing` if a named file does not exist, `Unreadable` if a place cannot be checked: a file that may exist
/// is never ignored silently.
pub fn find_file(named: Option<&Path>, environment: &Environment) -> Result<Option<ConfigFile>, ConfigError> {
    find_among(named, environment, &PLACES)
}

pub(super) fn find_among(
    named: Option<&Path>,
    environment: &Environment,
    places: &[impl AsRef<Path>],
) -> Result<Option<ConfigFile>, ConfigError> {
    let variable = environment.get("CCFD_CONFIG").filter(|path| !path.is_empty());
    let named = match (named, variable) {
        (Some(path), _) => Some((path, "--config")),
        (None, Some(path)) => Some((Path::new(path), "CCFD_CONFIG")),
        (None, None) => None,
    };
    if let Some((path, named_by)) = named {
        return match exists(path)? {
            true => Ok(Some(ConfigFile::named(path))),
            false => Err(ConfigError::Missing { path: path.to_owned(), named_by }),
        };
    }
    for place in places.iter().map(AsRef::as_ref) {
        if exists(place)? {
            return Ok(Some(ConfigFile { path: place.to_owned(), lay_there: place.is_relative() }));
        }
    }
    Ok(None)
}

fn exists(path: &Path) -> Result<bool, ConfigError> {
    path.try_exists().map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}
