//! Behaviour of the whole, in sentences. One binary: one link, shared support.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod admin;
mod cli;
mod collecting;
mod connectors;
mod deploy;
mod detect;
mod docs;
mod faults;
mod gateway;
mod gen_ai;
mod health;
mod judges;
mod kibana_api;
mod kibana_index;
mod kill;
mod logs_ingestion;
mod metrics;
mod network;
mod pipeline;
mod service;
mod sinks;
mod soak;
mod support;
mod verify;
