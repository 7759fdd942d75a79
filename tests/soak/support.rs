//! Test support that a soak needs too.
#![allow(dead_code, unused_imports)]

#[path = "../support/background.rs"]
pub mod background;
#[path = "../support/chaos.rs"]
pub mod chaos;
#[path = "../support/fake/mod.rs"]
pub mod fake;
#[path = "../support/fake_elastic/mod.rs"]
pub mod fake_elastic;
#[path = "../support/observed.rs"]
pub mod observed;
#[path = "../support/process.rs"]
pub mod process;
#[path = "../support/process_kill.rs"]
pub mod process_kill;
#[path = "../support/proxy/mod.rs"]
pub mod proxy;
#[path = "../support/wire.rs"]
pub mod wire;
