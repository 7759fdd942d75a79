//! Secrets of a webhook, and what of them goes into a request.

use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use super::{
    super::{connector::ConnectorSecrets, fields::only, outgoing::OutgoingIdentity},
    config::{WebhookAuthType, WebhookConfig, headers, pem},
    signature,
};

const SECRETS: [&str; 8] =
    ["user", "password", "crt", "key", "pfx", "clientSecret", "secretHeaders", "hmacKey"];

/// Kibana's words for secrets that do not belong together.
const MIXED: &str = "must specify one of the following schemas: user and password; crt and key (with optional password); \
                     pfx (with optional password); or clientSecret (for OAuth2)";

/// What goes into each request.
pub struct WebhookAuth {
    /// Headers, marked as sensitive.
    pub headers: HeaderMap,
    /// The certificate of this side, and how the server's is verified.
    pub identity: Option<OutgoingIdentity>,
    /// The key that signs bodies.
    pub signing: Option<hmac::Key>,
    /// What a receiver may repeat of it.
    pub sent: Vec<SecretString>,
}

impl WebhookAuth {
    /// Reads the secrets, for these settings.
    pub fn read(config: &WebhookConfig, secrets: &ConnectorSecrets) -> Result<Self, String> {
        only(secrets, &SECRETS)?;
        if secrets.get("pfx").is_some() || secrets.get("clientSecret").is_some() {
            return Err("pfx and clientSecret are not supported".to_owned());
        }
        let (mut headers, mut sent) = secret_headers(secrets)?;
        let (user, password) = (secrets.get("user"), secrets.get("password"));
        let (crt, key) = (secrets.get("crt"), secrets.get("key"));
        let pair = match (user, password, crt, key) {
            (Some(user), Some(password), None, None) => {
                let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
                let encoded = STANDARD.encode(pair);
                if config.auth == WebhookAuthType::Basic {
                    let value = HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| MIXED)?;
                    headers.insert(header::AUTHORIZATION, sensitive(value));
                }
                sent.push(encoded.into());
                None
            }
            (None, Some(_), Some(_), Some(_)) => {
                return Err("a key with a password is not supported".to_owned());
            }
            (None, None, Some(crt), Some(key)) => {
                let pem =
                    |name, secret: &SecretString| pem(name, secret.expose_secret()).map(SecretString::from);
                Some((pem("crt", crt)?, pem("key", key)?))
            }
            (None, None, None, None) => None,
            _ => return Err(MIXED.to_owned()),
        };
        // Without user and password nothing is sent of them, as in Kibana: many scripts give none and leave hasAuth as it is.
        if config.auth == WebhookAuthType::Certificate && pair.is_none() {
            return Err("crt and key must be specified, or hasAuth must be false".to_owned());
        }
        let certificate_and_key = pair.filter(|_| config.auth == WebhookAuthType::Certificate);
        let (authorities, verification) = (config.authorities.clone(), config.verification);
        let is_special = certificate_and_key.is_some() || authorities.is_some() || verification.is_some();
        let identity =
            is_special.then_some(OutgoingIdentity { certificate_and_key, authorities, verification });
        let signing = secrets.get("hmacKey").map(signature::key).transpose()?;
        Ok(Self { headers, identity, signing, sent })
    }
}

/// Headers that are secrets: an object in JSON. Returns them, and their texts.
fn secret_headers(secrets: &ConnectorSecrets) -> Result<(HeaderMap, Vec<SecretString>), String> {
    let Some(json) = secrets.get("secretHeaders") else { return Ok(Default::default()) };
    let read = serde_json::from_str(json.expose_secret());
    let texts: std::collections::BTreeMap<String, String> =
        read.map_err(|_| "[secretHeaders]: expected an object with texts".to_owned())?;
    let pairs: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut headers = headers(&pairs)?;
    headers.values_mut().for_each(|value| value.set_sensitive(true));
    // A receiver repeats a token rather than the word before it.
    let words = texts.values().flat_map(|text| text.split_whitespace());
    let sent = words.map(SecretString::from).chain(texts.values().flat_map(|text| user_and_password(text)));
    Ok((headers, sent.collect()))
}

/// What a value of the scheme `Basic` has inside: a receiver may repeat what it has decoded.
fn user_and_password(value: &str) -> Vec<SecretString> {
    let encoded = value.trim().split_once(char::is_whitespace);
    let encoded = encoded.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let decoded =
        encoded.and_then(|(_, text)| STANDARD_NO_PAD.decode(text.trim().trim_end_matches('=')).ok());
    let Some(pair) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) else { return Vec::new() };
    let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
    let parts = [pair.as_str(), user, password].into_iter().filter(|text| !text.is_empty());
    parts.map(SecretString::from).collect()
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
