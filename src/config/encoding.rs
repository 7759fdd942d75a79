//! Text in files that people write with all kinds of editors.

/// Some editors put it in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// UTF-16 begins with one of these, or has a zero in the two bytes of each ASCII character.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The text in UTF-8, without a byte order mark; `None` if it has another encoding.
pub(super) fn text_of(bytes: &[u8]) -> Option<&str> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Whether the bytes look like UTF-16.
pub(super) fn is_utf_16(bytes: &[u8]) -> bool {
    UTF_16_MARKS.iter().any(|mark| bytes.starts_with(mark)) || bytes.contains(&0)
}
