//! What of a request is repeated in one line of what its receiver said.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use serde_json::Value;

/// So many letters and digits in a row are no accident.
const CHARS: usize = 12;
/// The longest name or number of an HTML character.
const ENTITY_BYTES_MAX: usize = 10;

/// A letter or a digit of a text, and where it is.
type Letter = (char, Range<usize>);

/// Where the line, as far as it begins before a place, repeats a stretch of a body, however it is escaped. The names of members
/// are no content.
pub(super) fn places(line: &str, before: usize, body: &str) -> Vec<Range<usize>> {
    let letters: Vec<Letter> = letters(line).take_while(|(_, place)| place.start < before).collect();
    let text: Vec<char> = letters.iter().map(|(letter, _)| *letter).collect();
    let mut windows: HashMap<&[char], Vec<usize>> = HashMap::new();
    for (at, window) in text.windows(CHARS).enumerate() {
        windows.entry(window).or_default().push(at);
    }
    let body_letters: Vec<char> = letters_of(body);
    let names = names(body);
    let mut found = Vec::new();
    for window in body_letters.windows(CHARS) {
        // What was found is not looked for again, however often the body has it.
        let Some(places) = windows.remove(window) else { continue };
        if !names.iter().any(|name| name.windows(CHARS).any(|part| part == window)) {
            let place = |at: usize| Some(letters.get(at)?.1.start..letters.get(at + CHARS - 1)?.1.end);
            found.extend(places.into_iter().filter_map(place));
        }
        if windows.is_empty() {
            break;
        }
    }
    found
}

/// The names of the members of a body in JSON.
fn names(body: &str) -> HashSet<Vec<char>> {
    let mut names = HashSet::new();
    let mut left: Vec<Value> = serde_json::from_str(body).into_iter().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    names.insert(letters_of(&name));
                    left.push(value);
                }
            }
            Value::Array(values) => left.extend(values),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    names
}

fn letters_of(text: &str) -> Vec<char> {
    letters(text).map(|(letter, _)| letter).collect()
}

/// The letters and digits of a text, without those that only escape something else: in JSON, HTML, addresses and mails.
fn letters(text: &str) -> impl Iterator<Item = Letter> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let (letter, length) = first(rest, rest.chars().next()?);
            let place = at..at + length;
            at += length;
            if let Some(letter) = letter {
                return Some((letter, place));
            }
        }
    })
}

/// The letter that a text begins with, or something else that does not count, and the bytes that it takes.
fn first(text: &str, c: char) -> (Option<char>, usize) {
    let rest = text.get(c.len_utf8()..).unwrap_or_default();
    match c {
        '\\' => escaped(text),
        '%' | '=' if hex(rest, 2).is_some() => (None, 3),
        '&' => (None, entity(rest).map_or(1, |length| length + 1)),
        _ => (letter(c), c.len_utf8()),
    }
}

fn letter(c: char) -> Option<char> {
    if c.is_alphanumeric() { c.to_lowercase().next() } else { None }
}

/// What backslashes escape: they may have been escaped themselves.
fn escaped(text: &str) -> (Option<char>, usize) {
    let count = text.bytes().take_while(|byte| *byte == b'\\').count();
    let rest = text.get(count..).unwrap_or_default();
    match rest.bytes().next() {
        Some(b'u') => match hex(&rest[1..], 4) {
            Some(code) => (char::from_u32(code).and_then(letter), count + 5),
            None => (None, count),
        },
        Some(b'n' | b'r' | b't' | b'b' | b'f') => (None, count + 1),
        Some(_) | None => (None, count),
    }
}

/// The number of so many digits that a text begins with.
fn hex(text: &str, digits: usize) -> Option<u32> {
    let number = text.get(..digits).filter(|number| number.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(number, 16).ok()
}

/// How long the rest of an HTML character is that has begun.
fn entity(text: &str) -> Option<usize> {
    let end = text.bytes().take(ENTITY_BYTES_MAX + 1).position(|byte| byte == b';')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
    (end > 0 && text.bytes().take(end).all(is_name)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(line: &str, body: &str) -> String {
        let mut hidden = vec![false; line.len()];
        for place in places(line, line.len(), body) {
            hidden[place].fill(true);
        }
        line.char_indices().filter(|(at, _)| !hidden[*at]).map(|(_, c)| c).collect()
    }

    #[test]
    fn a_stretch_of_a_body_is_found_however_it_is_escaped() {
        let title = "Owner \"role\"\ngranted to a stränger";
        let body = json!({ "text": title }).to_string();
        for repeated in [
            body.clone(),
            title.replace('\n', " "),
            json!(body).to_string(),
            title.to_uppercase(),
            title.replace('"', "&quot;"),
            title.replace(' ', "%20").replace('"', "%22").replace('\n', "%0A"),
            title.replace('\n', "=\n").replace('"', "=22"),
            title.replace('ä', "\\u00e4").replace('"', "\\\\\\\""),
        ] {
            let left = without(&format!("cannot read: {repeated} (7)"), &body);
            assert!(left.starts_with("cannot read: ") && left.ends_with(" (7)"), "{left}");
            assert!(
                left.chars().filter(|c| c.is_alphanumeric()).count() <= "cannotread7text".len(),
                "{left}"
            );
        }
    }

    #[test]
    fn what_the_receiver_says_itself_remains() {
        let body =
            json!({ "short_description": "Owner role granted", "list": [{ "correlation_display": "x" }] });
        for said in ["short_description is not valid", "no correlation_display", "Owner role!", ""] {
            assert_eq!(without(said, &body.to_string()), said);
        }
        assert_eq!(without("any text of a receiver", ""), "any text of a receiver");
    }

    #[test]
    fn a_long_body_that_repeats_itself_is_looked_for_once() {
        let (line, body) = ("a".repeat(16 << 10), "a".repeat(4 << 20));
        let begun = std::time::Instant::now();
        assert_eq!(without(&line, &body), "");
        assert!(begun.elapsed().as_secs() < 10);
    }

    #[test]
    fn the_end_of_a_text_inside_an_escape_is_no_end_of_the_program() {
        for line in ["\\", "\\u", "\\u12", "%", "%4", "&", "&#", "&amp", "=A", "ä\\uäöü", "%ä"] {
            assert_eq!(without(line, line), line);
        }
    }
}
