//! Any bytes as the body of a list; see `sound.rs`.

#![no_main]

mod sound;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| sound::assert_holds(body));
