//! Where relative paths begin: at the directory of the configuration file, so that every command finds what the daemon
//! uses, wherever it is started.

use std::path::{Path, PathBuf};

use super::{HttpAuth, Listen, NdjsonDir, Proxy, RulesPlace, SecretSource};

/// A value with paths.
pub(super) trait Located {
    /// The same with its relative paths below `base`.
    fn located(self, base: &Path) -> Self;
}

impl Located for PathBuf {
    fn located(self, base: &Path) -> Self {
        // By components, which leaves out `.` in the middle.
        if self.is_absolute() { self } else { base.join(self).components().collect() }
    }
}

impl Located for SecretSource {
    fn located(self, base: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(path.located(base)),
            Self::Env(_) | Self::Credential(_) | Self::Stored(_) => self,
        }
    }
}

impl Located for Proxy {
    fn located(self, base: &Path) -> Self {
        match self {
            Self::Secret(place) => Self::Secret(place.located(base)),
            Self::Url(_) => self,
        }
    }
}

impl Located for HttpAuth {
    fn located(self, base: &Path) -> Self {
        match self {
            Self::ApiKey(place) => Self::ApiKey(place.located(base)),
            Self::Basic { user, password } => Self::Basic { user, password: password.located(base) },
        }
    }
}

impl Located for NdjsonDir {
    fn located(self, base: &Path) -> Self {
        match self {
            Self::Dir(path) => Self::Dir(path.located(base)),
            Self::Stdout => self,
        }
    }
}

impl Located for Vec<RulesPlace> {
    fn located(self, base: &Path) -> Self {
        let located = |place| match place {
            RulesPlace::Directory(path) => RulesPlace::Directory(path.located(base)),
            RulesPlace::Builtin => place,
        };
        self.into_iter().map(located).collect()
    }
}

impl Located for Option<Listen> {
    fn located(self, base: &Path) -> Self {
        self.map(|listen| match listen {
            Listen::Unix(path) => Listen::Unix(path.located(base)),
            Listen::Tcp(_) => listen,
        })
    }
}
