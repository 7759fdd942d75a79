//! What another system said, made safe to show and to keep.
//!
//! | file | what it has |
//! | --- | --- |
//! | `needle` | one text that must not be shown, also inside Base64 |
//! | `mailbox` | e-mail addresses, by their form |
//! | `repeated` | what was sent, where it is repeated |
//! | `spelling` | one character, in the forms in which servers repeat it |

mod mailbox;
mod needle;
mod repeated;
mod spelling;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Range};

use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use self::{needle::Needle, spelling::is_blank};
use super::connector::ConnectorSecrets;

/// The most characters of a text that is kept: an error in a sentence or two, not a page of HTML.
const CHARS_MAX: usize = 300;
/// Of a longer text only so many bytes are looked at. A secret that begins in them is found whole.
const LOOKED_AT: usize = 16 << 10;
/// A secret of fewer characters is found in ordinary words. What is blanked in a known word is known, so a text that has
/// such a secret is not shown at all.
const SECRET_CHARS_MIN: usize = 4;

const SECRET: &str = "[secret]";
/// What is shown instead of an e-mail address.
pub const ADDRESS: &str = "[address]";
/// What is shown instead of a stretch of what was sent.
const BODY: &str = "[body]";
/// Shorter parts of an address are no secrets.
const PART_CHARS_MIN: usize = 6;
/// Longer parts of addresses that are no secrets either, and that receivers name in their errors.
const KNOWN_PARTS: [&str; 12] = [
    "completions",
    "deployments",
    "embeddings",
    "enqueue",
    "extensions",
    "incident",
    "integrations",
    "openai",
    "responses",
    "services",
    "webhook",
    "webhooks",
];
/// The version of an API, in the address: no secret.
const API_VERSION: &str = "api-version";
/// What is shown instead of such a text.
const WITHHELD: &str = "[not shown: it may contain a secret]";

/// What another system may repeat in what it says, and what is shown instead. It is found as it is, escaped for JSON,
/// addresses, forms and HTML, and in Base64, alone or as part of more. E-mail addresses are hidden whatever they are, and of what
/// was sent each longer stretch.
#[derive(Clone)]
pub struct Hidden {
    texts: Vec<(SecretString, &'static str)>,
    bodies: Vec<SecretString>,
}

impl Hidden {
    /// The secrets of a connector. Of one that is an object, each text is a secret, too.
    pub fn of(secrets: &ConnectorSecrets) -> Self {
        let texts = |secret: &SecretString| {
            let texts: Option<BTreeMap<String, String>> = serde_json::from_str(secret.expose_secret()).ok();
            texts.into_iter().flat_map(BTreeMap::into_values).map(SecretString::from).collect::<Vec<_>>()
        };
        let all = secrets.0.values().flat_map(|secret| texts(secret).into_iter().chain([secret.clone()]));
        Self { texts: all.map(|secret| (secret, SECRET)).collect(), bodies: Vec::new() }
    }

    /// One secret.
    pub fn one(secret: Option<&SecretString>) -> Self {
        let texts = secret.into_iter().map(|secret| (secret.clone(), SECRET)).collect();
        Self { texts, bodies: Vec::new() }
    }

    /// Another secret.
    pub fn and(self, secret: impl Into<SecretString>) -> Self {
        self.and_as(secret, SECRET)
    }

    /// Another text, and what is shown instead.
    pub fn and_as(mut self, text: impl Into<SecretString>, shown: &'static str) -> Self {
        self.texts.push((text.into(), shown));
        self
    }

    /// The parts of an address behind its host: they may be secrets, as those of webhooks are.
    pub fn and_address(self, url: &Url) -> Self {
        let path = url.path_segments().into_iter().flatten().map(decoded);
        let path = path.filter(|part| !KNOWN_PARTS.contains(&part.as_str()));
        let query = url.query_pairs().filter(|(name, _)| name != API_VERSION);
        let query = query.map(|(name, value)| if value.is_empty() { name } else { value }.into_owned());
        let parts = path.chain(query).filter(|part| part.chars().count() >= PART_CHARS_MIN);
        parts.fold(self, Self::and)
    }

    /// What was sent.
    pub fn and_body(mut self, body: &[u8]) -> Self {
        self.bodies.push(String::from_utf8_lossy(body).into_owned().into());
        self
    }

    /// A text of another system: without secrets, in one line, short.
    pub fn said(&self, text: &str) -> String {
        self.said_within(text, CHARS_MAX)
    }

    /// The same with a length of its own, in characters.
    pub fn said_within(&self, text: &str, chars_max: usize) -> String {
        let needles: Vec<(Needle, &'static str)> = self
            .texts
            .iter()
            .flat_map(|(secret, shown)| {
                Needle::all_of(secret.expose_secret()).into_iter().map(|needle| (needle, *shown))
            })
            .collect();
        let reach = needles.iter().map(|(needle, _)| needle.reach()).fold(mailbox::BYTES_MAX, usize::max);
        let line = one_line(text, LOOKED_AT.saturating_add(reach));
        let mut found: Vec<(Range<usize>, &'static str)> =
            mailbox::places(&line, LOOKED_AT).into_iter().map(|place| (place, ADDRESS)).collect();
        for (needle, shown) in &needles {
            for place in needle.places(&line, LOOKED_AT) {
                if needle.is_short() {
                    return WITHHELD.to_owned();
                }
                found.push((place, shown));
            }
        }
        for body in &self.bodies {
            let places = repeated::places(&line, LOOKED_AT, body.expose_secret());
            found.extend(places.into_iter().map(|place| (place, BODY)));
        }
        shortened(blanked(&line, joined(found)), line.len() > LOOKED_AT, chars_max)
    }
}

/// A part of a path, as people write it.
fn decoded(part: &str) -> String {
    // These separate the parts of a form only.
    let form = part.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(form.as_bytes()).map(|(name, _)| name).collect()
}

/// A text without line breaks and other characters that change the text around them, up to so many bytes.
fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = String::new();
    let mut is_apart = false;
    for c in text.chars() {
        if is_blank(c) {
            is_apart = true;
            continue;
        }
        if is_apart && !line.is_empty() {
            line.push(' ');
        }
        is_apart = false;
        line.push(c);
        if line.len() >= bytes_max {
            break;
        }
    }
    line
}

/// What overlaps becomes one, so that nothing of the shorter one is left beside the longer one.
fn joined(mut found: Vec<(Range<usize>, &'static str)>) -> Vec<(Range<usize>, &'static str)> {
    found.sort_by_key(|(place, _)| (place.start, place.end));
    let mut joined: Vec<(Range<usize>, &'static str)> = Vec::new();
    for (place, shown) in found {
        match joined.last_mut() {
            Some((before, label)) if place.start < before.end => {
                before.end = before.end.max(place.end);
                *label = match (*label, shown) {
                    (known, new) if known == new || new == BODY => known,
                    (BODY, new) => new,
                    _ => SECRET,
                };
            }
            Some(_) | None => joined.push((place, shown)),
        }
    }
    joined
}

/// The begin of a line, with these places replaced.
fn blanked(line: &str, places: Vec<(Range<usize>, &'static str)>) -> String {
    let end = (0..=LOOKED_AT.min(line.len())).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
    let (mut text, mut at) = (String::new(), 0);
    for (place, shown) in places {
        text.push_str(line.get(at..place.start).unwrap_or_default());
        text.push_str(shown);
        at = place.end;
    }
    text.push_str(line.get(at..end).unwrap_or_default());
    text
}

fn shortened(text: String, is_cut: bool, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None if is_cut => format!("{text}…"),
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
