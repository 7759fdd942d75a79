//! Texts as they look in another encoding: `base64`, `base64offset`, `utf16` and its forms, `windash`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::pattern::{Pattern, PatternPart};

/// How many dashes of one value are tried in every form: five to the power of this many texts.
const DASHES_MAX: usize = 3;

/// The characters that Windows takes for a dash.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// An order of the bytes of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Utf16 {
    /// Little endian.
    Le,
    /// Big endian.
    Be,
    /// Little endian after a byte order mark.
    Marked,
}

/// The bytes of a text in UTF-16.
pub(super) fn utf16(text: &str, form: Utf16) -> Vec<u8> {
    let mark = if form == Utf16::Marked { &[0xff, 0xfe][..] } else { &[] };
    let units = text.encode_utf16().flat_map(|unit| match form {
        Utf16::Le | Utf16::Marked => unit.to_le_bytes(),
        Utf16::Be => unit.to_be_bytes(),
    });
    mark.iter().copied().chain(units).collect()
}

/// How bytes look in a record, where they are read as UTF-8.
pub(super) fn shown(bytes: &[u8]) -> Option<String> {
    let (mark, rest) = match bytes.strip_prefix(&[0xff, 0xfe]) {
        Some(rest) => ("\u{feff}", rest),
        None => ("", bytes),
    };
    std::str::from_utf8(rest).ok().map(|text| format!("{mark}{text}"))
}

/// Base64 of bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What is the same in base64 wherever the bytes are in a longer text: one form for each offset.
pub(super) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let form = |offset: usize| {
        let padded: Vec<u8> = std::iter::repeat_n(b' ', offset).chain(bytes.iter().copied()).collect();
        let encoded = STANDARD.encode(&padded);
        let start = [0, 2, 3][offset];
        let cut = [0, 3, 2][padded.len() % 3];
        encoded.get(start..encoded.len().saturating_sub(cut)).unwrap_or_default().to_owned()
    };
    (0..3).map(form).filter(|form| !form.is_empty()).collect()
}

/// The pattern with each of its dashes in each form. `None` if there are too many.
pub(super) fn windash(pattern: &Pattern) -> Option<Vec<Pattern>> {
    let mut forms = vec![Pattern::default()];
    let mut dashes = 0;
    for part in &pattern.parts {
        let PatternPart::Literal(text) = part else {
            forms.iter_mut().for_each(|form| form.add(part.clone()));
            continue;
        };
        let chars: Vec<char> = text.chars().collect();
        for (place, c) in chars.iter().enumerate() {
            let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
            let before = place.checked_sub(1).and_then(|place| chars.get(place));
            // A dash inside of a word is not that of an option.
            if DASHES.contains(c) && !is_word(before) && is_word(chars.get(place + 1)) {
                dashes += 1;
                if dashes > DASHES_MAX {
                    return None;
                }
                let with = |form: &Pattern, dash: char| {
                    let mut form = form.clone();
                    form.add(PatternPart::Literal(dash.to_string()));
                    form
                };
                forms = forms.iter().flat_map(|form| DASHES.map(|dash| with(form, dash))).collect();
            } else {
                forms.iter_mut().for_each(|form| form.add(PatternPart::Literal(c.to_string())));
            }
        }
    }
    Some(forms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_that_of_the_specification() {
        assert_eq!(utf16("cmd", Utf16::Le), b"c\0m\0d\0");
        assert_eq!(utf16("cmd", Utf16::Be), b"\0c\0m\0d");
        assert_eq!(utf16("cmd", Utf16::Marked), b"\xff\xfec\0m\0d\0");
        assert_eq!(shown(b"\xff\xfec\0").as_deref(), Some("\u{feff}c\0"));
        assert_eq!(shown(&utf16("ü", Utf16::Le)), None);
    }

    #[test]
    fn one_of_the_offsets_is_in_the_base64_of_any_text_around_it() {
        for needle in ["curl http://", "ab", "größe"] {
            let forms = base64_offsets(needle.as_bytes());
            for before in ["", "x", "xy", "xyz", "wxyz"] {
                for after in ["", "1", "12", "123"] {
                    let encoded = base64(format!("{before}{needle}{after}").as_bytes());
                    assert!(forms.iter().any(|form| encoded.contains(form)), "{before}|{needle}|{after}");
                }
            }
        }
    }

    #[test]
    fn the_dash_of_an_option_has_every_form_and_one_inside_a_word_stays() {
        let forms = windash(&Pattern::parse("* -user-name x")).unwrap();
        let texts: Vec<_> = forms.iter().map(Pattern::expression).collect();
        assert_eq!(texts.len(), 5);
        assert_eq!(texts[0], " \\-user\\-name x\\z");
        assert_eq!(texts[1], " /user\\-name x\\z");
        assert_eq!(windash(&Pattern::parse("-a -b")).unwrap().len(), 25);
        assert_eq!(windash(&Pattern::parse("-a -b -c -d")), None);
    }
}
