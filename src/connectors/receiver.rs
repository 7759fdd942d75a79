//! Who is asked when a connector runs. What a receiver has said or done holds for it alone, whatever the id of the connector: an
//! id may lead elsewhere tomorrow, and two ids may lead to one receiver.

use serde_json::{Map, Value};
use url::{Host, Url};

use super::{connector::ConnectorSecrets, connector_type::ConnectorType};
use crate::digest::hash_hex;

/// The settings that have the address, by the types that have one there.
const ADDRESSES: [&str; 4] = ["url", "apiUrl", "host", "service"];

/// The address in the settings; empty without one.
pub(super) fn address_in(config: &Map<String, Value>) -> &str {
    ADDRESSES.iter().find_map(|name| config.get(*name)?.as_str()).unwrap_or_default()
}

/// Names a receiver: its type, and a hash of its address, which may be a secret.
pub fn receiver(kind: &dyn ConnectorType, config: &Map<String, Value>, secrets: &ConnectorSecrets) -> String {
    let address = kind.address(config, secrets);
    format!("{} {}", kind.info().id, hash_hex(spelled(address).as_bytes()))
}

/// An address in the one spelling that is compared: those that lead to the same place have the same.
fn spelled(address: &str) -> String {
    let parsed = Url::parse(address).ok().filter(Url::has_host);
    let Some(mut url) = parsed else { return address.to_owned() };
    url.set_fragment(None);
    if url.query() == Some("") {
        url.set_query(None);
    }
    // The root of all names may be written.
    let host = url.host_str().and_then(|host| host.strip_suffix('.')).map(str::to_owned);
    if let Some(host) = host {
        // What was a host without the dot is one.
        _ = url.set_host(Some(&host));
    }
    // An address of IPv4 may be written as one of IPv6.
    if let Some(Host::Ipv6(address)) = url.host()
        && let Some(address) = address.to_ipv4_mapped()
    {
        _ = url.set_ip_host(address.into());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url.into()
}

/// Who has what a run has done: the receiver, or those to whom a carrier has brought it.
pub(super) fn doer(
    kind: &dyn ConnectorType,
    config: &Map<String, Value>,
    secrets: &ConnectorSecrets,
) -> String {
    if kind.is_carrier() { kind.info().id.to_owned() } else { receiver(kind, config, secrets) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::connector_type;

    fn of(type_id: &str, config: Value, secrets: &[(&str, &str)]) -> String {
        let secrets = secrets.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
        receiver(connector_type(type_id).unwrap(), config.as_object().unwrap(), &ConnectorSecrets(secrets))
    }

    #[test]
    fn another_type_or_another_address_is_another_receiver() {
        let all = [
            of(".webhook", json!({ "url": "https://a.example/1" }), &[]),
            of(".webhook", json!({ "url": "https://a.example/2" }), &[]),
            of(".gen-ai", json!({ "apiUrl": "https://a.example/1" }), &[]),
            of(".email", json!({ "host": "a.example" }), &[]),
            of(".email", json!({ "service": "gmail" }), &[]),
            of(".slack", json!({}), &[("webhookUrl", "https://hooks.slack.com/services/T/B/1")]),
            of(".slack", json!({}), &[("webhookUrl", "https://hooks.slack.com/services/T/B/2")]),
        ];
        let names: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(names.len(), all.len(), "{all:?}");
        assert!(all.iter().all(|name| !name.contains("example") && !name.contains("services")), "{all:?}");
        let same = json!({ "url": "https://a.example/1", "method": "put" });
        assert_eq!(of(".webhook", same, &[("user", "ana")]), all[0], "other settings change nothing");
    }

    #[test]
    fn an_address_that_is_spelled_in_another_way_is_the_same_receiver() {
        let named = |url: &str| of(".servicenow", json!({ "apiUrl": url }), &[]);
        for (one, others) in [
            (
                "http://h.example:81/",
                [
                    "http://h.example:81",
                    "HTTP://h.example:81/",
                    "http://H.Example:81//",
                    "http://h.example.:81/",
                ],
            ),
            (
                "https://h.example/a/",
                [
                    "https://h.example/a",
                    "https://h.example:443/a",
                    "https://h.example/a#b",
                    "https://h.example/a/?",
                ],
            ),
            (
                "http://127.0.0.1:81/",
                [
                    "http://[::ffff:127.0.0.1]:81/",
                    "http://[::ffff:7f00:1]:81",
                    "http://[0:0:0:0:0:FFFF:127.0.0.1]:81/",
                    "http://2130706433:81",
                ],
            ),
        ] {
            for other in others {
                assert_eq!(named(one), named(other), "{other}");
            }
        }
        let all = [
            "http://h.example",
            "https://h.example",
            "https://h.example:81",
            "https://h.example/A",
            "https://h.example/a",
            "https://h.example/a?b",
            "h.example",
            "h.example:25",
            "no address",
            "no address/",
        ];
        let names: std::collections::BTreeSet<String> = all.into_iter().map(named).collect();
        assert_eq!(names.len(), all.len());
    }
}
