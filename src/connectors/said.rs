//! What another system said, made safe to show and to keep.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};

use super::connector::ConnectorSecrets;

/// The most characters of a text that is kept: an error in a sentence or two, not a page of HTML.
const CHARS_MAX: usize = 300;

/// A secret of fewer characters is not looked for: it would be found in ordinary words.
const SECRET_CHARS_MIN: usize = 4;

/// What another system may repeat in what it says, and what is shown instead.
pub struct Hidden(Vec<(SecretString, &'static str)>);

const SECRET: &str = "[secret]";

impl Hidden {
    /// The secrets of a connector, as they are and in Base64.
    pub fn of(secrets: &ConnectorSecrets) -> Self {
        let both = |secret: &SecretString| {
            [(secret.clone(), SECRET), (STANDARD.encode(secret.expose_secret()).into(), SECRET)]
        };
        Self(secrets.0.values().flat_map(both).collect())
    }

    /// Another secret.
    pub fn and(self, secret: impl Into<SecretString>) -> Self {
        self.and_as(secret, SECRET)
    }

    /// Another text, and what is shown instead.
    pub fn and_as(mut self, text: impl Into<SecretString>, shown: &'static str) -> Self {
        self.0.push((text.into(), shown));
        self
    }

    /// A text of another system: without secrets, in one line, short.
    pub fn said(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (hidden, shown) in &self.0 {
            if hidden.expose_secret().len() >= SECRET_CHARS_MIN {
                text = text.replace(hidden.expose_secret(), shown);
            }
        }
        let words: String = text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
        let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(CHARS_MAX) {
            None => line,
            Some((end, _)) => format!("{}…", &line[..end]),
        }
    }
}

/// Whether a character changes neither the line nor the direction of the text around it.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden() -> Hidden {
        Hidden::of(&ConnectorSecrets([("password".to_owned(), "hunter22".into())].into()))
            .and("ab".to_owned())
    }

    #[test]
    fn a_secret_that_comes_back_is_not_repeated() {
        let text = format!("bad password hunter22 or {}", STANDARD.encode("hunter22"));
        assert_eq!(hidden().said(&text), "bad password [secret] or [secret]");
        assert_eq!(hidden().said("about"), "about", "two letters are no secret");
    }

    #[test]
    fn a_page_of_control_characters_becomes_one_short_line() {
        let text = format!("<html>\r\n\u{1b}[31m\u{202e}{}", "é ".repeat(10_000));
        let said = hidden().said(&text);
        assert!(said.starts_with("<html> [31m é é"), "{said}");
        assert_eq!(said.chars().count(), CHARS_MAX + 1);
        assert!(!said.chars().any(char::is_control));
    }
}
