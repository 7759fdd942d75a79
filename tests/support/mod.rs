//! Shared by the tests: a clock that follows tokio's, a simulator as the network, the real binary.

pub mod background;
pub mod chaos;
pub mod fake;
pub mod fake_azure;
pub mod fake_elastic;
pub mod fake_kibana;
pub mod http;
pub mod judge;
pub mod logs;
pub mod mounts;
pub mod observed;
pub mod openai;
pub mod opensearch;
pub mod process;
pub mod process_kill;
pub mod promtool;
pub mod proxy;
pub mod python;
pub mod raw;
pub mod rig;
pub mod route;
pub mod sink;
pub mod time;
pub mod vendor_table;
pub mod wire;
