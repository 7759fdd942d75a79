//! A stream for people at a terminal: the text of the answer instead of events, and nothing that the terminal interprets.

use serde_json::Value;

use crate::cli::text::lines;

/// A longer line is shown as it is, without looking for the text in it.
const LINE_BYTES_MAX: usize = 256 << 10;
/// The type of a stream of events.
const EVENTS: &str = "text/event-stream";

/// Reads a stream piece by piece.
pub(super) struct StreamText {
    has_events: bool,
    /// The begin of a line, or of a character, whose end has not come.
    begun: Vec<u8>,
    /// Whether what was shown last has no line break behind it.
    is_open: bool,
}

impl StreamText {
    pub(super) fn of(content_type: &str) -> Self {
        Self { has_events: content_type == EVENTS, begun: Vec::new(), is_open: false }
    }

    /// What the next piece adds.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let whole = match self.begun.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.begun.len() > LINE_BYTES_MAX => self.begun.len(),
            None => 0,
        };
        let rest = self.begun.split_off(whole);
        let whole = std::mem::replace(&mut self.begun, rest);
        self.shown(&whole)
    }

    /// What is left at the end.
    pub(super) fn end(mut self) -> String {
        let left = std::mem::take(&mut self.begun);
        let mut shown = self.shown(&left);
        if self.is_open {
            shown.push('\n');
        }
        shown
    }

    fn shown(&mut self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        if !self.has_events {
            self.is_open = if text.is_empty() { self.is_open } else { !text.ends_with('\n') };
            return lines(&text).into_owned();
        }
        let events = text.lines().filter_map(|line| line.strip_prefix("data:").map(str::trim));
        let shown: Vec<String> = events.filter_map(|data| self.event(data)).collect();
        lines(&shown.concat()).into_owned()
    }

    /// What an event shows: a part of the answer, or all of an event that is none.
    fn event(&mut self, data: &str) -> Option<String> {
        if data == "[DONE]" {
            return None;
        }
        let event: Option<Value> = serde_json::from_str(data).ok();
        let is_answer = event.as_ref().is_some_and(|event| event["choices"].is_array());
        let Some(event) = event.filter(|_| is_answer) else {
            let apart = if std::mem::take(&mut self.is_open) { "\n" } else { "" };
            return Some(format!("{apart}{data}\n"));
        };
        let delta = &event["choices"][0]["delta"];
        let text = delta["content"].as_str().or(delta["refusal"].as_str()).filter(|text| !text.is_empty())?;
        self.is_open = !text.ends_with('\n');
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> String {
        format!("data: {}\n\n", serde_json::json!({ "choices": [{ "delta": { "content": text } }] }))
    }

    fn shown(content_type: &str, stream: &str, at_once: usize) -> String {
        let mut text = StreamText::of(content_type);
        let pieces: String = stream.as_bytes().chunks(at_once).map(|piece| text.piece(piece)).collect();
        pieces + &text.end()
    }

    #[test]
    fn the_text_of_an_answer_is_shown_wherever_the_stream_is_split() {
        let begin = event("");
        let stream = format!("{begin}{}: comment\n\n{}data: [DONE]\n\n", event("Hé"), event("llo\nyou"));
        for at_once in [1, 7, 4096] {
            assert_eq!(shown(EVENTS, &stream, at_once), "Héllo\nyou\n");
        }
    }

    #[test]
    fn nothing_that_a_terminal_interprets_is_shown() {
        let hostile = "\u{1b}]0;title\u{7}\u{202e}x\u{9b}31m";
        for (content_type, stream) in [
            (EVENTS, event(hostile)),
            (EVENTS, format!("data: {hostile}\n\n")),
            ("text/html", hostile.to_owned()),
        ] {
            let shown = shown(content_type, &stream, 3);
            assert!(shown.contains("]0;title"), "{shown:?}");
            assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}']), "{shown:?}");
        }
    }

    #[test]
    fn an_event_that_is_no_part_of_an_answer_is_shown_whole() {
        let error = r#"{"error":{"message":"overloaded"}}"#;
        let stream = format!("{}data: {error}\n\n", event("Hello"));
        assert_eq!(shown(EVENTS, &stream, 4096), format!("Hello\n{error}\n"));
    }
}
