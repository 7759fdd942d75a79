//! Fields that Azure would cut. It cuts silently and anywhere, and half of a JSON value is not JSON.
//!
//! A field may be as large as a page. It is read in place, from its beginning, and no further than what is
//! kept of it: never as a tree, and never as a whole copy.

use super::json_tokens::{JsonToken, JsonTokens};

/// The most bytes of one field. Azure says "64 KB" and nothing more exact, so this is the smaller meaning.
pub(in crate::sinks::logs_ingestion) const FIELD_BYTES_MAX: usize = 64_000;

/// Marks where text was cut.
pub(in crate::sinks::logs_ingestion) const MARK: &str = " …[cut by ccfd]";

/// A text inside a value is not cut shorter than this; a value that is still too long then is cut as a text.
const TEXT_BYTES_MIN: usize = 64;

/// The most bytes that JSON needs for one byte of a text: `\u0041`.
const ESCAPE_BYTES_MAX: usize = 6;

/// A JSON value that fits, in place of one that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sinks::logs_ingestion) struct Fitted {
    /// As JSON.
    pub json: Vec<u8>,
    /// Whether something of it is lost.
    pub cut: bool,
}

/// The JSON value shortened to fit into a field. `None` if it fits as it is.
pub(in crate::sinks::logs_ingestion) fn fit(json: &[u8]) -> Option<Fitted> {
    if json.len() <= FIELD_BYTES_MAX {
        return None;
    }
    // Valid JSON with text that Unicode cannot express (half of a surrogate pair) is cut as text.
    Some(fitting(json).unwrap_or_else(|_| as_text(&String::from_utf8_lossy(begin_of(json)))))
}

fn begin_of(json: &[u8]) -> &[u8] {
    &json[..json.len().min(2 * FIELD_BYTES_MAX)]
}

/// The value is not JSON with a text.
#[derive(Debug)]
struct NoText;

fn fitting(json: &[u8]) -> Result<Fitted, NoText> {
    if json.starts_with(b"\"") {
        // The length that counts is that of the text, not that of its JSON.
        let (mut text, is_whole) = text_of(json, FIELD_BYTES_MAX)?;
        let cut = !is_whole || text.len() > FIELD_BYTES_MAX;
        if cut {
            shorten(&mut text, FIELD_BYTES_MAX - MARK.len());
        }
        return Ok(Fitted { json: quoted(&text), cut });
    }
    let (whole, is_whole) = write(json, usize::MAX)?;
    if is_whole {
        return Ok(Fitted { json: whole, cut: false });
    }
    // The longest texts are cut first, so that short members, which queries name, keep their place.
    let mut text_bytes_max = FIELD_BYTES_MAX / 2;
    while text_bytes_max >= TEXT_BYTES_MIN {
        let (json, is_whole) = write(json, text_bytes_max)?;
        if is_whole {
            return Ok(Fitted { json, cut: true });
        }
        text_bytes_max /= 2;
    }
    // Written as a text within JSON, a quote takes twice the space.
    let mut text = String::from_utf8_lossy(&whole).into_owned();
    shorten(&mut text, FIELD_BYTES_MAX / 2 - 2 * MARK.len());
    Ok(Fitted { json: [b"{\"ccfd_cut\":", &quoted(&text)[..], b"}"].concat(), cut: true })
}

/// A value of no valid form, as a text.
fn as_text(json: &str) -> Fitted {
    let mut text = json.to_owned();
    shorten(&mut text, FIELD_BYTES_MAX - MARK.len());
    Fitted { json: quoted(&text), cut: true }
}

/// The value without white space, each text cut to this many bytes, and whether that is all of it. Writes no
/// more than a field may contain.
fn write(json: &[u8], text_bytes_max: usize) -> Result<(Vec<u8>, bool), NoText> {
    let mut out = Vec::with_capacity(FIELD_BYTES_MAX);
    for token in JsonTokens::of(json) {
        match token {
            JsonToken::Name(name) => out.extend_from_slice(&name[..name.len().min(FIELD_BYTES_MAX)]),
            JsonToken::Other(bytes) => out.extend_from_slice(&bytes[..bytes.len().min(FIELD_BYTES_MAX)]),
            JsonToken::Text(text) => {
                let bytes_max = text_bytes_max.saturating_add(MARK.len()).min(FIELD_BYTES_MAX);
                let (mut text, is_whole) = text_of(text, bytes_max)?;
                if text_bytes_max < FIELD_BYTES_MAX && (!is_whole || text.len() > bytes_max) {
                    shorten(&mut text, text_bytes_max);
                }
                out.extend_from_slice(&quoted(&text));
            }
        }
        if out.len() > FIELD_BYTES_MAX {
            return Ok((out, false));
        }
    }
    Ok((out, true))
}

/// The text of a JSON string, of which little more than this many bytes are read, and whether that is all of
/// it.
fn text_of(json: &[u8], bytes_max: usize) -> Result<(String, bool), NoText> {
    let most = ESCAPE_BYTES_MAX * (bytes_max + 4);
    if json.len() <= most {
        return serde_json::from_slice(json).map(|text| (text, true)).map_err(|_| NoText);
    }
    // Cut before anything that may be incomplete: an escape, a surrogate pair, a character of several bytes.
    let mut end = most;
    let tail = &json[end - 2 * ESCAPE_BYTES_MAX..end];
    if let Some(at) = memchr::memchr(b'\\', tail) {
        end -= tail.len() - at;
        // After an even number of backslashes it is a plain character.
        let before = json[..end].iter().rev().take_while(|byte| **byte == b'\\').count();
        end -= before % 2;
        if is_second_half(&json[..end], &json[end..]) {
            end -= ESCAPE_BYTES_MAX;
        }
    }
    while end > 0 && json[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    let begin = [&json[..end], b"\""].concat();
    serde_json::from_slice(&begin).map(|text| (text, false)).map_err(|_| NoText)
}

/// Whether an escape is the second half of a surrogate pair whose first half precedes it.
fn is_second_half(before: &[u8], escape: &[u8]) -> bool {
    let is_half = |escape: &[u8], halves: &[u8]| {
        escape.len() >= ESCAPE_BYTES_MAX
            && escape.starts_with(b"\\u")
            && escape[2].eq_ignore_ascii_case(&b'd')
            && halves.contains(&escape[3].to_ascii_lowercase())
    };
    let first = before.len().checked_sub(ESCAPE_BYTES_MAX).map(|at| &before[at..]);
    is_half(escape, b"cdef") && first.is_some_and(|first| is_half(first, b"89ab"))
}

fn quoted(text: &str) -> Vec<u8> {
    // Writing to a text in memory cannot fail.
    serde_json::to_vec(text).unwrap_or_default()
}

/// Keeps at most this many bytes, and marks the cut.
fn shorten(text: &mut String, bytes_max: usize) {
    let boundary = (0..=bytes_max.min(text.len())).rev().find(|place| text.is_char_boundary(*place));
    text.truncate(boundary.unwrap_or(0));
    text.push_str(MARK);
}
