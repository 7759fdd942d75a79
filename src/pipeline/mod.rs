//! Routes: what is fetched is delivered, what is delivered is committed, in that order and never another.

pub mod backoff;
pub mod board;
pub mod checkpoint;
pub mod clocks;
pub mod deliver;
pub mod fetch;
pub mod flight;
pub mod gather;
pub mod half;
pub mod histogram;
pub mod messages;
pub mod meters;
pub mod names;
pub mod patience;
pub mod plan;
pub mod policy;
pub mod poll_now;
pub mod progress;
pub mod rejects;
pub mod room;
pub mod route;
pub mod settling;
pub mod shutdown;
pub mod status_file;
pub mod told;
pub mod write;
