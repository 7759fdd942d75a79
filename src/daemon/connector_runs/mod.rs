//! Delivers the runs of connectors to the sinks that `[connectors]` names, as `daemon/delivery/` delivers rows.

mod feed;
mod left;
mod record;

pub use self::{feed::ConnectorRunFeed, left::record_left_runs};
use super::delivery::RowDelivery;

/// The routes of runs of one process.
pub type ConnectorRunDelivery = RowDelivery<ConnectorRunFeed>;
