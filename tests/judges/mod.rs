//! The tests' own instruments: each does what the tests that use it take for granted.

mod fake;
mod opensearch;
mod python;
