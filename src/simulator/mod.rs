//! A simulated OpenAI API with the recorded habits: both lists below `/v1`, with every fault that was seen or
//! is to be expected; and a model that answers chats.
//!
//! It has two layers. [`Simulator::answer`] is a function from [`Request`] to [`Reply`], so that a test needs
//! neither a socket nor a sleep; [`serve()`] adds HTTP. The clock given at construction decides what is
//! visible and which `Date` is sent.
//!
//! ```text
//! options -> generate, given -> world (records in order of time)
//! request -> answer (route, key) -> query -> list (window, order, cursor) -> envelope -> faults -> reply
//! ```

mod answer;
mod arena;
mod chaos;
mod chat;
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
pub use options::{OptionsError, SimulatorOptions};
pub use serve::serve;
pub use state::{AnsweredRequest, Counters, Simulator};
pub use wire::{Reply, Request, SimulatedEndpoint};
pub use world::SimulatedList;
