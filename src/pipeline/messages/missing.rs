//! Why a completion is delivered without its messages.

use std::fmt;

/// The reason, as it stands in the record in the messages' place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The API does not know the completion any more.
    Deleted,
    /// The key may list completions, and not read their messages.
    Forbidden,
    /// The API refuses this request for good.
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// They are larger than what is kept of one completion, or one answer is larger than what is read of it.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The API failed on them again and again, and on nothing else.
    Unavailable,
    /// Their list leads back to where it was, or does not end.
    Unending,
}

impl Missing {
    /// Its word in records, logs and figures.
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

    /// A JSON object: where there are messages there is an array.
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
