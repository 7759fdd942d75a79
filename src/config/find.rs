//! Finds the configuration file.

use std::path::{Path, PathBuf};

use super::{ConfigError, Environment};

/// Where a file is looked for when none is named, in this order.
const PLACES: [&str; 2] = ["ccfd.toml", "/etc/ccfd/ccfd.toml"];

/// The file to load: `named` (from `--config`), else the one in `CCFD_CONFIG`, else `./ccfd.toml`, else
/// `/etc/ccfd/ccfd.toml`, else none.
///
/// # Errors
///
/// `Missing` when a named file is not there, `Unreadable` when a place cannot be looked at: a file that may exist is
/// never passed over in silence.
pub fn find_file(named: Option<&Path>, environment: &Environment) -> Result<Option<PathBuf>, ConfigError> {
    find_among(named, environment, &PLACES)
}

pub(super) fn find_among(
    named: Option<&Path>,
    environment: &Environment,
    places: &[impl AsRef<Path>],
) -> Result<Option<PathBuf>, ConfigError> {
    let variable = environment.get("CCFD_CONFIG").filter(|path| !path.is_empty());
    let named = match (named, variable) {
        (Some(path), _) => Some((path, "--config")),
        (None, Some(path)) => Some((Path::new(path), "CCFD_CONFIG")),
        (None, None) => None,
    };
    if let Some((path, named_by)) = named {
        return match exists(path)? {
            true => Ok(Some(path.to_owned())),
            false => Err(ConfigError::Missing { path: path.to_owned(), named_by }),
        };
    }
    for place in places {
        if exists(place.as_ref())? {
            return Ok(Some(place.as_ref().to_owned()));
        }
    }
    Ok(None)
}

fn exists(path: &Path) -> Result<bool, ConfigError> {
    path.try_exists().map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}
