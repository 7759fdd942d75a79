//! `include_messages`, `messages_max` and `include_images` of a collector whose list has messages.

use bytesize::ByteSize;

use super::{ListSource, section::Section, values::flag};
use crate::lists::{MessagesSupport, names_where};

/// How much of the input messages is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagesSettings {
    /// The most bytes of one completion's messages; if there are more, none are kept.
    pub bytes_max: u64,
    /// Whether images, audio and documents in messages are kept.
    pub include_images: bool,
}

impl MessagesSettings {
    /// `None` if messages are not collected, and after a problem.
    pub(super) fn read(section: &mut Section<'_>, source: Option<&ListSource>) -> Option<Self> {
        let wanted = section.required("include_messages", flag);
        let bytes_max = section.size("messages_max", ByteSize::kib(1)..=ByteSize::mib(64));
        let include_images = section.required("include_images", flag);
        match source?.list.messages {
            MessagesSupport::None(why) => {
                let names = names_where(|list| list.messages == MessagesSupport::Apart);
                for key in ["include_messages", "messages_max", "include_images"] {
                    if section.gives(key) {
                        section.problem(key, &format!("only collectors of {names} have this key: {why}"));
                    }
                }
                None
            }
            MessagesSupport::Apart => wanted?.then_some(Self { bytes_max, include_images: include_images? }),
        }
    }
}
