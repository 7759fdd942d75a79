//! Reads along a stream of server-sent events, for the tokens that they name. What passes is not changed.

use memchr::{memchr2, memmem};
use serde_json::Value;

use super::usage;
use crate::connectors::run::TokenUsage;

/// The longest line that is read; a longer one is passed on and not looked at. The event with the tokens is a short one.
const LINE_BYTES_MAX: usize = 256 << 10;

/// What a stream has said so far.
#[derive(Debug, Default)]
pub(in crate::connectors) struct EventReader {
    /// The begin of a line whose end has not come.
    begun: Vec<u8>,
    /// Whether the current line is too long.
    is_skipping: bool,
    pub(in crate::connectors) usage: TokenUsage,
    /// Whether an event says that it is the last one.
    pub(in crate::connectors) is_done: bool,
    /// Whether an event is an error.
    pub(in crate::connectors) has_failed: bool,
}

impl EventReader {
    /// Reads the next bytes, wherever they were split.
    pub(in crate::connectors) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.is_skipping {
                self.is_skipping = false;
            } else if self.begun.is_empty() {
                self.take_line(line);
            } else if self.begun.len() + line.len() <= LINE_BYTES_MAX {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(line);
                self.take_line(&begun);
            }
            self.begun.clear();
        }
        if self.is_skipping || self.begun.len() + bytes.len() > LINE_BYTES_MAX {
            self.is_skipping = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        let Some(data) = line.strip_prefix(b"data:") else { return };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.is_done = true;
            return;
        }
        // Most events are a word of the answer: only those that may say something are parsed.
        let has = |name: &[u8]| memmem::find(data, name).is_some();
        if self.usage.model.is_some() && !has(b"\"usage\"") && !has(b"\"error\"") {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        usage::take(&mut self.usage, &event);
        self.has_failed |= event.get("error").is_some_and(|error| !error.is_null());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"hé\"}}],\"usage\":null}\r\n\r\n\
                          : comment\n\ndata:{\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\
                          \"completion_tokens\":2,\"total_tokens\":7}}\n\ndata: [DONE]\n\n";

    fn read(pieces: &[&[u8]]) -> EventReader {
        let mut reader = EventReader::default();
        pieces.iter().for_each(|piece| reader.take(piece));
        reader
    }

    fn expected() -> TokenUsage {
        TokenUsage { model: Some("m".to_owned()), prompt: Some(5), completion: Some(2), total: Some(7) }
    }

    #[test]
    fn tokens_are_found_wherever_the_stream_is_split() {
        for at in 0..EVENTS.len() {
            let (one, two) = EVENTS.as_bytes().split_at(at);
            let reader = read(&[one, two]);
            assert_eq!((reader.usage, reader.is_done, reader.has_failed), (expected(), true, false), "{at}");
        }
        let bytes: Vec<&[u8]> = EVENTS.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes).usage, expected());
    }

    #[test]
    fn a_line_without_an_end_uses_bounded_memory_and_later_lines_count() {
        let mut reader = EventReader::default();
        for _ in 0..100 {
            reader.take(&[b'x'; 64 << 10]);
            assert!(reader.begun.capacity() <= 2 * LINE_BYTES_MAX);
        }
        reader.take(b"\n");
        reader.take(EVENTS.as_bytes());
        assert_eq!(reader.usage, expected());
    }

    #[test]
    fn a_line_that_is_too_long_in_one_piece_does_not_hide_the_next() {
        let long = "y".repeat(LINE_BYTES_MAX);
        assert_eq!(read(&[b"data: ", long.as_bytes(), b"\n", EVENTS.as_bytes()]).usage, expected());
    }

    #[test]
    fn what_is_not_json_or_not_utf_8_is_no_event() {
        let reader = read(&[
            b"data: {\"usage\"\xff}\ndata: <html>\ndata:\nusage: 1\n{\"usage\":{\"total_tokens\":1}}\n",
        ]);
        assert_eq!((reader.usage, reader.is_done, reader.has_failed), (TokenUsage::default(), false, false));
    }

    #[test]
    fn an_error_among_the_events_is_a_failure() {
        let reader =
            read(&[b"data: {\"model\":\"m\"}\n\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\n"]);
        assert!(reader.has_failed && !reader.is_done);
        let reader = read(&[b"data: {\"error\":null,\"choices\":[]}\n\n"]);
        assert!(!reader.has_failed);
    }
}
