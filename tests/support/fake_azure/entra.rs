//! Hands out tokens: to a client with a secret or an assertion, and to a managed identity.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use tokio_rustls::rustls::ServerConfig;

use super::{ASSERTION, CLIENT_ID, CLIENT_SECRET, IDENTITY_HEADER, TENANT, entra_error};
use crate::support::fake::{Fake, Reply, Request};

/// What Azure gives.
const LIFETIME: Duration = Duration::from_secs(3599);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `Entra::start(Some(ca.server()))`; without TLS only for managed identities.
pub struct Entra {
    pub server: Fake,
    tokens: Tokens,
}

/// The tokens that are about, shared with who takes them.
#[derive(Clone)]
pub struct Tokens(Arc<Mutex<Handed>>);

struct Handed {
    lifetime: Duration,
    count: usize,
    /// Each token with its audience and its end.
    good: HashMap<String, (String, Instant)>,
}

impl Entra {
    pub fn start(tls: Option<ServerConfig>) -> Self {
        let handed = Handed { lifetime: LIFETIME, count: 0, good: HashMap::new() };
        let tokens = Tokens(Arc::new(Mutex::new(handed)));
        let state = tokens.clone();
        let server = Fake::start(tls, move |request| state.answer(request));
        Self { server, tokens }
    }

    /// The value of `IDENTITY_ENDPOINT` on App Service.
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.server.url())
    }

    /// How long the tokens of the next requests live.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.tokens.0.lock().unwrap().lifetime = lifetime;
    }

    /// How many tokens were handed out.
    pub fn count(&self) -> usize {
        self.tokens.0.lock().unwrap().count
    }

    /// Makes every token so far worthless, whatever its lifetime.
    pub fn revoke(&self) {
        self.tokens.0.lock().unwrap().good.clear();
    }

    /// A token without a request, for clients that bring their own.
    pub fn token(&self, audience: &str) -> String {
        self.tokens.hand_out(audience).0
    }

    pub fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }
}

impl Tokens {
    /// Whom this token is for; `None` when it is unknown or too old.
    pub fn audience(&self, token: &str) -> Option<String> {
        let handed = self.0.lock().unwrap();
        let (audience, end) = handed.good.get(token)?;
        (Instant::now() < *end).then(|| audience.clone())
    }

    fn hand_out(&self, audience: &str) -> (String, u64) {
        let mut handed = self.0.lock().unwrap();
        handed.count += 1;
        let (token, lifetime) = (format!("verysecrettoken-{}", handed.count), handed.lifetime);
        // `https://monitor.azure.com//.default` is for an audience with a slash behind it, which is the same.
        let audience = audience.trim_end_matches('/').to_owned();
        handed.good.insert(token.clone(), (audience, Instant::now() + lifetime));
        (token, lifetime.as_secs())
    }

    fn answer(&self, request: &Request) -> Reply {
        let segments = request.segments();
        let path: Vec<_> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), &path[..]) {
            ("POST", [tenant, "oauth2", "v2.0", "token"]) if *tenant == TENANT => self.client(request),
            ("POST", [_, "oauth2", "v2.0", "token"]) => entra_error(400, "invalid_request", 90002),
            ("GET", ["msi", "token"]) => self.identity(request, ("x-identity-header", IDENTITY_HEADER)),
            ("GET", ["metadata", "identity", "oauth2", "token"]) => {
                self.identity(request, ("metadata", "true"))
            }
            _ => Reply::status(404),
        }
    }

    fn client(&self, request: &Request) -> Reply {
        let form: HashMap<_, _> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str);
        let secret = field("client_secret") == Some(CLIENT_SECRET);
        let assertion = field("client_assertion") == Some(ASSERTION)
            && field("client_assertion_type") == Some(ASSERTION_TYPE);
        let audience = field("scope").and_then(|scope| scope.strip_suffix("/.default"));
        if field("grant_type") != Some("client_credentials") {
            return entra_error(400, "unsupported_grant_type", 70003);
        }
        if field("client_id") != Some(CLIENT_ID) {
            return entra_error(400, "unauthorized_client", 700_016);
        }
        match audience {
            _ if !secret && !assertion => entra_error(401, "invalid_client", 7_000_215),
            None => entra_error(400, "invalid_scope", 70011),
            Some(audience) => {
                let (token, seconds) = self.hand_out(audience);
                Reply::json(
                    200,
                    &json!({
                        "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds,
                        "access_token": token,
                    }),
                )
            }
        }
    }

    /// The numbers of a managed identity's answer are strings.
    fn identity(&self, request: &Request, (header, value): (&str, &str)) -> Reply {
        let resource = request.query_field("resource");
        let Some(resource) = resource.filter(|_| request.header(header) == Some(value)) else {
            return Reply::json(400, &json!({ "error": "invalid_request" }));
        };
        let (token, seconds) = self.hand_out(&resource);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Reply::json(
            200,
            &json!({
                "access_token": token, "client_id": CLIENT_ID, "expires_in": seconds.to_string(),
                "expires_on": (now + seconds).to_string(), "resource": resource, "token_type": "Bearer",
            }),
        )
    }
}
