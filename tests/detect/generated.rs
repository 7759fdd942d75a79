//! Records and rules by chance, in the part of the language that pySigma's SQLite backend has.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ccfd::detect::rules::Placeholders;
use rand::{RngExt, rngs::StdRng};
use serde_json::{Map, Value, json};

/// Pieces of texts: what SQL, wildcards, JSON, terminals and HTML take for something else. No letters whose case only
/// Unicode knows: SQLite knows that of ASCII.
const PIECES: [&str; 24] = [
    "a",
    "b",
    "Ab",
    "owner",
    "ADMIN",
    "api.key",
    "%",
    "_",
    "'",
    "\"",
    "\\",
    "*",
    "?",
    " ",
    "\n",
    "\t",
    "é",
    "漢",
    "😀",
    "<b>",
    "\u{1b}[31m",
    "$.x",
    "--",
    "-v",
];

/// What is encoded.
const ENCODED: [&str; 6] = ["Ab", "owner", "x", "-enc", "admin", "é"];

/// What comes between two values where texts without a field are searched. No text has it, and no `?` is as long.
const BETWEEN: &str = "char(1, 1, 1, 1, 1, 1, 1, 1)";

/// Fields of the payload with texts.
const TEXTS: [&str; 4] = ["x", "y", "data.z", "w"];

/// One of these.
pub fn one<'c, T: ?Sized>(rng: &mut StdRng, choices: &[&'c T]) -> &'c T {
    choices[rng.random_range(0..choices.len())]
}

/// A text of some pieces.
pub fn text(rng: &mut StdRng, pieces: std::ops::Range<usize>) -> String {
    (0..rng.random_range(pieces)).map(|_| one(rng, &PIECES)).collect()
}

/// The payload of an event.
pub fn payload(rng: &mut StdRng) -> Value {
    let mut payload = Map::new();
    for field in TEXTS {
        let value = match rng.random_range(0..10) {
            0 => continue,
            1 => Value::Null,
            2 => Value::String(String::new()),
            3 if field == "w" => Value::String("long ".repeat(1000) + &text(rng, 1..3)),
            _ => Value::String(text(rng, 1..5)),
        };
        match field.split_once('.') {
            Some((outer, inner)) => payload.insert(outer.to_owned(), json!({ inner: value, "x": "other" })),
            None => payload.insert(field.to_owned(), value),
        };
    }
    match rng.random_range(0..5) {
        0 => {}
        1 => _ = payload.insert("n".to_owned(), Value::Null),
        2 => _ = payload.insert("n".to_owned(), json!(rng.random_range(-3..9).to_string())),
        _ => _ = payload.insert("n".to_owned(), json!(rng.random_range(-3..9))),
    }
    let address = format!("10.{}.{}.7", rng.random_range(0..4), rng.random_range(0..3));
    payload.insert("ip".to_owned(), Value::String(address));
    let networks = ["2001:db8::", "2001:db8:1::", "2001:db8:1:2::", "2001:db9::", "fe80::", "::"];
    let address = format!("{}{}", one(rng, &networks), rng.random_range(1..9));
    payload.insert("ip6".to_owned(), Value::String(address));
    payload.insert("b".to_owned(), Value::String(encoded(rng)));
    payload.insert("lines".to_owned(), Value::String([plain(rng), plain(rng)].join("\n")));
    // The backend counts weeks from the first Monday, and ccfd as ISO 8601 does. Both are the same in a year that begins with one,
    // until its last days; `clock.rs` has the others.
    payload.insert(
        "day".to_owned(),
        json!(format!("2024-{:02}-{:02}", rng.random_range(1..13), rng.random_range(1..29))),
    );
    let (day, hour, minute) = (rng.random_range(1..29), rng.random_range(0..24), rng.random_range(0..60));
    let month = rng.random_range(1..13);
    payload.insert("at".to_owned(), json!(format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:05Z")));
    Value::Object(payload)
}

/// A text in base64, as its bytes or in one of the forms of UTF-16.
fn encoded(rng: &mut StdRng) -> String {
    let text: String = (0..rng.random_range(1..4)).map(|_| one(rng, &ENCODED)).collect();
    let units: Vec<u16> = text.encode_utf16().collect();
    let bytes = match rng.random_range(0..4) {
        0 => text.into_bytes(),
        1 => units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        2 => units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        _ => [vec![0xff, 0xfe], units.iter().flat_map(|unit| unit.to_le_bytes()).collect()].concat(),
    };
    STANDARD.encode(bytes)
}

/// The fields that rules name: the name, where SQLite has it, and whether it is a number.
pub fn fields() -> Value {
    let path = |path: &str| {
        let quoted: String = path.split('.').map(|name| format!(".\"{name}\"")).collect();
        format!("EventDetails ->> '${quoted}'")
    };
    let names = TEXTS.iter().chain(&["n", "ip", "ip6", "b", "lines", "at", "day"]);
    let mut fields: Map<String, Value> = names
        .map(|name| (format!("EventDetails.{name}"), json!({ "sql": path(name), "numeric": *name == "n" })))
        .collect();
    fields.insert("EventType".to_owned(), json!({ "sql": "EventType", "numeric": false }));
    let inside = format!(
        "SELECT group_concat(atom, {BETWEEN}) FROM json_tree(EventDetails) WHERE type IN ('text', 'integer', 'real')"
    );
    let values = ["Id", "EventType", "ConnectorName", &format!("coalesce(({inside}), '')")];
    let sql = values.join(&format!(" || {BETWEEN} || "));
    fields.insert(EVERYTHING.to_owned(), json!({ "sql": sql, "numeric": false }));
    Value::Object(fields)
}

/// Where the backend searches texts without a field.
pub const EVERYTHING: &str = "Everything";

/// Placeholders and their values.
pub fn placeholders() -> Placeholders {
    let values =
        [("Own", &["owner", "Ab"][..]), ("Wild", &["a*", "?b", "é"]), ("Odd", &["%", "'", "_", "\\\\x"])];
    let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect();
    values.into_iter().map(|(name, values)| (name.to_owned(), owned(values))).collect()
}

/// A rule.
pub fn rule(rng: &mut StdRng) -> String {
    let selections = rng.random_range(1..4);
    let mut detection = Map::new();
    for number in 1..=selections {
        let selection = match rng.random_range(0..9) {
            0 => Value::Array((0..rng.random_range(1..4)).map(|_| keyword(rng)).collect()),
            1 | 2 => Value::Array((0..rng.random_range(1..3)).map(|_| Value::Object(entries(rng))).collect()),
            _ => Value::Object(entries(rng)),
        };
        detection.insert(format!("s{number}"), selection);
    }
    detection.insert("condition".to_owned(), Value::String(condition(rng, selections)));
    let rule = json!({
        "title": "By chance",
        "logsource": { "product": "openai", "service": "audit_logs" },
        "detection": detection,
    });
    // JSON is YAML.
    rule.to_string()
}

fn condition(rng: &mut StdRng, selections: usize) -> String {
    let term = |number: usize, rng: &mut StdRng| match rng.random_range(0..8) {
        0 => one(rng, &["1 of s*", "all of s*", "1 of them", "all of them", "1 of s1*", "any of s*"])
            .to_owned(),
        _ => format!("s{number}"),
    };
    let mut terms: Vec<String> = (1..=selections).map(|number| term(number, rng)).collect();
    if rng.random_ratio(1, 6) {
        return one(rng, &["1 of s*", "all of s*", "1 of them", "not 1 of s*"]).to_owned();
    }
    for term in &mut terms {
        if rng.random_ratio(1, 3) {
            *term = format!("not {term}");
        }
    }
    let mut condition = terms.remove(0);
    for term in terms {
        let joined = format!("{condition} {} {term}", one(rng, &["and", "or"]));
        condition = if rng.random_ratio(1, 3) { format!("({joined})") } else { joined };
    }
    condition
}

fn entries(rng: &mut StdRng) -> Map<String, Value> {
    (0..rng.random_range(1..3)).map(|_| entry(rng)).collect()
}

fn entry(rng: &mut StdRng) -> (String, Value) {
    let field = format!("EventDetails.{}", one(rng, &TEXTS));
    match rng.random_range(0..32) {
        24 => {
            let modifier = one(rng, &["week", "week|gte", "week|lt"]);
            (format!("EventDetails.day|{modifier}"), json!(rng.random_range(2..52)))
        }
        25 => {
            let modifiers = one(rng, &["all", "neq|all"]);
            (format!("{field}|{modifiers}"), json!([value(rng), Value::Null]))
        }
        26..29 => placeholder(rng, &field),
        29 | 30 => by_keyword(rng),
        0 => ("EventType".to_owned(), json!(["a.Created", "A.*"][rng.random_range(0..2)])),
        1 => (
            format!("EventDetails.n|{}", one(rng, &["lt", "lte", "gt", "gte"])),
            json!(rng.random_range(-3..9)),
        ),
        2 => ("EventDetails.n".to_owned(), json!(rng.random_range(-3..9))),
        3 => (
            "EventDetails.ip|cidr".to_owned(),
            json!(one(rng, &["10.1.0.0/16", "10.2.0.0/15", "10.0.1.0/24"])),
        ),
        4 => {
            let (part, range) = [("minute", 0..60), ("hour", 0..24), ("day", 1..29), ("month", 1..13)]
                [rng.random_range(0..4)]
            .clone();
            (
                format!("EventDetails.at|{part}"),
                json!((0..4).map(|_| rng.random_range(range.clone())).collect::<Vec<_>>()),
            )
        }
        5 => (field, Value::Null),
        6 => (format!("{field}|exists"), json!(rng.random_bool(0.5))),
        7 => (format!("{field}|fieldref"), json!(format!("EventDetails.{}", one(rng, &TEXTS)))),
        8 => {
            let flags = one(rng, &["re", "re|i", "re|s", "re|i|s"]);
            (
                format!("{field}|{flags}"),
                json!(one(rng, &["a.b", "^A", "own|adm", "[%_']", "(ab)+", "\\\\", "x{2,}"])),
            )
        }
        9 => (
            format!("{field}|cased|{}", one(rng, &["contains", "startswith", "endswith"])),
            json!(plain(rng)),
        ),
        10 => (format!("{field}|base64offset|contains"), json!("Ab")),
        11 => (format!("{field}|windash|contains"), json!("-v")),
        12 => (format!("{field}|neq"), json!(value(rng))),
        13 => {
            let place = one(rng, &["contains", "startswith", "endswith"]);
            (format!("{field}|{place}|all"), json!([value(rng), value(rng)]))
        }
        16 => {
            let form = one(rng, &["", "wide|", "utf16be|", "utf16|"]);
            (format!("EventDetails.b|{form}base64offset|contains"), json!(one(rng, &ENCODED[..2])))
        }
        17 => {
            let form = one(rng, &["", "wide|", "utf16be|", "utf16|"]);
            let end = one(rng, &["", "|contains", "|startswith", "|endswith"]);
            (format!("EventDetails.b|{form}base64{end}"), json!(one(rng, &ENCODED[..4])))
        }
        18 => {
            let networks = ["2001:db8::/32", "2001:db8:1::/48", "fe80::/16", "2001:db8:1:2::/64", "::3/128"];
            ("EventDetails.ip6|cidr".to_owned(), json!(one(rng, &networks)))
        }
        19 => {
            let place = one(rng, &["startswith", "endswith", "contains", "neq"]);
            (format!("{field}|fieldref|{place}"), json!(format!("EventDetails.{}", one(rng, &TEXTS))))
        }
        20 => {
            let flags = one(rng, &["re|m", "re|i|m", "re|m|s", "re"]);
            let expression = one(rng, &["^Ab$", "^a", "owner$", "%.A", "^$", "(?-i:Ab)"]);
            (format!("EventDetails.lines|{flags}"), json!(expression))
        }
        21 => (field, json!([Value::Null, value(rng)])),
        22 => {
            let (part, range) =
                [("minute", 2..59), ("hour", 2..22), ("day", 2..28), ("month", 2..11), ("year", 2025..2028)]
                    [rng.random_range(0..5)]
                .clone();
            let comparison = one(rng, &["lt", "lte", "gt", "gte"]);
            (format!("EventDetails.at|{part}|{comparison}"), json!(rng.random_range(range)))
        }
        23 => {
            let option = one(rng, &["-v", "/v", "x -v", "--v"]);
            (format!("{field}|windash|{}", one(rng, &["contains", "startswith", "endswith"])), json!(option))
        }
        14 => (format!("{field}|{}", one(rng, &["contains", "startswith", "endswith"])), values(rng)),
        _ => (field, values(rng)),
    }
}

fn values(rng: &mut StdRng) -> Value {
    match rng.random_range(0..3) {
        0 => Value::String(value(rng)),
        count => Value::Array((0..count).map(|_| Value::String(value(rng))).collect()),
    }
}

/// A text with wildcards and backslashes, some of them escaped, in any case.
fn value(rng: &mut StdRng) -> String {
    let text = text(rng, 1..4);
    match rng.random_range(0..4) {
        0 => text.to_ascii_uppercase(),
        1 => text.to_ascii_lowercase(),
        _ => text,
    }
}

/// An entry with placeholders. After `expand`, the backend forgets `cased`, encodes the names of placeholders rather than their
/// values, and takes values for expressions: `linking.rs` has the first two, and these values mean themselves.
fn placeholder(rng: &mut StdRng, field: &str) -> (String, Value) {
    let text = one(rng, &["%Own%", "x%Own%", "%Wild%", "%Own%%Wild%", "%Odd%", "%Odd%\\*%Own%"]);
    match rng.random_range(0..4) {
        0 => (format!("{field}|contains|all|expand"), json!([text, plain(rng)])),
        1 => (format!("{field}|contains|all|expand"), json!(text)),
        2 => {
            let expression = one(rng, &["^%Own%$", "a.%Own%", "(%Own%)+.A"]);
            (format!("EventDetails.lines|{}", one(rng, &["re|expand", "re|i|m|expand"])), json!(expression))
        }
        _ => {
            let modifiers =
                ["expand", "contains|expand", "startswith|expand", "endswith|expand", "neq|expand"];
            (format!("{field}|{}", one(rng, &modifiers)), json!(text))
        }
    }
}

/// An entry without a field. For the backend all values of a row are one text, so it knows neither where one of them begins nor
/// which two a `*` is between; `judging.rs` has both.
fn by_keyword(rng: &mut StdRng) -> (String, Value) {
    let (modifier, value) = match rng.random_range(0..8) {
        0 => ("all", json!([keyword(rng), keyword(rng)])),
        1 => ("neq", keyword(rng)),
        2 => ("cased", json!(plain(rng))),
        3 => ("windash", json!(one(rng, &["-v", "/v", "x -v"]))),
        4 => ("re", json!(one(rng, &["own|ADM", "(ab)+", "x{2,}", "[%_']", "a.b"]))),
        5 => ("expand", json!(one(rng, &["%Own%", "x%Own%"]))),
        6 => ("wide|base64offset|contains", json!("Ab")),
        _ => ("contains", json!(word(rng))),
    };
    (format!("|{modifier}"), value)
}

/// What is searched everywhere.
fn keyword(rng: &mut StdRng) -> Value {
    match rng.random_range(0..6) {
        0 => json!(rng.random_range(0..400)),
        1 => json!(one(rng, &["ADM?N", "own?r", "a??.key", "long l?ng"])),
        _ => json!(word(rng)),
    }
}

fn word(rng: &mut StdRng) -> String {
    let text = value(rng).replace(['*', '?'], "");
    if text.is_empty() { "api.key".to_owned() } else { text }
}

/// A text without what GLOB takes for something else.
fn plain(rng: &mut StdRng) -> String {
    one(rng, &["a", "Ab", "owner", "ADMIN", "api.key", "%", "'", "é", "😀", "<b>"]).to_owned()
}
