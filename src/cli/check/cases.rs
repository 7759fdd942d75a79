//! `[cases]`: whether the space whose cases are sent is there.

use super::{CheckFinding, actions::spaces};
use crate::daemon::assembly::Assembly;

/// A failure if it is not.
pub(super) fn space(assembly: &Assembly) -> Option<CheckFinding> {
    let space = &assembly.config.cases.as_ref()?.space;
    let known = spaces(assembly)?;
    if known.contains(space) {
        return None;
    }
    let text = format!("there is no space {space}; known are {}", known.join(", "));
    Some(CheckFinding::fail("cases", text, Some("correct `space` of [cases]")))
}
