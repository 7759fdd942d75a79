//! Which requests may go through a proxy, and which may carry a key in the clear.

use std::net::IpAddr;

use http::HeaderMap;
use url::{Host, Url};

/// Environment variables that name proxies.
const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Whether the environment or the system may define a proxy.
pub(crate) fn environment_has_proxy() -> bool {
    let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(target_os = "linux")) || VARIABLES.iter().any(named)
}

/// Whether the environment excludes a host from its proxies in a form that other programs support and the
/// library does not: `*` for addresses, `*.example.com`, `example.com:443`.
pub(crate) fn is_excepted(url: &Url) -> bool {
    let list = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy"));
    list.is_ok_and(|list| excepts(&list, url))
}

fn excepts(list: &str, url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    list.split([',', ' ']).any(|entry| {
        let (name, port) = match entry.rsplit_once(':') {
            // An IPv6 address with a port has its colons in brackets.
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
            Some(_) | None => (entry, None),
        };
        let is_port = port.is_none_or(|port| port.parse().ok() == url.port_or_known_default());
        if name == "*" {
            return is_port;
        }
        let name = name.strip_prefix('*').unwrap_or(name).trim_start_matches('.').to_ascii_lowercase();
        let is_below = |host: &str| host.strip_suffix(&*name).is_some_and(|rest| rest.ends_with('.'));
        let is_itself = host == name && !entry.starts_with("*.");
        is_port && !name.is_empty() && (is_itself || is_below(host))
    })
}

/// Whether a host is this machine, or a link-local service such as a cloud's metadata endpoint: a direct
/// request reaches nobody else, one through a proxy would.
pub(crate) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_local_address(address.into()),
        Some(Host::Ipv6(address)) => is_local_address(address.to_canonical()),
        None => false,
    }
}

fn is_local_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}

/// Whether a request would show a key to intermediaries.
pub(crate) fn exposes_key(url: &Url, headers: &HeaderMap) -> bool {
    url.scheme() == "http" && !is_local(url) && headers.values().any(http::HeaderValue::is_sensitive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(url: &str) -> bool {
        is_local(&url.parse().expect("a URL"))
    }

    #[test]
    fn a_host_is_kept_from_proxies_in_every_form_that_is_in_use() {
        let excepted = |list: &str, url: &str| excepts(list, &url.parse().expect("a URL"));
        let url = "https://api.example.com/v1";
        for list in [
            "*",
            "api.example.com",
            "API.Example.com",
            ".example.com",
            "*.example.com",
            "example.com:443",
            "other.example, *.example.com",
            "other.example api.example.com",
        ] {
            assert!(excepted(list, url), "{list}");
        }
        for list in
            ["", ",", "*.", ".", "ample.com", "api.example.com:8443", "*.api.example.com", "10.0.0.0/8"]
        {
            assert!(!excepted(list, url), "{list}");
        }
        for list in ["*", "10.1.2.3", "10.1.2.3:9200"] {
            assert!(excepted(list, "https://10.1.2.3:9200/"), "{list}");
        }
        assert!(excepted("[fd00::1]:9200", "https://[fd00::1]:9200/"));
    }

    #[test]
    fn only_what_this_machine_answers_itself_is_local() {
        for url in [
            "http://localhost:1/v1",
            "http://LOCALHOST/",
            "http://api.localhost/",
            "https://127.8.0.1/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/metadata",
            "http://[fe80::1]/",
        ] {
            assert!(local(url), "{url}");
        }
        for url in [
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://10.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
            "http://0.0.0.0/",
            "https://api.openai.com/v1",
        ] {
            assert!(!local(url), "{url}");
        }
    }
}
