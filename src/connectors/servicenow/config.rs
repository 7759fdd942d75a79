//! Settings and credentials of an instance.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::super::{
    connector::ConnectorSecrets,
    fields::{StrictFields, only},
};

const SECRETS: [&str; 5] = ["username", "password", "clientSecret", "privateKey", "privateKeyPassword"];

/// Settings of an instance.
pub struct ServiceNowConfig {
    /// Its address, without a slash at the end.
    pub api_url: Url,
    /// Whether incidents are written into their table, or by Elastic's application in the instance.
    pub uses_table_api: bool,
    /// With defaults.
    pub shown: Map<String, Value>,
}

impl ServiceNowConfig {
    /// Reads the settings.
    pub fn read(config: &Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(config);
        let text = fields.required_text("apiUrl")?.trim_end_matches('/');
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let api_url = url.ok_or("error configuring connector action: unable to parse apiUrl")?;
        let uses_table_api = fields.flag("usesTableApi")?.unwrap_or(true);
        if fields.flag("isOAuth")?.unwrap_or(false) {
            return Err("isOAuth = true is not supported: ccfd uses username and password".to_owned());
        }
        for name in ["userIdentifierValue", "clientId", "jwtKeyId"] {
            if fields.any(name).is_some() {
                return Err(format!("{name} should not be provided with isOAuth = false"));
            }
        }
        fields.finish()?;
        let mut shown = config.clone();
        for (name, default) in [("usesTableApi", true.into()), ("isOAuth", false.into())] {
            shown.entry(name).or_insert(default);
        }
        for name in ["userIdentifierValue", "clientId", "jwtKeyId"] {
            shown.entry(name).or_insert(Value::Null);
        }
        Ok(Self { api_url, uses_table_api, shown })
    }
}

/// Checks the secrets.
pub fn check_secrets(secrets: &ConnectorSecrets) -> Result<(), String> {
    credentials(secrets).map(drop)
}

/// User and password.
pub fn credentials(secrets: &ConnectorSecrets) -> Result<(&str, &SecretString), String> {
    only(secrets, &SECRETS)?;
    let is_oauth = ["clientSecret", "privateKey", "privateKeyPassword"];
    if is_oauth.iter().any(|name| secrets.get(name).is_some()) {
        let names = "clientId, clientSecret, userIdentifierValue, jwtKeyId and privateKey";
        return Err(format!("{names} should not be provided with isOAuth = false"));
    }
    match (secrets.get("username"), secrets.get("password")) {
        (Some(user), Some(password)) => Ok((user.expose_secret(), password)),
        (None, None) => Err("Either basic auth or OAuth credentials must be specified".to_owned()),
        (Some(_), None) | (None, Some(_)) => Err("username and password must both be specified".to_owned()),
    }
}
