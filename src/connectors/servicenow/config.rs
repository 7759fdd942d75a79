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

/// Checks that the secrets are whole, for one form of authentication or the other.
pub fn check_secrets(secrets: &ConnectorSecrets) -> Result<(), String> {
    only(secrets, &SECRETS)?;
    let has = |name| secrets.get(name).is_some();
    let why = match (has("username"), has("password"), has("clientSecret"), has("privateKey")) {
        (true, true, _, _) | (false, false, true, true) => return Ok(()),
        (false, false, false, false) => "Either basic auth or OAuth credentials must be specified",
        (true, false, _, _) | (false, true, _, _) => "username and password must both be specified",
        (false, false, true, false) | (false, false, false, true) => {
            "clientSecret and privateKey must both be specified"
        }
    };
    Err(why.to_owned())
}

/// User and password, and nothing else: ccfd signs in with these only.
pub fn credentials(secrets: &ConnectorSecrets) -> Result<(&str, &SecretString), String> {
    let missing = |name| format!("{name} must be provided when isOAuth = false");
    let user = secrets.get("username").ok_or_else(|| missing("username"))?;
    let password = secrets.get("password").ok_or_else(|| missing("password"))?;
    if ["clientSecret", "privateKey", "privateKeyPassword"].iter().any(|name| secrets.get(name).is_some()) {
        let names = "clientId, clientSecret, userIdentifierValue, jwtKeyId and privateKey";
        return Err(format!("{names} should not be provided with isOAuth = false"));
    }
    Ok((user.expose_secret(), password))
}
