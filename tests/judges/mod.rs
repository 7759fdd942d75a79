//! Tests of the test tools: each does what the tests that use it assume.

mod azure;
mod elastic;
mod fake;
mod kibana;
mod opensearch;
mod promtool;
mod python;
