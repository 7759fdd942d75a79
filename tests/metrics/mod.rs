//! What ccfd shows of itself: every number by the behaviour that it counts.

mod counting;
mod page;
mod strange;
