//! Sinks over the network, against services that fail on demand and against real ones.

mod elasticsearch;
mod memory;
mod run_time_table;
