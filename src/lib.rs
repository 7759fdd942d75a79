//! ccfd brings OpenAI audit logs and stored chat completions into a SIEM: every record, once.

pub mod actions;
pub mod admin;
pub mod cases;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod daemon;
pub mod deploy;
pub mod detect;
pub mod detect_db;
mod digest;
mod files;
pub mod lists;
pub mod log_throttle;
pub mod metrics;
pub mod pipeline;
mod reasons;
pub mod redact;
pub mod request_trace;
pub mod secrets;
pub mod simulator;
pub mod sinks;
pub mod stderr;
pub mod tables;
pub mod telemetry;
mod units;
pub mod verify;
