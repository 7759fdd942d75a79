//! The tests' own instruments: each does what the tests that use it take for granted.

mod azure;
mod elastic;
mod fake;
mod kibana;
mod opensearch;
mod promtool;
mod python;
