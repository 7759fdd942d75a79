//! Who runs a command, for what is kept of it.

use crate::config::Environment;

/// The person: by name as far as the environment says, also behind `sudo`, else the number of the user.
pub(super) fn person(environment: &Environment) -> String {
    let named = |name| environment.get(name)?.to_str().filter(|user| !user.is_empty()).map(str::to_owned);
    let found = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(named);
    found.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}
