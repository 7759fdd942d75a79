//! Delivers alerts to the sinks that `[detect]` names, in one route for each, as `daemon/delivery/` delivers rows.
//!
//! | file | what it does |
//! | --- | --- |
//! | `feed` | the alerts that are due |
//! | `refused` | alerts that a sink has refused, for a command that sends them again |
//! | `record` | an alert as a record in the form that a sink wants |
//! | `facts` | what an alert says |
//! | `columns`, `ecs`, `ocsf` | that as a row, as a document of the Elastic Common Schema, as a finding of OCSF |
//! | `attack` | tactics and techniques |

mod attack;
mod columns;
mod ecs;
pub(super) mod facts;
mod feed;
mod ocsf;
mod record;
mod refused;
#[cfg(test)]
mod tests;

pub use self::{
    feed::AlertFeed,
    refused::{note_taken, refused_again},
};
use super::{background::BackgroundWork, delivery, supervisor::Supervisor};

/// Begins the routes of alerts of this process.
pub fn begin(supervisor: &Supervisor) -> BackgroundWork {
    delivery::begin::<AlertFeed>(supervisor)
}
