use serde_json::{Value, json};

use super::super::encode::fields::*;

/// What is left of a value, and whether something of it is cut.
fn fitted(value: &str) -> (Value, bool) {
    match fit(value.as_bytes()) {
        None => (serde_json::from_str(value).unwrap(), false),
        Some(Fitted { json, cut }) => (serde_json::from_slice(&json).unwrap(), cut),
    }
}

#[test]
fn what_is_short_enough_is_left_byte_for_byte() {
    let value = format!("{{ \"n\": 1.50, \"t\": \"{}\" }}", "x".repeat(FIELD_BYTES_MAX - 25));
    assert_eq!(fit(value.as_bytes()), None);
}

#[test]
fn a_text_is_cut_between_letters_and_marked() {
    let (value, cut) = fitted(&format!("\"{}\"", "é".repeat(40_000)));
    let text = value.as_str().unwrap();
    assert!(cut);
    assert!(text.ends_with(MARK) && text.starts_with("éé"));
    assert!(text.len() <= FIELD_BYTES_MAX && text.len() > FIELD_BYTES_MAX - 4);
}

#[test]
fn a_text_that_only_json_makes_long_is_not_cut() {
    let (value, cut) = fitted(&format!("\"{}\"", "\\u00e9".repeat(20_000)));
    assert_eq!((value.as_str().unwrap().len(), cut), (40_000, false));
}

#[test]
fn a_value_that_only_white_space_makes_long_is_not_cut() {
    let (value, cut) = fitted(&format!("[1,{}2]", " ".repeat(FIELD_BYTES_MAX)));
    assert_eq!((value, cut), (json!([1, 2]), false));
}

#[test]
fn a_long_text_inside_gives_way_and_its_neighbours_stay() {
    let content = "a \"quoted\" answer ".repeat(6_000);
    let choices =
        json!([{ "index": 0, "message": { "content": content, "refusal": null }, "finish_reason": "stop" }]);
    let (value, cut) = fitted(&choices.to_string());
    assert!(cut);
    assert_eq!((&value[0]["finish_reason"], &value[0]["index"]), (&json!("stop"), &json!(0)));
    let text = value[0]["message"]["content"].as_str().unwrap();
    assert!(text.starts_with("a \"quoted\"") && text.ends_with(MARK) && text.len() > 30_000);
    assert!(value.to_string().len() <= FIELD_BYTES_MAX);
}

#[test]
fn a_value_without_long_texts_becomes_one_marked_text() {
    let numbers = Value::from((0..20_000).collect::<Vec<_>>());
    let (value, cut) = fitted(&numbers.to_string());
    assert!(cut);
    let text = value["ccfd_cut"].as_str().unwrap();
    assert!(text.starts_with("[0,1,2,") && text.ends_with(MARK));
    assert!(value.to_string().len() <= FIELD_BYTES_MAX);
}

#[test]
fn half_of_a_surrogate_pair_does_not_keep_a_value_from_being_cut() {
    let (value, cut) = fitted(&format!("[\"\\ud83d\",\"{}\"]", "x".repeat(70_000)));
    assert!(cut);
    assert!(value.as_str().unwrap().starts_with("[\"\\ud83d\","));
}

#[test]
fn a_text_is_cut_between_escapes_wherever_the_reading_of_it_ends() {
    for (letter, escaped) in
        [("\u{1f600}", r"\ud83d\ude00"), ("\\", r"\\\\"), ("é", r"\u00e9"), ("€", "€"), ("\"", r#"\""#)]
    {
        for ahead in 0..14 {
            let value = format!("\"{}{}\"", "x".repeat(ahead), escaped.repeat(600_000));
            for value in [value.clone(), format!("[{value}]")] {
                let (fitted, cut) = fitted(&value);
                let text = fitted.as_str().or_else(|| fitted[0].as_str()).unwrap();
                let text = text.strip_suffix(MARK).unwrap().trim_start_matches('x');
                assert!(cut && !text.is_empty() && text.replace(letter, "").is_empty(), "{letter} {ahead}");
            }
        }
    }
}

#[test]
fn numbers_of_a_cut_value_keep_their_digits() {
    let (_, cut) = fitted(&format!("{{\"n\":0.10000000000000000555,\"t\":\"{}\"}}", "x".repeat(70_000)));
    let json = fit(format!("[18446744073709551617, \"{}\"]", "x".repeat(70_000)).as_bytes()).unwrap().json;
    assert!(cut && json.starts_with(b"[18446744073709551617,"));
}
