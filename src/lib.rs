//! ccfd brings OpenAI audit logs and stored chat completions into a SIEM: every record, once.

<<<<<<< HEAD
pub mod cli;
pub mod config;
pub mod pipeline;
pub mod simulator;
=======
pub mod pipeline;
>>>>>>> 33d2140 (Store records in embedded tables and in files of lines)
pub mod sinks;
pub mod tables;
