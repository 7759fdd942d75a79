//! The request to the provider.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::Url;

use super::{
    body::{BodyChanges, changed},
    config::{GenAiConfig, Provider},
    secrets::GenAiSecrets,
};
use crate::connectors::outgoing::OutgoingRequest;

const API_KEY: HeaderName = HeaderName::from_static("api-key");
const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");
/// What follows the deployment in Azure's paths.
const AZURE_ENDS: [&str; 3] = ["chat/completions", "completions", "extensions/chat/completions"];

/// A request with a caller's body.
pub(super) fn request(
    config: &GenAiConfig,
    secrets: &GenAiSecrets,
    body: &str,
    is_streamed: bool,
) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::POST,
        url: config.url.clone(),
        headers: headers(config, secrets),
        body: body_of(config, body, is_streamed),
        timeout: None,
        is_streamed,
        is_beginning_enough: false,
        identity: secrets.identity.clone(),
    }
}

fn body_of(config: &GenAiConfig, body: &str, is_streamed: bool) -> Bytes {
    let include_usage = match config.provider {
        Provider::OpenAi => true,
        Provider::Azure if is_azure(&config.url) => true,
        // Kibana leaves the body alone where it does not know what the address is.
        Provider::Azure => return Bytes::copy_from_slice(body.as_bytes()),
        // Not all of them know the option.
        Provider::Other => false,
    };
    let changes = BodyChanges { model: config.default_model.as_deref(), stream: is_streamed, include_usage };
    Bytes::from(changed(body, changes).into_owned())
}

/// What a body asks, without the name of the model: errors name it.
pub(super) fn asked(body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Value::Object(mut members)) => {
            members.remove("model");
            Value::Object(members).to_string()
        }
        Ok(_) | Err(_) => body.to_owned(),
    }
}

/// Whether an address is one of Azure's: `/openai/deployments/{deployment}/chat/completions?api-version={version}`.
fn is_azure(url: &Url) -> bool {
    let path = url.path().strip_prefix("/openai/deployments/").and_then(|rest| rest.split_once('/'));
    path.is_some_and(|(deployment, end)| !deployment.is_empty() && AZURE_ENDS.contains(&end))
        && url.query_pairs().any(|(name, version)| name == "api-version" && !version.is_empty())
}

/// Headers of the settings go before those of the provider, and no header goes before the key.
fn headers(config: &GenAiConfig, secrets: &GenAiSecrets) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [(ORGANIZATION, &config.organization), (PROJECT, &config.project)] {
        if let Some(value) = value.as_deref().and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    for (name, value) in &config.headers {
        headers.insert(name, value.clone());
    }
    if let Some(key) = &secrets.key {
        let key = key.expose_secret();
        let (name, value) = match config.provider {
            Provider::OpenAi | Provider::Other => (header::AUTHORIZATION, format!("Bearer {key}")),
            Provider::Azure => (API_KEY, key.to_owned()),
        };
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::{
        connector::ConnectorSecrets,
        gen_ai::{config, secrets},
    };

    const AZURE: &str =
        "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2026-01-01";

    fn request_of(mut config: serde_json::Value, body: &str, is_streamed: bool) -> OutgoingRequest {
        if config.get("apiUrl").is_none() {
            config["apiUrl"] = json!("https://api.openai.com//v1/chat/completions/");
        }
        let (config, _) = config::read(config.as_object().unwrap()).unwrap();
        let secrets = ConnectorSecrets([("apiKey".to_owned(), "sk-secret".into())].into());
        request(&config, &secrets::read(&config, &secrets).unwrap(), body, is_streamed)
    }

    fn header<'a>(request: &'a OutgoingRequest, name: &str) -> Option<&'a str> {
        request.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn the_key_and_the_names_of_the_account_are_headers() {
        let config = json!({
            "apiProvider": "OpenAI", "organizationId": "org-1", "projectId": "proj_1",
            "headers": { "OpenAI-Project": "proj_2", "Authorization": "Bearer stolen", "x-team": "soc" },
        });
        let sent = request_of(config, "{}", false);
        assert_eq!(sent.url.as_str(), "https://api.openai.com/v1/chat/completions");
        assert_eq!(header(&sent, "authorization"), Some("Bearer sk-secret"), "the key wins");
        assert_eq!(header(&sent, "openai-organization"), Some("org-1"));
        assert_eq!(header(&sent, "openai-project"), Some("proj_2"), "the settings' own headers win");
        assert_eq!((header(&sent, "x-team"), header(&sent, "api-key")), (Some("soc"), None));
        assert!(!format!("{sent:?}").contains("sk-secret"), "{sent:?}");
    }

    #[test]
    fn azure_gets_its_key_in_its_own_header_and_a_body_only_where_the_path_is_known() {
        let config = |url: &str| json!({ "apiProvider": "Azure OpenAI", "apiUrl": url });
        let sent = request_of(config(AZURE), "{}", true);
        assert_eq!((header(&sent, "api-key"), header(&sent, "authorization")), (Some("sk-secret"), None));
        assert_eq!(sent.body, r#"{"stream":true,"stream_options":{"include_usage":true}}"#);
        for end in ["completions", "extensions/chat/completions"] {
            let url = AZURE.replace("chat/completions", end);
            assert_eq!(request_of(config(&url), "{}", false).body, r#"{"stream":false}"#, "{end}");
        }
        for unknown in [
            AZURE.split_once('?').unwrap().0.to_owned(),
            AZURE.replace("deployments/d", "deployments/d/e"),
            AZURE.replace("chat/completions", "responses"),
        ] {
            assert_eq!(request_of(config(&unknown), "{}", true).body, "{}", "{unknown}");
        }
    }

    #[test]
    fn other_providers_are_not_asked_for_what_they_may_not_know() {
        let config = json!({ "apiProvider": "Other", "defaultModel": "m" });
        assert_eq!(request_of(config, "{}", true).body, r#"{"model":"m","stream":true}"#);
        let config = json!({ "apiProvider": "OpenAI", "temperature": 0.7, "contextWindowLength": 9 });
        assert_eq!(request_of(config, "{}", false).body, r#"{"model":"gpt-4.1","stream":false}"#);
        let config = json!({ "apiProvider": "OpenAI" });
        assert_eq!(request_of(config, "no json", false).body, "no json");
    }
}
