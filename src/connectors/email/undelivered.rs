//! Why a message was not accepted.

use std::error::Error as _;

use lettre::transport::smtp::Error as SmtpError;

use super::super::{outgoing::OutgoingError, run::Retry};

/// Why a message was not accepted.
#[derive(Debug)]
pub enum Undelivered {
    /// There is no connection, or it ended.
    Connection(OutgoingError),
    /// The server refused something.
    Refused {
        /// What, in the words of Kibana's mailer.
        what: &'static str,
        /// Its code.
        code: u16,
        /// Its text.
        text: String,
    },
    /// It cannot work with these settings.
    Unable(String),
}

impl Undelivered {
    /// What an error of the dialogue means.
    pub fn of(what: &'static str, host: &str, error: &SmtpError) -> Self {
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        match error.status() {
            Some(code) => Self::Refused { what, code: code.into(), text },
            None if error.is_client() => Self::Unable(text),
            None => Self::Connection(OutgoingError::Cut(format!("{host}: {text}"))),
        }
    }

    /// What the server said.
    pub fn reply(&self) -> String {
        match self {
            Self::Refused { code, text, .. } => format!("{code} {text}"),
            Self::Connection(_) | Self::Unable(_) => self.to_string(),
        }
    }

    /// Whether another attempt may help. Codes that begin with 4 are for a while, those with 5 for good.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connection(error) => error.retry(),
            Self::Refused { code: 400..=499, .. } => Retry::Yes,
            Self::Refused { .. } | Self::Unable(_) => Retry::No,
        }
    }
}

impl std::fmt::Display for Undelivered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Refused { what, code, text } => write!(f, "{what}: {code} {text}"),
            Self::Unable(why) => f.write_str(why),
        }
    }
}

impl From<OutgoingError> for Undelivered {
    fn from(error: OutgoingError) -> Self {
        Self::Connection(error)
    }
}
