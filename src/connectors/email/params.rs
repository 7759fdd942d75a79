//! Parameters of a message.

use lettre::message::Mailbox;
use serde_json::{Map, Value};

use super::{super::fields::StrictFields, mailbox::mailbox};

/// The most addresses of each kind, as in Kibana.
const ADDRESSES_MAX: usize = 100;
const REPLY_TO_MAX: usize = 10;

/// Parameters of a message.
#[derive(Debug)]
pub struct EmailParams {
    /// Who gets it.
    pub to: Vec<Mailbox>,
    /// Who gets a copy.
    pub cc: Vec<Mailbox>,
    /// Who gets a copy that the others do not see.
    pub bcc: Vec<Mailbox>,
    /// Who gets the answers, if not the sender.
    pub reply_to: Vec<Mailbox>,
    /// What it is about, in one line.
    pub subject: String,
    /// The text.
    pub message: String,
    /// The same in HTML.
    pub html: Option<String>,
}

impl EmailParams {
    /// Reads the parameters.
    pub fn read(params: &Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(params);
        let to = addresses(&mut fields, "to", ADDRESSES_MAX)?;
        let cc = addresses(&mut fields, "cc", ADDRESSES_MAX)?;
        let bcc = addresses(&mut fields, "bcc", ADDRESSES_MAX)?;
        let reply_to = addresses(&mut fields, "replyTo", REPLY_TO_MAX)?;
        let subject = fields.required_text("subject")?;
        let message = fields.required_text("message")?.to_owned();
        let html = fields.text("messageHTML")?.map(str::to_owned);
        // A link to Kibana, which is not here.
        fields.object("kibanaFooterLink")?;
        if fields.any("attachments").is_some() {
            return Err("Email attachments can only be sent via notifications".to_owned());
        }
        fields.finish()?;
        if to.is_empty() && cc.is_empty() && bcc.is_empty() {
            return Err("At least one entry in [to], [cc], or [bcc] is required".to_owned());
        }
        // A template may put a line break into it, and a message is worth more than that.
        let subject = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Ok(Self { to, cc, bcc, reply_to, subject, message, html })
    }

    /// Everyone who gets it.
    pub fn recipients(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

fn addresses(fields: &mut StrictFields<'_>, name: &'static str, max: usize) -> Result<Vec<Mailbox>, String> {
    let texts = fields.texts(name)?;
    if texts.len() > max {
        let why = format!("array size is [{}], but cannot be greater than [{max}]", texts.len());
        return Err(fields.refused(name, &why));
    }
    let given = texts.into_iter().filter(|text| !text.trim().is_empty());
    // Not the text: an address is not for logs.
    let mailboxes =
        given.map(|text| mailbox(text).ok_or_else(|| fields.refused(name, "not a valid email address")));
    mailboxes.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(params: Value) -> Result<EmailParams, String> {
        EmailParams::read(params.as_object().unwrap())
    }

    #[test]
    fn a_subject_is_one_line() {
        let params =
            json!({ "to": ["a@example.com", " "], "subject": "s\r\nBcc: e@example.com", "message": "m" });
        let params = read(params).unwrap();
        assert_eq!(params.subject, "s  Bcc: e@example.com");
        assert_eq!(params.recipients().count(), 1);
    }

    #[test]
    fn somebody_must_get_it_and_every_address_must_be_one() {
        let none = read(json!({ "cc": [" "], "subject": "s", "message": "m" })).unwrap_err();
        assert_eq!(none, "At least one entry in [to], [cc], or [bcc] is required");
        for params in [
            json!({ "to": ["nobody"], "subject": "s", "message": "m" }),
            json!({ "to": ["a@example.com"], "bcc": ["b@example.com, c@example.com"], "subject": "s", "message": "m" }),
            json!({ "to": vec!["a@example.com"; 101], "subject": "s", "message": "m" }),
            json!({ "to": ["a@example.com"], "message": "m" }),
            json!({ "to": ["a@example.com"], "subject": "s", "message": "m", "attachments": [] }),
            json!({ "to": ["a@example.com"], "subject": "s", "message": "m", "more": 1 }),
        ] {
            let refused = read(params.clone()).unwrap_err();
            assert!(!refused.contains("example.com"), "{refused}");
        }
    }
}
