//! What stands between a sink and its service, or is wrong with the service, drawn from a seed: one write in three is
//! answered in one of these ways. A faulty spell lasts, as those do that come with a size.

use std::{env, io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use super::fake::{Fate, Reply};

/// Requests that a spell lasts at most.
const SPELL_MAX: u32 = 12;
/// What fails in a spell is as large as this at least, and at most.
const SIZES: std::ops::Range<usize> = 500..60_000;
const SLOW: Duration = Duration::from_millis(10);

/// `CCFD_SEEDS=200` runs so many, `CCFD_SEED=17` that one alone.
pub fn seeds() -> std::ops::Range<u64> {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("CCFD_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CCFD_SEEDS").unwrap_or(10),
    }
}

/// `Chaos::new(seed)`
pub struct Chaos {
    rng: StdRng,
    /// What larger requests meet, from which size on, and for how many requests more.
    spell: Option<(Whim, usize, u32)>,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whim {
    Well,
    /// A page of somebody else; nothing is carried out.
    Page,
    /// The same, and it is carried out.
    PageAfter,
    /// It is carried out, and the answer has holes.
    Wordless,
    /// This status; nothing is carried out.
    Status(u16),
    /// The connection is reset; nothing is carried out.
    Reset,
    /// It is carried out, and the answer is lost.
    Lost,
    /// It is carried out, and the answer is cut.
    Cut,
    /// The answer is compressed, unasked.
    Gzip,
    Slow,
}

const AT_ONCE: [Whim; 9] = [
    Whim::Page,
    Whim::PageAfter,
    Whim::Wordless,
    Whim::Status(503),
    Whim::Reset,
    Whim::Lost,
    Whim::Cut,
    Whim::Gzip,
    Whim::Slow,
];
/// What comes with a size.
const SPELLS: [Whim; 4] = [Whim::Status(413), Whim::Status(429), Whim::Status(504), Whim::Reset];

impl Chaos {
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), spell: None }
    }

    /// What becomes of the next write, which has so many bytes.
    pub fn draw(&mut self, bytes: usize) -> Whim {
        match &mut self.spell {
            Some((_, _, 0)) => self.spell = None,
            Some((whim, size, left)) => {
                *left -= 1;
                if bytes > *size {
                    return *whim;
                }
            }
            None => {}
        }
        if self.spell.is_none() && self.rng.random_ratio(1, 12) {
            let whim = *SPELLS.choose(&mut self.rng).unwrap();
            self.spell = Some((whim, self.rng.random_range(SIZES), self.rng.random_range(1..=SPELL_MAX)));
        }
        if self.rng.random_ratio(1, 3) { *AT_ONCE.choose(&mut self.rng).unwrap() } else { Whim::Well }
    }
}

impl Whim {
    /// The answer, where `carry_out` does what was asked.
    pub fn answer(self, carry_out: impl FnOnce() -> Reply) -> Reply {
        match self {
            Self::Well => carry_out(),
            Self::Page => page(),
            Self::PageAfter => {
                carry_out();
                page()
            }
            Self::Wordless => wordless(carry_out()),
            Self::Status(status) => Reply::status(status),
            Self::Reset => Reply::status(200).with_fate(Fate::Lost),
            Self::Lost => carry_out().with_fate(Fate::Lost),
            Self::Cut => cut(carry_out()),
            Self::Gzip => gzip(carry_out()),
            Self::Slow => {
                std::thread::sleep(SLOW);
                carry_out()
            }
        }
    }
}

fn page() -> Reply {
    Reply::status(200).with_header("content-type", "text/html").with_body("<html>somebody@example.com</html>")
}

/// An answer without a body is lost.
fn cut(reply: Reply) -> Reply {
    let fate = if reply.body.is_empty() { Fate::Lost } else { Fate::CutAfter(15) };
    reply.with_fate(fate)
}

fn gzip(reply: Reply) -> Reply {
    if reply.body.is_empty() {
        return reply;
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&reply.body).unwrap();
    reply.with_header("content-encoding", "gzip").with_body(packed.finish().unwrap())
}

/// Every second item says nothing, and what is no item has no word.
fn wordless(reply: Reply) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    match body["items"].as_array_mut() {
        Some(items) => {
            for (place, item) in items.iter_mut().enumerate().filter(|(place, _)| place % 2 == 0) {
                *item = if place % 4 == 0 { json!({}) } else { Value::Null };
            }
        }
        None => body = json!({ "status": Value::Null, "service_message": Value::Null }),
    }
    let status = reply.status;
    Reply { status, ..reply.with_body(body.to_string()) }
}
