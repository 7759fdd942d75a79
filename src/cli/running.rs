//! The running daemon, for commands that are of no use without one.

use super::{Context, UsageError};
use crate::{
    admin::{
        access::{Access, is_alive},
        client::AdminClient,
    },
    config::Config,
};

/// The daemon of this state directory.
pub async fn find(config: &Config, context: &Context) -> Result<AdminClient, UsageError> {
    let dir = &config.state.dir;
    let found = AdminClient::find(dir, &config.admin, &context.environment).await;
    found.ok_or_else(|| {
        let text = format!(
            "no daemon with an admin interface responds for the state directory {}; start one with `ccfd run`, or \
             see what the last one did with `ccfd status`",
            dir.display()
        );
        UsageError(text)
    })
}

/// Whether the daemon of this process id no longer serves this state directory. One that stops may finish its work
/// for a while after it closed its admin interface.
pub async fn has_ended(config: &Config, context: &Context, pid: u32) -> bool {
    if !is_alive(pid) {
        return true;
    }
    let is_listed =
        Access::read(&config.state.dir).is_ok_and(|access| access.is_some_and(|access| access.pid == pid));
    !is_listed || AdminClient::find(&config.state.dir, &config.admin, &context.environment).await.is_none()
}
