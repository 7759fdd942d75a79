//! Decides which requests are answered, by their `Host` header and their token.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use secrecy::{ExposeSecret, SecretString};

use super::pages::{HERE, refusal};

/// What a listener requires.
#[derive(Debug)]
pub(super) struct Guard {
    /// Required for changes, and for everything if `strict`.
    pub(super) token: Option<SecretString>,
    /// Whether other machines can reach the address: then nothing is shown without the token.
    pub(super) strict: bool,
    /// Allowed hosts in addition to this machine's names; `None` allows any.
    pub(super) hosts: Option<Vec<String>>,
}

const EXPECTED: &str = "expected Authorization: Bearer TOKEN, with the token in admin.json in the state directory, \
                        or the configured one";

const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Guard {
    /// Prevents DNS rebinding: a web page whose name resolves to this machine must not read or change
    /// anything.
    pub(super) fn knows_host(&self, headers: &HeaderMap) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
        let name = without_port(host);
        let known = |one: &str| one.eq_ignore_ascii_case(name);
        THIS_MACHINE.into_iter().any(known) || hosts.iter().any(|one| known(one))
    }

    pub(super) fn knows_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return false };
        let brought = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let brought = brought.and_then(|value| value.strip_prefix(b"Bearer "));
        brought.is_some_and(|brought| {
            let token = token.expose_secret().as_bytes();
            aws_lc_rs::constant_time::verify_slices_are_equal(brought, token).is_ok()
        })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Passes requests for known hosts.
pub(super) async fn for_known_hosts(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if !guard.knows_host(request.headers()) {
        let text = "requests for this Host are refused; allowed_hosts in [admin] accepts more";
        return refusal(StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    if guard.strict && !guard.knows_token(request.headers()) {
        return without_token();
    }
    next.run(request).await
}

/// Passes requests with the token.
pub(super) async fn for_token(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.knows_token(request.headers()) {
        next.run(request).await
    } else if request.uri().path() == "/" {
        unauthorized(format!("{HERE}; {EXPECTED}"))
    } else {
        without_token()
    }
}

fn without_token() -> Response {
    unauthorized(EXPECTED.to_owned())
}

fn unauthorized(text: String) -> Response {
    let mut response = refusal(StatusCode::UNAUTHORIZED, text).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(hosts: &[&str]) -> Guard {
        let hosts = Some(hosts.iter().map(|host| (*host).to_owned()).collect());
        Guard { token: Some("right".into()), strict: false, hosts }
    }

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_not_answered() {
        let guard = guard(&["ccfd.example.com"]);
        let knows = |host| guard.knows_host(&headers(header::HOST, host));
        for host in ["localhost", "LocalHost:8750", "127.0.0.1:1", "[::1]:8750", "ccfd.example.com:443"] {
            assert!(knows(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8750", "127.0.0.1.evil.example", "", "::1"] {
            assert!(!knows(host), "{host}");
        }
        assert!(!guard.knows_host(&HeaderMap::new()));
    }

    #[test]
    fn only_the_whole_token_opens() {
        let guard = guard(&[]);
        let knows = |value| guard.knows_token(&headers(header::AUTHORIZATION, value));
        assert!(knows("Bearer right"));
        for value in ["Bearer righ", "Bearer right2", "Bearer ", "right", "Basic right"] {
            assert!(!knows(value), "{value}");
        }
        let without = Guard { token: None, ..guard };
        assert!(!without.knows_token(&headers(header::AUTHORIZATION, "Bearer ")));
    }
}
