//! One address, as people write it: `ada@example.com` or `Ada <ada@example.com>`.

use lettre::{Address, message::Mailbox};

/// The most characters, as in Kibana.
const CHARS_MAX: usize = 512;

/// Reads an address; `None` if it is none, or more than one. Nothing in it can end a header or a command.
pub fn mailbox(text: &str) -> Option<Mailbox> {
    let text = text.trim();
    if text.chars().count() > CHARS_MAX
        || text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return None;
    }
    let Some(named) = text.strip_suffix('>') else {
        return Some(Mailbox::new(None, address(text)?));
    };
    let (name, inner) = named.rsplit_once('<')?;
    let name = name.trim().trim_matches('"').trim();
    Some(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), address(inner.trim())?))
}

fn address(text: &str) -> Option<Address> {
    // A quoted name before the @ may contain nearly anything, and no real address has one.
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '"' | '\\' | ',' | ';');
    text.parse().ok().filter(|_| text.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        let read = |text| mailbox(text).map(|mailbox| (mailbox.name, mailbox.email.to_string()));
        assert_eq!(read(" ada@example.com "), Some((None, "ada@example.com".to_owned())));
        let named = Some((Some("Ada, the first".to_owned()), "ada@example.com".to_owned()));
        assert_eq!(read("\"Ada, the first\" <ada@example.com>"), named);
        assert_eq!(read("<ada@example.com>"), Some((None, "ada@example.com".to_owned())));
    }

    #[test]
    fn what_could_add_a_header_a_command_or_a_recipient_is_no_address() {
        for text in [
            "",
            "ada",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com\nRCPT TO:<eve@example.com>",
            "Ada\r\nBcc: eve@example.com <ada@example.com>",
            "ada@example.com, eve@example.com",
            "ada@example.com> <eve@example.com",
            "\"ada> NOTIFY=NEVER \"@example.com",
            "ada@example.com\0",
            &format!("{}@example.com", "a".repeat(600)),
        ] {
            assert!(mailbox(text).is_none(), "{text:?}");
        }
    }
}
