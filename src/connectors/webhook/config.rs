//! Settings of a webhook.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value};
use url::Url;

use super::super::{fields::StrictFields, outgoing::Verification};

/// What every error about the settings begins with.
const INVALID: &str = "error validation webhook action config: ";

const METHODS: [&str; 5] = ["post", "put", "patch", "get", "delete"];

const BASIC: &str = "webhook-authentication-basic";
const CERTIFICATE: &str = "webhook-authentication-ssl";
/// Forms of authentication that Kibana has and ccfd does not.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("webhook-oauth2-client-credentials", "OAuth2 client credentials authentication is not supported"),
    ("webhook-oauth2-password", "OAuth2 password grant authentication is not supported"),
    ("webhook-query-param", "authentication by a query parameter is not supported"),
];

/// Headers of the connection itself: another value would send the request elsewhere, or cut it differently.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// How a webhook authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookAuthType {
    /// Not at all.
    None,
    /// By user and password.
    Basic,
    /// By a certificate.
    Certificate,
}

/// Settings of a webhook.
pub struct WebhookConfig {
    /// Where it sends to.
    pub url: Url,
    /// By which method.
    pub method: Method,
    /// Headers of each request.
    pub headers: HeaderMap,
    /// How it authenticates.
    pub auth: WebhookAuthType,
    /// Authorities that sign the server's certificate, as PEM.
    pub authorities: Option<String>,
    /// How far the server's certificate is verified, if not as for any other server.
    pub verification: Option<Verification>,
    shown: Map<String, Value>,
}

impl WebhookConfig {
    /// Reads the settings.
    pub fn read(config: &Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(config);
        let url = fields.required_text("url")?;
        let url = Url::parse(url).map_err(|error| format!("{INVALID}unable to parse url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{INVALID}unable to parse url: its scheme is not http or https"));
        }
        let method = fields.one_of("method", &METHODS)?.unwrap_or("post");
        let headers = headers(&fields.text_map("headers")?)?;
        let has_auth = fields.flag("hasAuth")?.unwrap_or(true);
        let auth = auth(has_auth, fields.text("authType")?)?;
        if fields.one_of("certType", &["ssl-crt-key", "ssl-pfx"])? == Some("ssl-pfx") {
            return Err(format!("{INVALID}certType \"ssl-pfx\" is disabled"));
        }
        let authorities = fields.text("ca")?.map(|text| pem("ca", text)).transpose()?;
        let verification = fields.one_of("verificationMode", &["none", "certificate", "full"])?;
        for name in ["accessTokenUrl", "clientId", "scope", "additionalFields"] {
            if fields.any(name).is_some() {
                return Err(format!("{INVALID}[{name}]: OAuth2 authentication is not supported"));
            }
        }
        fields.finish()?;
        Ok(Self {
            url,
            method: Method::from_bytes(method.to_uppercase().as_bytes())
                .map_err(|error| error.to_string())?,
            headers,
            auth,
            authorities,
            verification: verification.map(|mode| match mode {
                "none" => Verification::None,
                "certificate" => Verification::Certificate,
                _ => Verification::Full,
            }),
            shown: with_defaults(config, method, has_auth),
        })
    }

    /// The settings with defaults.
    pub fn shown(self) -> Map<String, Value> {
        self.shown
    }

    /// Whether requests have a body.
    pub fn has_body(&self) -> bool {
        self.method != Method::GET && self.method != Method::DELETE
    }
}

fn with_defaults(config: &Map<String, Value>, method: &str, has_auth: bool) -> Map<String, Value> {
    let mut shown = config.clone();
    shown.insert("method".to_owned(), method.into());
    shown.entry("headers").or_insert(Value::Null);
    shown.insert("hasAuth".to_owned(), has_auth.into());
    if has_auth {
        shown.entry("authType").or_insert(BASIC.into());
    }
    shown
}

fn auth(has_auth: bool, auth_type: Option<&str>) -> Result<WebhookAuthType, String> {
    match (has_auth, auth_type) {
        (false, None) => Ok(WebhookAuthType::None),
        (false, Some(_)) => Err(format!("{INVALID}authType must be null or undefined if hasAuth is false")),
        (true, None | Some(BASIC)) => Ok(WebhookAuthType::Basic),
        (true, Some(CERTIFICATE)) => Ok(WebhookAuthType::Certificate),
        (true, Some(other)) => {
            let known = UNSUPPORTED.iter().find(|(id, _)| *id == other);
            let why = known.map_or("authType: unknown form of authentication", |(_, why)| why);
            Err(format!("{INVALID}{why}"))
        }
    }
}

/// Headers with these names and texts. Those of the connection are refused.
pub fn headers(texts: &[(&str, &str)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, text) in texts {
        let invalid = |why: &str| format!("[headers]: {name:?} {why}");
        let parsed = HeaderName::try_from(*name).map_err(|_| invalid("is no name of a header"))?;
        if OF_THE_CONNECTION.contains(&parsed) {
            return Err(invalid("cannot be set"));
        }
        // Not the text: it may be a secret.
        let value =
            HeaderValue::try_from(*text).map_err(|_| invalid("has a text that no header can carry"))?;
        headers.insert(parsed, value);
    }
    Ok(headers)
}

/// The type of the content, if the settings name one.
pub fn content_type(config: &Map<String, Value>) -> Option<&str> {
    let mut headers = config.get("headers")?.as_object()?.iter();
    headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?.1.as_str()
}

/// A PEM file in Base64, as Kibana's forms send it.
pub fn pem(name: &str, base64: &str) -> Result<String, String> {
    let decoded = STANDARD.decode(base64.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pem = decoded.filter(|text| text.contains("-----BEGIN"));
    pem.ok_or_else(|| format!("[{name}]: not a PEM file in Base64"))
}
