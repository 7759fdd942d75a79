//! One message, from the connection to the server's last word.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::{
    Address,
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt},
        extension::{Extension, MailBodyParameter, MailParameter},
    },
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    super::{
        outgoing::OutgoingError,
        run::{ErrorSource, Retry, RunContext, RunFailure, RunOutput},
        said::Hidden,
    },
    config::EmailConfig,
    connection,
    message::{Composed, compose},
    params::EmailParams,
    undelivered::Undelivered,
};

/// How long the server may take to say goodbye, after it has accepted the message.
const QUIT_WAIT: Duration = Duration::from_secs(1);

/// Sends one message.
pub async fn run(run: RunContext<'_>) -> Result<RunOutput, RunFailure> {
    let unusable = |why| RunFailure::thrown(why, ErrorSource::User);
    let config = EmailConfig::read(&run.connector.config).map_err(unusable)?;
    let params = EmailParams::read(run.params).map_err(unusable)?;
    if params.html.is_some() && !config.allows_html {
        let why = "HTML email can only be sent when the connector is configured to allow HTML";
        return Err(RunFailure::returned(why, None, Retry::No));
    }
    let recipients: Vec<Address> = params.recipients().map(|mailbox| mailbox.email.clone()).collect();
    let composed = compose(&config, params, run.idempotency_key, run.now).map_err(unusable)?;
    let hidden = hidden(&run, &config, &recipients);
    let within = run.outgoing.response_timeout();
    let late = |_| Undelivered::from(OutgoingError::TimedOut(within));
    let sending = deliver(&run, &config, &composed, &recipients);
    match timeout(within, sending).await.map_err(late).and_then(|sent| sent) {
        Ok(delivered) => {
            let shown = delivered.shown(&config, &composed, &hidden);
            let mut dialogue = delivered.dialogue;
            _ = timeout(QUIT_WAIT, dialogue.quit()).await;
            Ok(RunOutput::data(shown))
        }
        Err(why) => {
            let said = hidden.said(&why.to_string());
            Err(RunFailure::returned("error sending email", Some(said), why.retry()))
        }
    }
}

/// Servers repeat addresses in their errors, and some what they could not authenticate.
fn hidden(run: &RunContext<'_>, config: &EmailConfig, recipients: &[Address]) -> Hidden {
    let secret = |name| run.secrets.get(name).map(ExposeSecret::expose_secret).unwrap_or_default();
    let plain = STANDARD.encode(format!("\0{}\0{}", secret("user"), secret("password")));
    let addresses = recipients.iter().chain([&config.from.email]);
    addresses.fold(Hidden::of(run.secrets).and(plain), |hidden, address| {
        hidden.and_as(address.to_string(), "[address]")
    })
}

/// A message that the server has accepted.
struct AcceptedEmail {
    dialogue: AsyncSmtpConnection,
    accepted: Vec<String>,
    rejected: Vec<String>,
    /// The server's last word.
    response: String,
}

impl AcceptedEmail {
    /// As Kibana's mailer returns it.
    fn shown(&self, config: &EmailConfig, composed: &Composed, hidden: &Hidden) -> Value {
        json!({
            "accepted": self.accepted, "rejected": self.rejected, "response": hidden.said(&self.response),
            "envelope": { "from": config.from.email.to_string(), "to": self.accepted },
            "messageId": composed.id,
        })
    }
}

async fn deliver(
    run: &RunContext<'_>,
    config: &EmailConfig,
    composed: &Composed,
    recipients: &[Address],
) -> Result<AcceptedEmail, Undelivered> {
    let host = config.host.to_string();
    let opened = connection::open(run.outgoing, config).await?;
    run.outgoing.note_sent();
    let mut dialogue = opened.dialogue;
    if config.has_auth {
        if !opened.is_private {
            let why =
                "no password is sent without encryption beyond this machine, and the server offers none";
            return Err(Undelivered::Unable(format!("{host}: {why}")));
        }
        let secret =
            |name| run.secrets.get(name).map(|text| text.expose_secret().to_owned()).unwrap_or_default();
        let credentials = Credentials::new(secret("user"), secret("password"));
        let signed_in = dialogue.auth(DEFAULT_MECHANISMS, &credentials).await;
        signed_in.map_err(|error| Undelivered::of("Invalid login", &host, &error))?;
    }
    let bytes = composed.message.formatted();
    let extensions = extensions(&dialogue, &bytes, std::iter::once(&config.from.email).chain(recipients))?;
    let from = Mail::new(Some(config.from.email.clone()), extensions);
    let begun = dialogue.command(from).await;
    begun.map_err(|error| Undelivered::of("Mail command failed", &host, &error))?;
    let (mut accepted, mut rejected, mut first) = (Vec::new(), Vec::new(), None);
    for recipient in recipients {
        match dialogue.command(Rcpt::new(recipient.clone(), Vec::new())).await {
            Ok(_) => accepted.push(recipient.to_string()),
            Err(error) => {
                match Undelivered::of("Can't send mail - all recipients were rejected", &host, &error) {
                    refused @ Undelivered::Refused { .. } => {
                        rejected.push(recipient.to_string());
                        first.get_or_insert(refused);
                    }
                    other @ (Undelivered::Connection(_) | Undelivered::Unable(_)) => return Err(other),
                }
            }
        }
    }
    if let Some(first) = first.filter(|_| accepted.is_empty()) {
        return Err(first);
    }
    let ready = dialogue.command(Data).await;
    ready.map_err(|error| Undelivered::of("Data command failed", &host, &error))?;
    let done = dialogue.message(&bytes).await;
    let done = done.map_err(|error| Undelivered::of("Message failed", &host, &error))?;
    let response = format!("{} {}", done.code(), done.message().collect::<Vec<_>>().join(" "));
    Ok(AcceptedEmail { dialogue, accepted, rejected, response })
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
