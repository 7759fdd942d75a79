//! Collecting alone: a reader, a map as the store, the simulator in the network's place.

mod conservation;
mod restarts;
