//! Settings of an SMTP server.

use lettre::message::Mailbox;
use serde_json::{Map, Value};
use url::Url;

use super::{super::fields::StrictFields, mailbox::mailbox, services};
use crate::config::TargetHost;

/// The service that is none: the settings name the host.
const OTHER: &str = "other";

/// The port of servers that are encrypted from the start.
const SMTPS_PORT: u16 = 465;

/// Settings of an SMTP server.
pub struct EmailConfig {
    /// Its address: `smtp://host:port`.
    pub url: Url,
    /// Its host.
    pub host: TargetHost,
    /// Its port.
    pub port: u16,
    /// Whether it is encrypted from the start. Otherwise as soon as it offers that.
    pub is_secure: bool,
    /// The sender.
    pub from: Mailbox,
    /// Whether it requires user and password.
    pub has_auth: bool,
    /// Whether messages may have HTML.
    pub allows_html: bool,
    /// With defaults.
    pub shown: Map<String, Value>,
    service: String,
}

impl EmailConfig {
    /// Reads the settings.
    pub fn read(config: &Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(config);
        let service = fields.text("service")?.unwrap_or(OTHER);
        let (host, given_port) = (fields.text("host")?, port(&mut fields)?);
        let secure = fields.flag("secure")?;
        let from = fields.required_text("from")?;
        let from = mailbox(from).ok_or("[from]: not a valid email address")?;
        let has_auth = fields.flag("hasAuth")?.unwrap_or(true);
        let allows_html = fields.flag("allowHtml")?.unwrap_or(false);
        for name in ["tenantId", "clientId", "oauthTokenUrl"] {
            if fields.any(name).is_some() {
                return Err(fields.refused(name, "OAuth authentication is not supported"));
            }
        }
        let (host, port, is_secure) = match (service, services::server(service)) {
            (OTHER, _) => match (host, given_port) {
                (Some(host), Some(port)) => (host, port, secure.unwrap_or(port == SMTPS_PORT)),
                (None, None) => return Err("[host]/[port] is required".to_owned()),
                (None, Some(_)) => return Err("[host] is required".to_owned()),
                (Some(_), None) => return Err("[port] is required".to_owned()),
            },
            (_, Some(server)) => server,
            (_, None) => return Err(fields.refused("service", "value is not valid")),
        };
        let target = TargetHost::parse(host).ok_or_else(|| fields.refused("host", "value is not valid"))?;
        let url = Url::parse(&format!("smtp://{target}:{port}"));
        let url = url.map_err(|_| fields.refused("host", "value is not valid"))?;
        fields.finish()?;
        Ok(Self {
            url,
            host: target,
            port,
            is_secure,
            from,
            has_auth,
            allows_html,
            shown: with_defaults(config, service, given_port, has_auth, allows_html),
            service: service.to_owned(),
        })
    }

    /// That the host is not among those that may be reached.
    pub fn host_refused(&self) -> String {
        let host = &self.host;
        if self.service == OTHER {
            return format!("[host] value '{host}' is not in the allowedHosts configuration");
        }
        let service = &self.service;
        format!(
            "[service] value '{service}' resolves to host '{host}' which is not in the allowedHosts configuration"
        )
    }
}

/// A number, or the text of one.
fn port(fields: &mut StrictFields<'_>) -> Result<Option<u16>, String> {
    let Some(value) = fields.any("port") else { return Ok(None) };
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let port = number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    port.map(Some).ok_or_else(|| fields.refused("port", "expected a number from 1 to 65535"))
}

fn with_defaults(
    config: &Map<String, Value>,
    service: &str,
    port: Option<u16>,
    has_auth: bool,
    allows_html: bool,
) -> Map<String, Value> {
    let mut shown = config.clone();
    for (name, value) in [
        ("service", Value::from(service)),
        ("port", port.into()),
        ("hasAuth", has_auth.into()),
        ("allowHtml", allows_html.into()),
    ] {
        shown.insert(name.to_owned(), value);
    }
    for name in ["host", "secure", "tenantId", "clientId", "oauthTokenUrl"] {
        shown.entry(name).or_insert(Value::Null);
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: Value) -> Result<(String, bool), String> {
        EmailConfig::read(config.as_object().unwrap()).map(|read| (read.url.to_string(), read.is_secure))
    }

    #[test]
    fn the_server_is_the_one_of_the_settings_or_of_the_service() {
        let own = json!({ "from": "a@example.com", "host": "mail.example.com", "port": "587" });
        assert_eq!(read(own), Ok(("smtp://mail.example.com:587".to_owned(), false)));
        let secure = json!({ "from": "a@example.com", "host": "::1", "port": 465 });
        assert_eq!(read(secure), Ok(("smtp://[::1]:465".to_owned(), true)));
        let known = json!({ "from": "a@example.com", "service": "Gmail", "host": "elsewhere", "port": 1 });
        assert_eq!(read(known), Ok(("smtp://smtp.gmail.com:465".to_owned(), true)));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let refused = |config: Value| read(config).unwrap_err();
        assert_eq!(refused(json!({ "from": "a@example.com" })), "[host]/[port] is required");
        assert_eq!(refused(json!({ "from": "a@example.com", "port": 25 })), "[host] is required");
        assert_eq!(refused(json!({ "from": "a@example.com", "host": "h" })), "[port] is required");
        assert_eq!(
            refused(json!({ "from": "a@example.com", "service": "x" })),
            "[service]: value is not valid"
        );
        for config in [
            json!({ "host": "h", "port": 25 }),
            json!({ "from": "a@example.com\r\nBcc: b@example.com", "host": "h", "port": 25 }),
            json!({ "from": "a@example.com", "host": "h/../x", "port": 25 }),
            json!({ "from": "a@example.com", "host": "u@h", "port": 25 }),
            json!({ "from": "a@example.com", "host": "h", "port": 70_000 }),
            json!({ "from": "a@example.com", "host": "h", "port": 25, "clientId": "x" }),
            json!({ "from": "a@example.com", "host": "h", "port": 25, "more": 1 }),
        ] {
            assert!(read(config.clone()).is_err(), "{config}");
        }
    }
}
