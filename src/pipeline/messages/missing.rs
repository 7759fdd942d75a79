//! Why a completion is delivered without its messages.

use std::fmt;

/// The reason, as written into the record in place of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The API no longer knows the completion.
    Deleted,
    /// The key may list completions but not read their messages.
    Forbidden,
    /// The API refuses this request permanently.
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// They exceed the limit for one completion, or one answer exceeds the limit of a body.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The API failed repeatedly on them, and on nothing else.
    Unavailable,
    /// Their list returns to an earlier message, or does not end.
    Unending,
}

impl Missing {
    /// Its word in records, logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Forbidden => "forbidden",
            Self::Refused { .. } => "refused",
            Self::TooLarge { .. } => "too_large",
            Self::Unavailable => "unavailable",
            Self::Unending => "unending",
        }
    }

    /// A JSON object, where messages would be an array.
    pub fn json(&self) -> String {
        let name = self.name();
        match self {
            Self::Deleted | Self::Forbidden | Self::Unavailable | Self::Unending => {
                format!(r#"{{"missing":"{name}"}}"#)
            }
            Self::Refused { status } => format!(r#"{{"missing":"{name}","status":{status}}}"#),
            Self::TooLarge { bytes_max } => format!(r#"{{"missing":"{name}","bytes_max":{bytes_max}}}"#),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
