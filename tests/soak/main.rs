//! `cargo bench --bench soak -- [--days 7] [--seed 1]`: the week, with its figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "mod.rs"]
mod soak;
mod support;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(place + 1).expect("a value"))
    };
    let days = value("--days").map_or(7.0, |days| days.parse().expect("--days N"));
    let seed = value("--seed").map_or(1, |seed| seed.parse().expect("--seed N"));
    let report = soak::Week { days, seed }.run();
    println!("{report}");
    report.assert_well();
}
