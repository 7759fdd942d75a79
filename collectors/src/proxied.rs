//! Which requests may go through a proxy, and which may carry a key in the clear.

use std::net::IpAddr;

use http::HeaderMap;
use url::{Host, Url};

/// Where the environment names proxies.
const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Whether the environment or the system may name a proxy.
pub(crate) fn environment_has_proxy() -> bool {
    let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(target_os = "linux")) || VARIABLES.iter().any(named)
}

/// Whether a host is this very machine, or answers for it on its own link, as a cloud's metadata service does: what is sent
/// there reaches nobody else, and through a proxy it would.
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

/// Whether a request would show a key to whoever is on its way.
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
