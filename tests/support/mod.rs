//! What the tests share: a clock that moves with tokio's, and a simulator in the network's place.

pub mod rig;
pub mod time;
pub mod wire;
