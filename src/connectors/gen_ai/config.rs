//! The settings of a connector: one form for each provider, as in Kibana.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value};
use url::Url;

use crate::connectors::{
    fields::StrictFields,
    outgoing::{Outgoing, Verification},
};

/// The model of OpenAI's connectors that name none. It is filled in where everyone sees it: in the settings.
const DEFAULT_MODEL: &str = "gpt-4.1";
/// Headers that only the HTTP client may write: with them, a request could mean another host or another body.
const OF_THE_CLIENT: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
];

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    /// OpenAI.
    OpenAi,
    /// Azure OpenAI.
    Azure,
    /// Any other API of the same form.
    Other,
}

/// The settings, as far as requests need them. `contextWindowLength`, `temperature` and `enableNativeFunctionCalling` are
/// kept for those who read them, and change no request.
#[derive(Clone, Debug)]
pub(super) struct GenAiConfig {
    pub(super) provider: Provider,
    pub(super) url: Url,
    pub(super) default_model: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) verification: Option<Verification>,
}

/// Reads the settings, and fills in the default model.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub(super) fn read(config: &Map<String, Value>) -> Result<(GenAiConfig, Map<String, Value>), String> {
    let mut fields = StrictFields::exact(config);
    let provider = match fields.required_text("apiProvider")? {
        "OpenAI" => Provider::OpenAi,
        "Azure OpenAI" => Provider::Azure,
        "Other" => Provider::Other,
        other => return Err(unusable(&format!("API Provider is not supported: {other}"))),
    };
    let url = fields.required_text("apiUrl")?;
    let mut default_model = match provider {
        Provider::OpenAi | Provider::Azure => fields.text("defaultModel")?,
        Provider::Other => Some(fields.required_text("defaultModel")?),
    };
    let (mut organization, mut project, mut verification) = (None, None, None);
    match provider {
        Provider::OpenAi => {
            default_model = default_model.or(Some(DEFAULT_MODEL));
            organization = fields.text("organizationId")?;
            project = fields.text("projectId")?;
        }
        Provider::Azure => {}
        Provider::Other => {
            verification = fields.text("verificationMode")?.map(verification_of).transpose()?;
            fields.flag("enableNativeFunctionCalling")?;
        }
    }
    fields.number("contextWindowLength")?;
    fields.number("temperature")?;
    let headers = headers(&fields.text_map("headers")?)?;
    fields.finish()?;
    let mut filled = config.clone();
    if let Some(model) = default_model {
        filled.insert("defaultModel".to_owned(), Value::from(model));
    }
    let read = GenAiConfig {
        provider,
        url: parsed(url)?,
        default_model: default_model.map(str::to_owned),
        organization: organization.map(str::to_owned),
        project: project.map(str::to_owned),
        headers,
        verification,
    };
    Ok((read, filled))
}

/// Reads the settings of a connector that is being made or changed; its host must be allowed.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub(super) fn check(config: &Map<String, Value>, outgoing: &Outgoing) -> Result<Map<String, Value>, String> {
    let (read, filled) = read(config)?;
    outgoing.check(&read.url).map_err(|refused| unusable(&format!("error validating url: {refused}")))?;
    Ok(filled)
}

/// What Kibana says of settings that have the right form and cannot be used.
fn unusable(reason: &str) -> String {
    format!("Error configuring OpenAI action: Error: {reason}")
}

fn parsed(url: &str) -> Result<Url, String> {
    let url = Url::parse(&normalized(url)).map_err(|_| unusable("URL Error: Invalid URL"))?;
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err(unusable("URL Error: Invalid protocol")),
    }
    if url.host().is_none() {
        return Err(unusable("URL Error: URL must contain hostname"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("URL Error: the URL has a user name or a password; use apiKey or headers"));
    }
    Ok(url)
}

/// The address without a slash at its end, and without empty segments.
pub(super) fn normalized(url: &str) -> String {
    let url = url.strip_suffix('/').unwrap_or(url);
    let mut kept = String::with_capacity(url.len());
    for c in url.chars() {
        // The two slashes behind the scheme are kept.
        if c == '/' && kept.ends_with('/') && !kept.ends_with(":/") {
            continue;
        }
        kept.push(c);
    }
    kept
}

fn verification_of(word: &str) -> Result<Verification, String> {
    match word {
        "full" => Ok(Verification::Full),
        "certificate" => Ok(Verification::Certificate),
        "none" => Ok(Verification::None),
        _ => {
            Err("[verificationMode]: types that failed validation: expected full, certificate or none"
                .to_owned())
        }
    }
}

/// Headers of the settings. They may hold keys, so no error and no log shows their values.
fn headers(given: &[(&str, &str)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let parsed = HeaderName::try_from(*name).ok().zip(HeaderValue::try_from(*value).ok());
        let Some((header, mut value)) = parsed else {
            return Err(format!("[headers.{name}]: not a header"));
        };
        if OF_THE_CLIENT.contains(&header) {
            return Err(format!("[headers.{name}]: this header cannot be set"));
        }
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://api.openai.com/v1/chat/completions";

    fn read_json(config: Value) -> Result<(GenAiConfig, Map<String, Value>), String> {
        let Value::Object(config) = config else { panic!("no object") };
        read(&config)
    }

    fn reason(config: Value) -> String {
        read_json(config).map(drop).expect_err("refused")
    }

    #[test]
    fn each_provider_has_its_own_settings_and_defaults() {
        let (_, filled) = read_json(json!({ "apiProvider": "OpenAI", "apiUrl": URL })).unwrap();
        assert_eq!(filled["defaultModel"], "gpt-4.1");
        let azure = json!({ "apiProvider": "Azure OpenAI", "apiUrl": URL, "temperature": 0.2 });
        let (read, filled) = read_json(azure.clone()).unwrap();
        assert_eq!((read.default_model, Value::Object(filled)), (None, azure), "nothing is added");
        let other = json!({
            "apiProvider": "Other", "apiUrl": URL, "defaultModel": "m", "verificationMode": "certificate",
            "headers": { "x-team": "soc" }, "contextWindowLength": 8000, "enableNativeFunctionCalling": true,
        });
        let (read, filled) = read_json(other.clone()).unwrap();
        assert_eq!(Value::Object(filled), other);
        assert_eq!(read.verification, Some(Verification::Certificate));
        assert!(read.headers["x-team"].is_sensitive(), "headers may hold keys");
    }

    #[test]
    fn what_is_missing_unknown_or_of_another_type_is_named_as_kibana_names_it() {
        let expected = |name: &str, kind: &str, found: &str| {
            format!("[{name}]: expected value of type [{kind}] but got [{found}]")
        };
        assert_eq!(reason(json!({})), expected("apiProvider", "string", "undefined"));
        assert_eq!(reason(json!({ "apiProvider": "OpenAI" })), expected("apiUrl", "string", "undefined"));
        let other = json!({ "apiProvider": "Other", "apiUrl": URL });
        assert_eq!(reason(other), expected("defaultModel", "string", "undefined"));
        let number = json!({ "apiProvider": "OpenAI", "apiUrl": URL, "organizationId": 1 });
        assert_eq!(reason(number), expected("organizationId", "string", "number"));
        let header = json!({ "apiProvider": "OpenAI", "apiUrl": URL, "headers": { "a": null } });
        assert_eq!(reason(header), expected("headers.a", "string", "null"));
        let unknown = json!({ "apiProvider": "OpenAI", "apiUrl": URL, "verificationMode": "none" });
        assert_eq!(reason(unknown), "[verificationMode]: definition for this key is missing");
        let provider = json!({ "apiProvider": "Bedrock", "apiUrl": URL });
        assert_eq!(
            reason(provider),
            "Error configuring OpenAI action: Error: API Provider is not supported: Bedrock"
        );
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused() {
        for (url, reason_of_it) in [
            ("", "URL Error: Invalid URL"),
            ("api.openai.com/v1", "URL Error: Invalid URL"),
            ("ftp://a/b", "URL Error: Invalid protocol"),
            (
                "https://user:secret@a/b",
                "URL Error: the URL has a user name or a password; use apiKey or headers",
            ),
        ] {
            let said = reason(json!({ "apiProvider": "OpenAI", "apiUrl": url }));
            assert_eq!(said, format!("Error configuring OpenAI action: Error: {reason_of_it}"), "{url}");
        }
    }

    #[test]
    fn a_header_cannot_lead_the_request_elsewhere() {
        for name in ["Host", "content-length", "Transfer-Encoding", "a b"] {
            let config = json!({ "apiProvider": "OpenAI", "apiUrl": URL, "headers": { name: "x" } });
            assert!(reason(config).starts_with(&format!("[headers.{name}]: ")), "{name}");
        }
    }

    #[test]
    fn one_slash_at_the_end_and_doubled_ones_are_removed() {
        for (given, expected) in [
            ("https://a//v1///chat/", "https://a/v1/chat"),
            ("https://a/v1//", "https://a/v1/"),
            ("https:////a/v1", "https://a/v1"),
            ("https://a/v1?x=//y", "https://a/v1?x=/y"),
        ] {
            assert_eq!(normalized(given), expected);
        }
    }
}
