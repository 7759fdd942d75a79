//! The secrets of a connector: a key, or a client certificate for providers that ask for one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

use super::config::{GenAiConfig, Provider};
use crate::connectors::{connector::ConnectorSecrets, outgoing::OutgoingIdentity};

const KEY: &str = "apiKey";
const CERTIFICATE: &str = "certificateData";
const PRIVATE_KEY: &str = "privateKeyData";
const AUTHORITIES: &str = "caData";

/// The secrets that a request needs.
pub(super) struct GenAiSecrets {
    pub(super) key: Option<SecretString>,
    pub(super) identity: Option<OutgoingIdentity>,
}

/// Reads the secrets.
///
/// # Errors
///
/// A sentence that says what is wrong, without a secret.
pub(super) fn read(config: &GenAiConfig, secrets: &ConnectorSecrets) -> Result<GenAiSecrets, String> {
    let known: &[&str] = match config.provider {
        Provider::OpenAi | Provider::Azure => &[KEY],
        Provider::Other => &[KEY, CERTIFICATE, PRIVATE_KEY, AUTHORITIES],
    };
    if let Some(unknown) = secrets.0.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("[{unknown}]: definition for this key is missing"));
    }
    let key = secrets.get(KEY).cloned();
    let has = |name| secrets.get(name).is_some();
    let identity = match (has(CERTIFICATE), has(PRIVATE_KEY), has(AUTHORITIES)) {
        (false, false, false) => None,
        (false, false, true) => {
            return Err("PKI configuration requires certificate and private key".to_owned());
        }
        (false, true, _) => return Err("Certificate data must be provided for PKI".to_owned()),
        (true, false, _) => return Err("Private key data must be provided for PKI".to_owned()),
        (true, true, _) => {
            let certificate = pem(secrets, CERTIFICATE, "Certificate data", "CERTIFICATE-----")?;
            let private_key = pem(secrets, PRIVATE_KEY, "Private key data", "PRIVATE KEY-----")?;
            Some(OutgoingIdentity {
                certificate_and_key: certificate.zip(private_key),
                authorities: pem(secrets, AUTHORITIES, "CA data", "CERTIFICATE-----")?
                    .map(|authorities| authorities.expose_secret().to_owned()),
                verification: config.verification,
            })
        }
    };
    if key.is_none() && identity.is_none() {
        return Err(format!("[{KEY}]: expected value of type [string] but got [undefined]"));
    }
    if let Some(key) = &key
        && http::HeaderValue::try_from(key.expose_secret()).is_err()
    {
        return Err(format!("[{KEY}]: has a character that a header cannot have"));
    }
    let only_verified = || {
        let verification = Some(config.verification?);
        Some(OutgoingIdentity { verification, ..OutgoingIdentity::default() })
    };
    Ok(GenAiSecrets { key, identity: identity.or_else(only_verified) })
}

/// A secret that is base64 of a PEM with this label.
fn pem(
    secrets: &ConnectorSecrets,
    name: &str,
    called: &str,
    label: &str,
) -> Result<Option<SecretString>, String> {
    let Some(secret) = secrets.get(name) else { return Ok(None) };
    let text: String = secret.expose_secret().chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let decoded = BASE64_STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let is_pem = |text: &String| text.contains("-----BEGIN ") && text.contains(label);
    match decoded.filter(is_pem) {
        Some(text) => Ok(Some(text.into())),
        None => Err(format!("Invalid {called} file format: the secret must be base64 of a PEM-encoded file")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::gen_ai::config;

    fn read_for(provider: &str, secrets: &[(&str, &str)]) -> Result<GenAiSecrets, String> {
        let config = json!({ "apiProvider": provider, "apiUrl": "https://a/v1", "defaultModel": "m" });
        let (config, _) = config::read(config.as_object().unwrap()).unwrap();
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        read(&config, &ConnectorSecrets(secrets))
    }

    fn base64(text: &str) -> String {
        BASE64_STANDARD.encode(text)
    }

    #[test]
    fn a_key_is_required() {
        let missing = "[apiKey]: expected value of type [string] but got [undefined]";
        for provider in ["OpenAI", "Azure OpenAI", "Other"] {
            assert_eq!(read_for(provider, &[]).err().as_deref(), Some(missing), "{provider}");
            assert!(read_for(provider, &[("apiKey", "sk-1")]).is_ok());
        }
        let line_break = read_for("OpenAI", &[("apiKey", "sk-1\n")]).err().unwrap();
        assert!(!line_break.contains("sk-1"), "{line_break}");
    }

    #[test]
    fn a_certificate_needs_its_key_and_is_only_for_other_providers() {
        let certificate = base64("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----");
        let key = base64("-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----");
        let said = |secrets: &[(&str, &str)]| read_for("Other", secrets).err().unwrap();
        assert_eq!(said(&[("certificateData", &certificate)]), "Private key data must be provided for PKI");
        assert_eq!(said(&[("privateKeyData", &key)]), "Certificate data must be provided for PKI");
        assert_eq!(
            said(&[("caData", &certificate)]),
            "PKI configuration requires certificate and private key"
        );
        let both = [("certificateData", &*certificate), ("privateKeyData", &*key)];
        let read = read_for("Other", &both).unwrap();
        assert!(read.key.is_none() && read.identity.unwrap().certificate_and_key.is_some());
        assert_eq!(
            read_for("OpenAI", &both).err().unwrap(),
            "[certificateData]: definition for this key is missing"
        );
    }

    #[test]
    fn a_certificate_is_base64_of_a_pem() {
        let plain = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        for (certificate, key) in [(plain.to_owned(), base64(plain)), (base64("no pem"), base64(plain))] {
            let secrets = [("certificateData", &*certificate), ("privateKeyData", &*key)];
            let said = read_for("Other", &secrets).err().unwrap();
            assert!(said.starts_with("Invalid Certificate data file format: "), "{said}");
            assert!(said.contains("PEM-encoded") && !said.contains("AA=="), "{said}");
        }
    }
}
