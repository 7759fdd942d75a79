//! `[verify]`: verification by the daemon.

use std::time::Duration;

use super::{
    section::Section,
    values::{DAY, HOUR, duration},
};

/// The longest time between two verifications.
const EVERY_MAX: u32 = 30;

/// When the daemon verifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifySettings {
    /// Time between two verifications of a route; `None`: only when somebody asks.
    pub every: Option<Duration>,
}

impl VerifySettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let every = section.optional("every", duration(HOUR..=EVERY_MAX * DAY));
        section.finish();
        Self { every }
    }
}
