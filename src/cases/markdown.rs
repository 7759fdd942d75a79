//! Others' words in texts that Kibana shows as Markdown.

/// A text on one line, without characters that change how others are shown.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_unseen(c) { ' ' } else { c }).collect()
}

/// Code of Markdown, which the text cannot leave.
pub fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Directions of writing, joiners, and marks without a width.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line_in_its_direction_and_in_its_code() {
        assert_eq!(plain("a\r\n\u{1b}[2J\u{202e}b\u{2066}\u{200b}c\u{2028}d"), "a   [2J b  c d");
        assert_eq!(code("a`b` <i>"), "`a'b' <i>`");
    }
}
