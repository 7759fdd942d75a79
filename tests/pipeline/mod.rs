//! Whole routes in one process, with a sink that misbehaves on command.

mod backfill;
mod conservation;
mod crowded;
mod identity;
mod in_flight;
mod messages;
mod messages_missing;
mod once;
mod order;
mod parking;
mod progress;
mod rejects;
mod retrying;
mod stopping;
mod sweep;
mod tapping;
mod unreadable;
