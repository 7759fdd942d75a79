//! Fields that Azure would cut. It cuts without a word, and whatever stands at the limit: half of a JSON value is none.

use serde_json::{Value, json};

/// The most bytes of one field. Azure names "64 KB" and nothing more exact, so this is the smaller reading of it.
pub(super) const FIELD_BYTES_MAX: usize = 64_000;

/// Stands where text was cut.
const MARK: &str = " …[cut by ccfd]";

/// Text inside a value is not cut shorter than this; a value that is still too long then is no longer one of its form.
const TEXT_BYTES_MIN: usize = 64;

/// Makes the JSON value that begins at `begin` and ends the output fit. Gives how long it was when something of it is
/// lost.
pub(super) fn fit(out: &mut Vec<u8>, begin: usize) -> Option<usize> {
    let bytes = out.len() - begin;
    if bytes <= FIELD_BYTES_MAX {
        return None;
    }
    let raw = &out[begin..];
    // What is JSON and yet no value here (half of a surrogate pair, a hundred levels) is cut as text.
    let value =
        serde_json::from_slice(raw).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(raw).as_ref()));
    let (json, cut) = fitting(value);
    out.truncate(begin);
    out.extend_from_slice(json.as_bytes());
    cut.then_some(bytes)
}

/// The value as JSON, and whether something of it was cut. What counts of a text is the text and not how JSON writes it.
fn fitting(mut value: Value) -> (String, bool) {
    if let Value::String(text) = &mut value {
        let cut = text.len() > FIELD_BYTES_MAX;
        if cut {
            shorten(text, FIELD_BYTES_MAX - MARK.len());
        }
        return (value.to_string(), cut);
    }
    let whole = value.to_string();
    if whole.len() <= FIELD_BYTES_MAX {
        return (whole, false);
    }
    // The longest texts give way first, so that what can be asked for by name stays where it is.
    let mut text_bytes_max = FIELD_BYTES_MAX / 2;
    while text_bytes_max >= TEXT_BYTES_MIN {
        shorten_texts(&mut value, text_bytes_max);
        let json = value.to_string();
        if json.len() <= FIELD_BYTES_MAX {
            return (json, true);
        }
        text_bytes_max /= 2;
    }
    let mut text = whole;
    // Written as a text within JSON, quotes take twice the room.
    shorten(&mut text, FIELD_BYTES_MAX / 2 - 2 * MARK.len());
    (json!({ "ccfd_cut": text }).to_string(), true)
}

fn shorten_texts(value: &mut Value, bytes_max: usize) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) if text.len() > bytes_max + MARK.len() => shorten(text, bytes_max),
        Value::String(_) => {}
        Value::Array(values) => values.iter_mut().for_each(|value| shorten_texts(value, bytes_max)),
        Value::Object(members) => members.values_mut().for_each(|value| shorten_texts(value, bytes_max)),
    }
}

/// Keeps at most so many bytes, and marks the place.
fn shorten(text: &mut String, bytes_max: usize) {
    let boundary = (0..=bytes_max).rev().find(|place| text.is_char_boundary(*place));
    text.truncate(boundary.unwrap_or(0));
    text.push_str(MARK);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(value: &str) -> (Value, Option<usize>) {
        let mut out = b"{\"x\":".to_vec();
        let begin = out.len();
        out.extend_from_slice(value.as_bytes());
        let cut = fit(&mut out, begin);
        assert!(out.starts_with(b"{\"x\":"));
        (serde_json::from_slice(&out[begin..]).unwrap(), cut)
    }

    #[test]
    fn what_is_short_enough_is_left_byte_for_byte() {
        let value = format!("{{ \"n\": 1.50, \"t\": \"{}\" }}", "x".repeat(FIELD_BYTES_MAX - 25));
        let mut out = value.clone().into_bytes();
        assert_eq!((fit(&mut out, 0), out.len()), (None, value.len()));
        assert_eq!(out, value.as_bytes());
    }

    #[test]
    fn a_text_is_cut_between_letters_and_marked() {
        let (value, cut) = fitted(&format!("\"{}\"", "é".repeat(40_000)));
        let text = value.as_str().unwrap();
        assert_eq!(cut, Some(80_002));
        assert!(text.ends_with(MARK) && text.starts_with("éé"));
        assert!(text.len() <= FIELD_BYTES_MAX && text.len() > FIELD_BYTES_MAX - 4);
    }

    #[test]
    fn a_text_that_only_json_makes_long_is_not_cut() {
        let (value, cut) = fitted(&format!("\"{}\"", "\\u00e9".repeat(20_000)));
        assert_eq!((value.as_str().unwrap().len(), cut), (40_000, None));
    }

    #[test]
    fn a_value_that_only_white_space_makes_long_is_not_cut() {
        let (value, cut) = fitted(&format!("[1,{}2]", " ".repeat(FIELD_BYTES_MAX)));
        assert_eq!((value, cut), (json!([1, 2]), None));
    }

    #[test]
    fn a_long_text_inside_gives_way_and_its_neighbours_stay() {
        let content = "a \"quoted\" answer ".repeat(6_000);
        let choices = json!([{ "index": 0, "message": { "content": content, "refusal": null }, "finish_reason": "stop" }]);
        let (value, cut) = fitted(&choices.to_string());
        assert_eq!(cut, Some(choices.to_string().len()));
        assert_eq!((&value[0]["finish_reason"], &value[0]["index"]), (&json!("stop"), &json!(0)));
        let text = value[0]["message"]["content"].as_str().unwrap();
        assert!(text.starts_with("a \"quoted\"") && text.ends_with(MARK) && text.len() > 30_000);
        assert!(value.to_string().len() <= FIELD_BYTES_MAX);
    }

    #[test]
    fn a_value_without_long_texts_becomes_one_marked_text() {
        let numbers = Value::from((0..20_000).collect::<Vec<_>>());
        let (value, cut) = fitted(&numbers.to_string());
        assert_eq!(cut, Some(numbers.to_string().len()));
        let text = value["ccfd_cut"].as_str().unwrap();
        assert!(text.starts_with("[0,1,2,") && text.ends_with(MARK));
        assert!(value.to_string().len() <= FIELD_BYTES_MAX);
    }

    #[test]
    fn half_of_a_surrogate_pair_does_not_keep_a_value_from_being_cut() {
        let (value, cut) = fitted(&format!("[\"\\ud83d\",\"{}\"]", "x".repeat(70_000)));
        assert_eq!(cut, Some(70_013));
        assert!(value.as_str().unwrap().starts_with("[\"\\ud83d\","));
    }
}
