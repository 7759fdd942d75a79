//! `include_messages`, `messages_max` and `include_images` of a collector of stored completions.

use bytesize::ByteSize;

use super::Source;
use super::section::Section;
use super::values::flag;

/// How much of what completions were asked is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagesSettings {
    /// Bytes of one completion's messages that are kept at most; of more, none are.
    pub bytes_max: u64,
    /// Whether images, sounds and documents inside of messages are kept.
    pub include_images: bool,
}

impl MessagesSettings {
    /// `None` where messages are not collected, and after a problem was noted.
    pub(super) fn read(section: &mut Section<'_>, source: Option<&Source>) -> Option<Self> {
        let wanted = section.required("include_messages", flag);
        let bytes_max = section.size("messages_max", ByteSize::kib(1)..=ByteSize::mib(64));
        let include_images = section.required("include_images", flag);
        match source? {
            Source::AuditLogs { .. } => {
                for key in ["include_messages", "messages_max", "include_images"] {
                    if section.gives(key) {
                        let reason = "only collectors of chat_completions have this key: audit events have no messages";
                        section.problem(key, reason);
                    }
                }
                None
            }
            Source::ChatCompletions { .. } => {
                wanted?.then_some(Self { bytes_max, include_images: include_images? })
            }
        }
    }
}
