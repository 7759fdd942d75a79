//! Makes texts of records harmless for a model, and texts of a model harmless for people.

use std::sync::LazyLock;

use regex::Regex;

/// What replaces a key.
const KEY: &str = "(a key)";

/// Texts that look like keys of OpenAI and of others.
static KEYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(sk-[A-Za-z0-9_-]{8,}|AKIA[0-9A-Z]{12,}|gh[pousr]_[A-Za-z0-9]{16,}|eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_.-]+)").ok()
});

/// A text on one line, of at most so many characters, without what only programs see: control characters, characters without
/// width, changes of direction; without the ends of special tokens such as `<|endoftext|>`, which providers refuse; and
/// without keys.
pub fn cleaned(text: &str, chars_max: usize) -> String {
    // Cut first, so that a long text costs no more than a short one, and again at the end.
    let plain: String = text.chars().take(chars_max.saturating_mul(4)).filter_map(plain).collect();
    let plain = without_keys(&without_tokens(plain));
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(chars_max).collect()
}

fn plain(c: char) -> Option<char> {
    match c {
        c if c.is_control() || c.is_whitespace() => Some(' '),
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{e0000}'..='\u{10ffff}' => None,
        c => Some(c),
    }
}

/// Removes the ends of special tokens until none is left: removing one may make another.
fn without_tokens(mut text: String) -> String {
    loop {
        let shorter = text.replace("<|", "").replace("|>", "").replace("[INST]", "").replace("[/INST]", "");
        if shorter.len() == text.len() {
            return shorter;
        }
        text = shorter;
    }
}

fn without_keys(text: &str) -> String {
    match &*KEYS {
        Some(keys) => keys.replace_all(text, KEY).into_owned(),
        // The expression is a constant, which a test compiles.
        None => String::new(),
    }
}
