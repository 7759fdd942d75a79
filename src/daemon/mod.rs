//! Everything that runs: clients, sinks and routes built from the settings, the supervisor of the routes, and
//! the orders that it accepts while they run.

pub mod actions;
pub mod alerts;
pub mod assembly;
pub mod backfill;
pub mod background;
pub mod cases;
pub mod checkpoints;
pub mod connector_runs;
pub mod control;
mod delivery;
pub mod export;
pub mod health;
pub mod notify;
mod orders;
mod pauses;
pub mod push;
mod reload;
mod routes;
mod secrets;
mod shared;
pub mod signals;
pub mod supervisor;
pub mod verification;

pub use pauses::Pauses;
pub use shared::MetricsReader;
