//! Delivers the runs of connectors to the sinks that `[connectors]` names, as `daemon/delivery/` delivers rows.

mod feed;
mod left;
mod record;

pub use self::{feed::ConnectorRunFeed, left::record_left_runs};
use super::{background::BackgroundWork, delivery, supervisor::Supervisor};

/// Begins the routes of runs of this process.
pub fn begin(supervisor: &Supervisor) -> BackgroundWork {
    delivery::begin::<ConnectorRunFeed>(supervisor)
}
