//! Every command as a person or a service manager runs it.

mod alerts;
mod backfill;
mod check;
mod config_show;
mod demo;
mod deploy;
mod health_table;
mod init;
mod logs;
mod messages;
mod query;
mod redact;
mod redact_services;
mod rejects;
mod rejects_retry;
mod reset_state;
mod restore;
mod run;
mod settings;
mod simulate;
mod snapshots;
mod status;
mod tail;
mod terminal;
mod top;
mod trace_requests;
