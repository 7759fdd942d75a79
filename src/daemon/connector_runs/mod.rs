//! Delivers the runs of connectors to the sinks that `[connectors]` names, as `daemon/delivery/` delivers rows.

mod feed;
mod record;

pub use self::feed::ConnectorRunFeed;
use super::delivery::RowDelivery;

/// The routes of runs of one process.
pub type ConnectorRunDelivery = RowDelivery<ConnectorRunFeed>;
