//! What is between a sink and its service, or wrong with the service, drawn from a seed: one request in so
//! many is answered in one of these ways. A fault that depends on size lasts for a while.
//!
//! No answer claims that a write was executed which was not, because that cannot be distinguished from the
//! truth.

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
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    one_in: u32,
    /// What larger requests meet, from which size on, and for how many requests more.
    spell: Option<(Whim, usize, u32)>,
}

/// What the writes of a fake meet.
#[derive(Default)]
pub struct Faults {
    /// What larger ones meet, and from which size on.
    pub limit: Option<(usize, Whim)>,
    chaos: Option<Chaos>,
}

impl Faults {
    /// From now on what is drawn from this seed.
    pub fn unleash(&mut self, seed: u64) {
        self.chaos = Some(Chaos::new(seed));
    }

    /// What becomes of the next write, which has so many bytes.
    pub fn draw(&mut self, bytes: usize) -> Whim {
        match (self.limit, &mut self.chaos) {
            (Some((bytes_max, whim)), _) if bytes > bytes_max => whim,
            (_, Some(chaos)) => chaos.draw(bytes),
            (_, None) => Whim::Well,
        }
    }
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whim {
    Well,
    /// A page of somebody else with this status; nothing is carried out.
    Page(u16),
    /// The same with 200, and it is carried out.
    PageAfter,
    /// An error of somebody else in JSON, with 200; nothing is carried out.
    Error,
    /// It is carried out, and the answer has holes.
    Wordless,
    /// It is carried out, and the answer has no items: none, `null`, or an empty list.
    Itemless(Option<bool>),
    /// This status; nothing is carried out.
    Status(u16),
    /// 429, with this wait asked for; nothing is carried out.
    Throttled(&'static str),
    /// The connection is closed; nothing is carried out.
    Closed,
    /// The connection is reset; nothing is carried out.
    Reset,
    /// It is carried out, and the answer is lost.
    Lost,
    /// The same, by a reset.
    LostByReset,
    /// It is carried out, and the answer is cut.
    Cut,
    /// The answer is compressed, unasked.
    Gzip,
    /// The answer begins with a byte order mark.
    Mark,
    Slow,
}

const AT_ONCE: [Whim; 25] = [
    Whim::Page(200),
    Whim::Page(401),
    Whim::Page(403),
    Whim::Page(404),
    Whim::Page(502),
    Whim::Page(503),
    Whim::Page(504),
    Whim::PageAfter,
    Whim::Error,
    Whim::Wordless,
    Whim::Itemless(None),
    Whim::Itemless(Some(false)),
    Whim::Itemless(Some(true)),
    Whim::Status(503),
    Whim::Status(429),
    Whim::Throttled("1"),
    Whim::Throttled("0"),
    Whim::Closed,
    Whim::Reset,
    Whim::Lost,
    Whim::LostByReset,
    Whim::Cut,
    Whim::Gzip,
    Whim::Mark,
    Whim::Slow,
];
/// What comes with a size.
const SPELLS: [Whim; 4] = [Whim::Status(413), Whim::Status(429), Whim::Status(504), Whim::Reset];

impl Chaos {
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), one_in: 3, spell: None }
    }

    /// One in eight, as of a gateway that is not well.
    pub fn gateway(seed: u64) -> Self {
        Self { one_in: 8, ..Self::new(seed) }
    }

    /// What becomes of the next request, which has so many bytes.
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
        if self.spell.is_none() && self.rng.random_ratio(1, 4 * self.one_in) {
            let whim = *SPELLS.choose(&mut self.rng).unwrap();
            self.spell = Some((whim, self.rng.random_range(SIZES), self.rng.random_range(1..=SPELL_MAX)));
        }
        if self.rng.random_ratio(1, self.one_in) {
            *AT_ONCE.choose(&mut self.rng).unwrap()
        } else {
            Whim::Well
        }
    }
}

impl Whim {
    /// The answer, where `carry_out` does what was asked.
    pub fn answer(self, carry_out: impl FnOnce() -> Reply) -> Reply {
        match self {
            Self::Well => carry_out(),
            Self::Page(status) => page(status),
            Self::PageAfter => {
                carry_out();
                page(200)
            }
            Self::Error => {
                Reply::json(200, &json!({ "error": { "code": "UpstreamFailure", "message": "" } }))
            }
            Self::Wordless => wordless(carry_out()),
            Self::Itemless(instead) => itemless(carry_out(), instead),
            Self::Status(status) => Reply::status(status),
            Self::Throttled(wait) => Reply::status(429).with_header("retry-after", wait),
            Self::Closed => Reply::status(200).with_fate(Fate::Lost),
            Self::Reset => Reply::status(200).with_fate(Fate::Reset),
            Self::Lost => carry_out().with_fate(Fate::Lost),
            Self::LostByReset => carry_out().with_fate(Fate::Reset),
            Self::Cut => cut(carry_out()),
            Self::Gzip => gzip(carry_out()),
            Self::Mark => mark(carry_out()),
            Self::Slow => {
                std::thread::sleep(SLOW);
                carry_out()
            }
        }
    }

    /// Whether this answer leaves the true one unknown.
    pub fn hides(self, truth: &Reply, answer: &Reply) -> bool {
        // Some say the same in another form.
        let is_true = matches!(self, Self::Well | Self::Gzip | Self::Mark | Self::Slow);
        !is_true
            && (answer.fate != Fate::Arrives || (answer.status, &answer.body) != (truth.status, &truth.body))
    }
}

fn page(status: u16) -> Reply {
    Reply::status(status)
        .with_header("content-type", "text/html")
        .with_body("<html>somebody@example.com</html>")
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

fn mark(reply: Reply) -> Reply {
    if reply.body.is_empty() {
        return reply;
    }
    let body = [BYTE_ORDER_MARK, &reply.body].concat();
    reply.with_body(body)
}

/// The list of items is gone, `null`, or empty: Elasticsearch's, and Kibana's.
fn itemless(reply: Reply, instead: Option<bool>) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    let around = if body["data"].is_object() { &mut body["data"] } else { &mut body };
    let Some(members) = around.as_object_mut().filter(|members| members.contains_key("items")) else {
        return reply;
    };
    match instead {
        None => _ = members.remove("items"),
        Some(is_null) => {
            _ = members.insert("items".to_owned(), if is_null { Value::Null } else { json!([]) })
        }
    }
    reply.with_body(body.to_string())
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
