//! The fuzz target of bodies under a plain loop: random changes of its seeds, without a fuzzer's feedback.

#[path = "../../collectors/fuzz/fuzz_targets/sound.rs"]
mod sound;

use std::{
    fs,
    panic::catch_unwind,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Without `CCFD_FUZZ_SECONDS`.
const BODIES: u32 = 5_000;
const BODY_BYTES_MAX: usize = 1 << 16;
/// Pieces that mean something to the parser.
const WORDS: [&[u8]; 20] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"NaN",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"\"id\":",
    b"\"data\":[",
    b"\"has_more\":true",
    b"\n",
    b"\xff",
];

#[test]
fn what_must_hold_of_any_body_holds_of_the_seeds_and_of_what_chance_makes_of_them() {
    let mut pool = seeds();
    assert!(pool.len() > 10);
    pool.iter().for_each(|seed| sound::assert_holds(seed));
    let seconds: Option<u64> = std::env::var("CCFD_FUZZ_SECONDS").ok().map(|text| text.parse().unwrap());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut rng = StdRng::seed_from_u64(seconds.map_or(1, |_| now.as_secs()));
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let mut made = 0;
    while seconds.map_or(made < BODIES, |_| Instant::now() < until) {
        let body = changed(&pool, &mut rng);
        let held = catch_unwind(|| sound::assert_holds(&body)).is_ok();
        assert!(held, "body {made}: {}", body.escape_ascii());
        made += 1;
        // Some are changed further.
        if rng.random_ratio(1, 50) {
            let place = rng.random_range(0..500);
            match pool.get_mut(place) {
                Some(other) => *other = body,
                None => pool.push(body),
            }
        }
    }
    println!("{made} bodies");
}

fn seeds() -> Vec<Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("collectors/fuzz/seeds/page");
    fs::read_dir(dir).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn changed(pool: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut body = pool.choose(rng).unwrap().clone();
    for _ in 0..rng.random_range(1..6) {
        let (one, other) = (place(&body, rng), place(&body, rng));
        let (from, to) = (one.min(other), one.max(other));
        match rng.random_range(0..6) {
            0 => _ = body.drain(from..to.min(from + 40)),
            1 => body.truncate(to),
            2 => _ = body.splice(from..from, WORDS.choose(rng).unwrap().iter().copied()),
            3 => {
                let piece = body[from..to.min(from + 2_000)].to_vec();
                let at = place(&body, rng);
                _ = body.splice(at..at, piece);
            }
            4 => {
                let other = pool.choose(rng).unwrap();
                let piece = other[place(other, rng)..].to_vec();
                _ = body.splice(from..to, piece);
            }
            _ => {
                if let Some(byte) = body.get_mut(from) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
        }
    }
    body.truncate(BODY_BYTES_MAX);
    body
}

fn place(body: &[u8], rng: &mut StdRng) -> usize {
    rng.random_range(0..=body.len())
}
