//! The tokens of a JSON value, as they are in its text. White space between them is left out.

/// A piece of JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonToken<'a> {
    /// The name of a member, with its quotes.
    Name(&'a [u8]),
    /// A text, with its quotes.
    Text(&'a [u8]),
    /// Anything else: a bracket, a comma, a colon, a number, `true`.
    Other(&'a [u8]),
}

/// Hands them out in order.
pub(super) struct JsonTokens<'a> {
    json: &'a [u8],
}

impl<'a> JsonTokens<'a> {
    /// The tokens of a valid JSON value. In any other text they are some pieces of it.
    pub(super) fn of(json: &'a [u8]) -> Self {
        Self { json }
    }

    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (token, rest) = self.json.split_at(bytes.min(self.json.len()));
        self.json = rest;
        token
    }
}

impl<'a> Iterator for JsonTokens<'a> {
    type Item = JsonToken<'a>;

    fn next(&mut self) -> Option<JsonToken<'a>> {
        self.json = self.json.trim_ascii_start();
        match self.json.first()? {
            b'"' => {
                let text = self.take(string_bytes(self.json));
                self.json = self.json.trim_ascii_start();
                Some(if self.json.starts_with(b":") { JsonToken::Name(text) } else { JsonToken::Text(text) })
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => Some(JsonToken::Other(self.take(1))),
            _ => {
                let is_end = |byte: &u8| b"{}[],:\"".contains(byte) || byte.is_ascii_whitespace();
                let bytes = self.json.iter().position(is_end).unwrap_or(self.json.len());
                Some(JsonToken::Other(self.take(bytes)))
            }
        }
    }
}

/// The length in bytes of the string that begins here.
fn string_bytes(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_distinguished_and_white_space_is_left_out() {
        let json = br#" { "a\\" : [ "b\"c", -1.5e3,true ], "d":null } "#;
        let all: Vec<_> = JsonTokens::of(json).collect();
        assert!(all.contains(&JsonToken::Name(br#""a\\""#)) && all.contains(&JsonToken::Text(br#""b\"c""#)));
        let text: Vec<u8> = all
            .iter()
            .flat_map(|token| match token {
                JsonToken::Name(bytes) | JsonToken::Text(bytes) | JsonToken::Other(bytes) => bytes.to_vec(),
            })
            .collect();
        assert_eq!(text, br#"{"a\\":["b\"c",-1.5e3,true],"d":null}"#);
    }

    #[test]
    fn what_is_no_json_ends_all_the_same() {
        for json in [&b"\""[..], b"\"a\\", b"\"\\", b"{\"a", b"]]", b":\""] {
            assert!(JsonTokens::of(json).count() <= json.len());
        }
    }
}
