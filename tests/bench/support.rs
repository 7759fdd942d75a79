//! Test support that measurements need too: the node.
#![allow(dead_code)]

#[path = "../support/http.rs"]
pub mod http;
#[path = "../support/judge.rs"]
pub mod judge;
#[path = "../support/observed.rs"]
pub mod observed;
#[path = "../support/opensearch.rs"]
pub mod opensearch;
