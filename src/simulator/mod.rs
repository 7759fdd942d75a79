//! An OpenAI with the recorded habits: both lists below `/v1`, hostile in every way that was seen or must be feared.
//!
//! It has two layers. [`Simulator::answer`] is a function from [`Request`] to [`Reply`], so that a test needs
//! neither socket nor sleep; [`serve()`] puts HTTP around it. The clock given at construction tells it what is
//! visible and which `Date` to send.
//!
//! ```text
//! options -> generate, given -> world (records in order of time)
//! request -> answer (route, key) -> query -> list (window, order, cursor) -> envelope -> faults -> reply
//! ```

mod answer;
mod arena;
mod chaos;
mod envelope;
mod faults;
mod generate;
mod given;
mod habits;
mod hooks;
mod list;
mod messages;
mod options;
mod query;
mod serve;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod wire;
mod world;

pub use faults::Fault;
pub use habits::{Habit, Habits, UnknownHabit};
pub use hooks::NewRecord;
pub use options::{Options, OptionsError};
pub use serve::serve;
pub use state::{Counters, Seen, Simulator};
pub use wire::{Endpoint, Reply, Request};
pub use world::List;
