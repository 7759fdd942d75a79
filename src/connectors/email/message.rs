//! The message that parameters become.

use std::time::SystemTime;

use aws_lc_rs::rand;
use chrono::{DateTime, Utc};
use lettre::{
    Message,
    message::{
        MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use super::{config::EmailConfig, params::EmailParams};
use crate::digest::{hash_hex, hex};

/// A message with its name.
pub struct Composed {
    /// The message, with all of its headers.
    pub message: Message,
    /// Its `Message-ID`.
    pub id: String,
}

/// Writes a message. All attempts of one run have one `Message-ID`, by which mailboxes know a repeat.
pub fn compose(
    config: &EmailConfig,
    params: EmailParams,
    run: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Composed, String> {
    let id = format!("<{}@{}>", name_of(run), config.from.email.domain());
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let mut builder = Message::builder()
        .from(config.from.clone())
        .subject(params.subject)
        .date(SystemTime::from(now))
        .message_id(Some(id.clone()))
        // So that nobody's automatic reply comes back: RFC 3834.
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
    for mailbox in params.to {
        builder = builder.to(mailbox);
    }
    for mailbox in params.cc {
        builder = builder.cc(mailbox);
    }
    for mailbox in params.bcc {
        builder = builder.bcc(mailbox);
    }
    for mailbox in params.reply_to {
        builder = builder.reply_to(mailbox);
    }
    let built = match params.html {
        None => builder.singlepart(SinglePart::plain(params.message)),
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(params.message, html)),
    };
    let message = built.map_err(|error| error.to_string())?;
    Ok(Composed { message, id })
}

fn name_of(run: Option<&str>) -> String {
    let Some(run) = run else {
        let mut bytes = [0; 16];
        // Without randomness it would be the same for all, which some mailboxes take for repeats.
        return match rand::fill(&mut bytes) {
            Ok(()) => hex(&bytes),
            Err(_) => hex(&Utc::now().timestamp_nanos_opt().unwrap_or_default().to_be_bytes()),
        };
    };
    hash_hex(run.as_bytes())
}
