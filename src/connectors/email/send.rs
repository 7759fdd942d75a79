//! One message, from the connection to the server's last word.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::{
    Address,
    message::Mailbox,
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt},
        extension::{Extension, MailBodyParameter, MailParameter},
    },
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use super::{
    super::{
        outgoing::OutgoingError,
        run::{ErrorSource, Retry, RunContext, RunFailure, RunOutput},
        said::{ADDRESS, Hidden},
    },
    config::EmailConfig,
    connection,
    message::{Composed, compose},
    params::EmailParams,
    undelivered::Undelivered,
};
use crate::digest::hash_hex;

/// How long the server may take to say goodbye, after it has accepted the message.
const QUIT_WAIT: Duration = Duration::from_secs(1);
/// The shortest name of a recipient that is hidden.
const NAME_CHARS_MIN: usize = 4;
/// The parameters that are the message.
const TEXTS: [&str; 3] = ["subject", "message", "messageHTML"];
/// What ends the headers of a message.
const HEADERS_END: &[u8] = b"\r\n\r\n";
/// What part of the longest response passes before refused recipients are tried again: 6 s of a minute.
const AGAIN_AFTER: u32 = 10;

/// Sends one message, and to recipients that are refused for a while once more.
pub async fn run(run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
    let unusable = |why| RunFailure::thrown(why, ErrorSource::User);
    let config = EmailConfig::read(&run.connector.config).map_err(unusable)?;
    let params = EmailParams::read(run.params).map_err(unusable)?;
    if params.html.is_some() && !config.allows_html {
        let why = "HTML email can only be sent when the connector is configured to allow HTML";
        return Err(RunFailure::returned(why, None, Retry::No));
    }
    let mailboxes: Vec<Mailbox> = params.recipients().cloned().collect();
    let recipients: Vec<Address> = mailboxes.iter().map(|mailbox| mailbox.email.clone()).collect();
    let composed = compose(&config, params, run.idempotency_key, run.now).map_err(unusable)?;
    let hidden = hidden(&run, &config, &mailboxes, &composed.message.formatted());
    let failed =
        |why: String, retry| RunFailure::returned("error sending email", Some(hidden.said(&why)), retry);
    // Those have the message: the server has taken it for them at an earlier attempt.
    let done = run.progress.done().await?;
    let (before, left): (Vec<Address>, Vec<Address>) =
        recipients.iter().cloned().partition(|address| done.contains(&part(address)));
    let sender = EmailSender { run: &run, config: &config, composed: &composed };
    let mut sent = match left.is_empty() {
        true => SentEmail::default(),
        false => sender.send(&left).await.map_err(|why| failed(why.to_string(), why.retry()))?,
    };
    if run.idempotency_key.is_none() && !sent.accepted.is_empty() {
        sender.send_again(&mut sent).await;
    }
    if before.is_empty() && sent.accepted.is_empty() {
        let why = sent.passing().next().or(sent.refused.first());
        let (text, retry) =
            why.map_or((String::new(), Retry::No), |refused| (refused.why.to_string(), refused.why.retry()));
        return Err(failed(text, retry));
    }
    // A run with a key is attempted again, for these alone.
    if let Some(first) = sent.passing().next().filter(|_| run.idempotency_key.is_some()) {
        run.progress.note(sent.accepted.iter().map(part)).await;
        let count = sent.passing().count();
        let why = format!(
            "{count} of {} recipients refused for a while ({} have it, {} refused for good): {}",
            recipients.len(),
            before.len() + sent.accepted.len(),
            sent.refused.len() - count,
            first.why.reply()
        );
        return Err(failed(why, Retry::Rest));
    }
    let texts = |addresses: &mut dyn Iterator<Item = &Address>| -> Vec<String> {
        addresses.map(ToString::to_string).collect()
    };
    let accepted = texts(&mut before.iter().chain(&sent.accepted));
    // As Kibana's mailer returns it.
    Ok(RunOutput::data(json!({
        "envelope": { "from": config.from.email.to_string(), "to": accepted },
        "accepted": accepted, "rejected": texts(&mut sent.refused.iter().map(|refused| &refused.address)),
        "response": hidden.said(&sent.response), "messageId": composed.id,
    })))
}

/// Names a recipient without an address.
fn part(address: &Address) -> String {
    format!("recipient {}", hash_hex(address.to_string().as_bytes()))
}

/// Servers repeat recipients in their errors, some what they could not authenticate, and some the message.
fn hidden(run: &RunContext<'_>, config: &EmailConfig, recipients: &[Mailbox], message: &[u8]) -> Hidden {
    let secret = |name| run.secrets.get(name).map(ExposeSecret::expose_secret).unwrap_or_default();
    let plain = STANDARD.encode(format!("\0{}\0{}", secret("user"), secret("password")));
    let texts = run.params.iter().filter(|(name, _)| TEXTS.contains(&name.as_str()));
    let texts: Map<String, Value> = texts.map(|(name, text)| (name.clone(), text.clone())).collect();
    let names = recipients.iter().filter_map(|mailbox| mailbox.name.clone());
    // A shorter one is found in ordinary words.
    let names = names.filter(|name| name.chars().count() >= NAME_CHARS_MIN);
    let addresses = recipients.iter().chain([&config.from]).map(|mailbox| mailbox.email.to_string());
    addresses
        .chain(names)
        .fold(Hidden::of(run.secrets).and(plain), |hidden, text| hidden.and_as(text, ADDRESS))
        .and_body(text_of(message))
        .and_body(Value::from(texts).to_string().as_bytes())
}

/// A message without its headers, which name who sends and gets it.
fn text_of(message: &[u8]) -> &[u8] {
    let end = message.windows(HEADERS_END.len()).position(|bytes| bytes == HEADERS_END);
    end.and_then(|end| message.get(end..)).unwrap_or_default()
}

/// For whom the server took a message.
#[derive(Default)]
struct SentEmail {
    accepted: Vec<Address>,
    refused: Vec<RefusedRecipient>,
    /// The server's last word; empty if it took it for nobody.
    response: String,
}

/// A recipient for whom the server did not take it.
struct RefusedRecipient {
    address: Address,
    why: Undelivered,
}

impl SentEmail {
    /// Those for whom the server may take it later.
    fn passing(&self) -> impl Iterator<Item = &RefusedRecipient> {
        self.refused.iter().filter(|refused| refused.why.retry() != Retry::No)
    }
}

/// Sends one message.
struct EmailSender<'a> {
    run: &'a RunContext<'a>,
    config: &'a EmailConfig,
    composed: &'a Composed,
}

impl EmailSender<'_> {
    /// Sends it to these recipients.
    async fn send(&self, recipients: &[Address]) -> Result<SentEmail, Undelivered> {
        let within = self.run.outgoing.response_timeout();
        let late = |_| Undelivered::from(OutgoingError::TimedOut(within));
        let (mut dialogue, sent) = timeout(within, self.deliver(recipients)).await.map_err(late)??;
        _ = timeout(QUIT_WAIT, dialogue.quit()).await;
        Ok(sent)
    }

    /// Sends it once more to recipients that were refused for a while. The others have it, so a failure of this changes nothing.
    async fn send_again(&self, sent: &mut SentEmail) {
        let again: Vec<Address> = sent.passing().map(|refused| refused.address.clone()).collect();
        if again.is_empty() {
            return;
        }
        sleep(self.run.outgoing.response_timeout() / AGAIN_AFTER).await;
        let Ok(second) = self.send(&again).await else { return };
        sent.refused.retain(|refused| refused.why.retry() == Retry::No);
        sent.refused.extend(second.refused);
        if !second.accepted.is_empty() {
            sent.response = second.response;
            sent.accepted.extend(second.accepted);
        }
    }

    async fn deliver(&self, recipients: &[Address]) -> Result<(AsyncSmtpConnection, SentEmail), Undelivered> {
        let (config, host) = (self.config, self.config.host.to_string());
        let opened = connection::open(self.run.outgoing, config).await?;
        self.run.outgoing.note_sent();
        let mut dialogue = opened.dialogue;
        if config.has_auth {
            if !opened.is_private {
                let why =
                    "no password is sent without encryption beyond this machine, and the server offers none";
                return Err(Undelivered::Unable(format!("{host}: {why}")));
            }
            let secret = |name| {
                let text = self.run.secrets.get(name);
                text.map(|text| text.expose_secret().to_owned()).unwrap_or_default()
            };
            let credentials = Credentials::new(secret("user"), secret("password"));
            let signed_in = dialogue.auth(DEFAULT_MECHANISMS, &credentials).await;
            signed_in.map_err(|error| Undelivered::of("Invalid login", &host, &error))?;
        }
        let bytes = self.composed.message.formatted();
        let addresses = std::iter::once(&config.from.email).chain(recipients);
        let extensions = extensions(&dialogue, &bytes, addresses)?;
        let begun = dialogue.command(Mail::new(Some(config.from.email.clone()), extensions)).await;
        begun.map_err(|error| Undelivered::of("Mail command failed", &host, &error))?;
        let mut sent = SentEmail::default();
        for address in recipients.iter().cloned() {
            match dialogue.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => sent.accepted.push(address),
                Err(error) => {
                    match Undelivered::of("Can't send mail - all recipients were rejected", &host, &error) {
                        why @ Undelivered::Refused { .. } => {
                            sent.refused.push(RefusedRecipient { address, why });
                        }
                        other @ (Undelivered::Connection(_) | Undelivered::Unable(_)) => return Err(other),
                    }
                }
            }
        }
        if sent.accepted.is_empty() {
            return Ok((dialogue, sent));
        }
        let ready = dialogue.command(Data).await;
        ready.map_err(|error| Undelivered::of("Data command failed", &host, &error))?;
        let done = dialogue.message(&bytes).await;
        let done = done.map_err(|error| Undelivered::of("Message failed", &host, &error))?;
        sent.response = format!("{} {}", done.code(), done.message().collect::<Vec<_>>().join(" "));
        Ok((dialogue, sent))
    }
}

/// What the message needs of the server beyond ASCII.
fn extensions<'a>(
    dialogue: &AsyncSmtpConnection,
    bytes: &[u8],
    mut addresses: impl Iterator<Item = &'a Address>,
) -> Result<Vec<MailParameter>, Undelivered> {
    let has = |extension| dialogue.server_info().supports_feature(extension);
    let lacks =
        |what| Undelivered::Unable(format!("the server does not support {what}, which an address requires"));
    let mut parameters = Vec::new();
    if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        if !has(Extension::SmtpUtfEight) {
            return Err(lacks("SMTPUTF8"));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !bytes.is_ascii() {
        if !has(Extension::EightBitMime) {
            return Err(lacks("8BITMIME"));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}
