//! Files in messages: images, audio and documents that the API returns as base64 text, megabytes of it.
//!
//! A marker with type and size replaces them. Text written by a person or a program is never changed, even if
//! it looks like such a file.

use crate::tables::JsonScanner;

/// Members whose value is text of the conversation.
const WRITTEN: [&[u8]; 4] = [b"content", b"text", b"arguments", b"refusal"];

/// Messages nest five levels deep; anything deeper is copied unread, which limits the stack.
const DEPTH_MAX: usize = 16;

/// The longest recognised prefix of a data URL: `data:image/png;base64,`
const HEAD_BYTES_MAX: usize = 200;

/// Appends a message to `out`, without its files. A message that cannot be parsed is appended as it is.
pub(super) fn without_files(message: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    let mut pass = InlinePass { message, copied: 0, out };
    if pass.value(&mut JsonScanner::of(message), b"", b"", 0).is_none() {
        out.truncate(begin);
        out.extend_from_slice(message);
        return;
    }
    let rest = pass.copied;
    out.extend_from_slice(message.get(rest..).unwrap_or_default());
}

struct InlinePass<'a, 'o> {
    message: &'a [u8],
    /// Offset up to which the message was copied or replaced.
    copied: usize,
    out: &'o mut Vec<u8>,
}

impl<'a> InlinePass<'a, '_> {
    /// Skips the value of member `name` of member `parent`.
    fn value(&mut self, steps: &mut JsonScanner<'a>, parent: &[u8], name: &[u8], depth: usize) -> Option<()> {
        steps.elements(|steps| {
            if steps.comes(b'{') && depth < DEPTH_MAX {
                return steps.members(|steps, inner| self.value(steps, name, &inner, depth + 1));
            }
            let value = steps.value()?;
            let is_sound = parent == b"input_audio" && name == b"data";
            match file(value, is_sound) {
                Some(marker) if !WRITTEN.contains(&name) => self.replace(steps.at(), value.len(), &marker),
                Some(_) | None => Some(()),
            }
        })
    }

    fn replace(&mut self, to: usize, length: usize, marker: &str) -> Option<()> {
        self.out.extend_from_slice(self.message.get(self.copied..to - length)?);
        self.out.extend_from_slice(marker.as_bytes());
        self.copied = to;
        Some(())
    }
}

/// The marker for a JSON string that is a file: a data URL, or plain base64 audio.
fn file(value: &[u8], is_sound: bool) -> Option<String> {
    let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let head: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\\').take(HEAD_BYTES_MAX).collect();
    let of_url = head.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:"));
    let url = if of_url { head.iter().position(|byte| *byte == b',') } else { None };
    let Some(comma) = url else {
        return is_sound.then(|| marker("audio", text.len() / 4 * 3));
    };
    // The prefix has no white space; otherwise this is a sentence that begins with the word.
    let about = std::str::from_utf8(head.get(5..comma)?).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/+.-;=_".contains(c);
    about.chars().all(plain).then_some(())?;
    let media = about.split(';').next().filter(|media| !media.is_empty()).unwrap_or("text/plain");
    let data = text.len().saturating_sub(comma + 1);
    let bytes = if about.ends_with(";base64") { data / 4 * 3 } else { data };
    Some(marker(media, bytes))
}

/// The size of the decoded file, accurate to two bytes.
fn marker(media: &str, bytes: usize) -> String {
    format!("\"[{media}, {bytes} bytes, left out]\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(message: &str) -> String {
        let mut out = b"before".to_vec();
        without_files(message.as_bytes(), &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn an_image_leaves_its_type_and_size_and_everything_else_as_it_was() {
        let with = |url: &str| {
            format!(
                r#"{{"id":"c-1", "content":"What? ","content_parts":[{{"type":"text","text":"What? ","image_url":null}},
                {{"type":"image_url","text":null,"image_url":{{"url":"{url}","detail":"low"}}}}],"name":null}}"#
            )
        };
        let image = format!("data:image/png;base64,{}", "iVBORw0K".repeat(100));
        assert_eq!(passed(&with(&image)), with("[image/png, 600 bytes, left out]"));
        assert_eq!(passed(&with("https://example.com/a.png")), with("https://example.com/a.png"));
        let escaped = image.replace('/', "\\/").replace("data:", "DATA:");
        assert!(passed(&with(&escaped)).contains("[image/png, 600 bytes, left out]"));
    }

    #[test]
    fn sounds_documents_and_images_of_other_spellings_go_as_well() {
        for (part, left) in [
            (
                r#"{"input_audio":{"data":"UklGRiQA","format":"wav"}}"#,
                r#"{"data":"[audio, 6 bytes, left out]","format":"wav"}"#,
            ),
            (
                r#"{"file":{"file_data":"data:application/pdf;base64,JVBERi0x"}}"#,
                "[application/pdf, 6 bytes, left out]",
            ),
            (r#"{"image_url":"data:image/webp;base64,UklGRg=="}"#, r#""[image/webp, 6 bytes, left out]""#),
            (r#"{"image_url":{"url":"data:,hello"}}"#, "[text/plain, 5 bytes, left out]"),
        ] {
            let message = format!(r#"{{"role":"user","content":[{part}]}}"#);
            assert!(passed(&message).contains(left), "{}", passed(&message));
        }
    }

    #[test]
    fn what_was_written_is_never_taken_for_a_file() {
        for message in [
            r#"{"content":"data:image/png;base64,iVBORw0K"}"#,
            r#"{"content_parts":[{"type":"text","text":"data:image/png;base64,iVBORw0K"}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"data:,x"}}]}"#,
            r#"{"note":"data: two, or three?","data":"UklGRiQA"}"#,
            r#"{"url":"data:"}"#,
            r#""data""#,
            "7",
        ] {
            assert_eq!(passed(message), message);
        }
    }

    #[test]
    fn what_is_no_json_or_far_too_deep_is_passed_on_as_it_is() {
        let image = r#"{"url":"data:image/png;base64,iVBORw0K""#;
        assert_eq!(passed(image), image);
        let deep = format!("{}{image}}}{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        assert_eq!(passed(&deep), deep);
    }
}
