//! Who calls, and in which space.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use secrecy::SecretString;

use super::{Kibana, KibanaError};
use crate::{
    admin::body::drop_body,
    connectors::Caller,
    detect_db::{ApiKey, DEFAULT_SPACE, KeyScope},
};

/// The name of a caller with the token of the admin interface.
const OPERATOR: &str = "admin token";

/// A call that was let in. A handler gets the space that it works on only by saying what it does there.
#[derive(Clone)]
pub(super) struct ApiCall {
    /// `None` for the token of the admin interface, which allows everything.
    key: Option<ApiKey>,
    space: Arc<str>,
    is_space: bool,
}

impl ApiCall {
    /// The space, if the caller may do `what` there.
    pub(super) fn for_scope(&self, scope: KeyScope, what: &str) -> Result<Arc<str>, KibanaError> {
        let may = |key: &ApiKey| key.has_scope(scope) && key.has_space(&self.space);
        if !self.key.as_ref().is_none_or(may) {
            return Err(KibanaError::forbidden(format!("Unauthorized to {what}")));
        }
        if !self.is_space {
            let message = format!("Saved object [space/{}] not found", self.space);
            return Err(KibanaError::new(StatusCode::NOT_FOUND, message));
        }
        Ok(self.space.clone())
    }

    /// Nothing, if the caller may do `what` to all spaces.
    pub(super) fn for_all_spaces(&self, scope: KeyScope, what: &str) -> Result<(), KibanaError> {
        let may = |key: &ApiKey| key.has_scope(scope) && key.spaces.is_none();
        if self.key.as_ref().is_none_or(may) {
            Ok(())
        } else {
            Err(KibanaError::forbidden(format!("Unauthorized to {what}")))
        }
    }

    /// Whether the caller may do anything in a space.
    pub(super) fn has_space(&self, space: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.has_space(space))
    }

    /// Who calls.
    pub(super) fn caller(&self) -> Caller {
        match &self.key {
            Some(key) => Caller::ApiKey(key.name.clone()),
            None => Caller::Operator(OPERATOR.to_owned()),
        }
    }

    /// The same for a line of the log.
    pub(super) fn by(&self) -> &str {
        self.key.as_ref().map_or(OPERATOR, |key| &key.name)
    }
}

impl<S: Sync> FromRequestParts<S> for ApiCall {
    type Rejection = KibanaError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, KibanaError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

/// Lets in requests for a known host, by someone who is known, and from no page of another site.
pub(super) async fn let_in(State(kibana): State<Arc<Kibana>>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    match admitted(&kibana, &head).await {
        Ok(call) => {
            head.extensions.insert(call);
            next.run(Request::from_parts(head, body)).await
        }
        Err(error) => {
            drop_body(&head.headers, body).await;
            error.into_response()
        }
    }
}

async fn admitted(kibana: &Kibana, head: &Parts) -> Result<ApiCall, KibanaError> {
    let headers = &head.headers;
    if !kibana.guard.knows_host(headers) {
        let message = "requests for this Host are refused; allowed_hosts in [admin] accepts more";
        return Err(KibanaError::new(StatusCode::MISDIRECTED_REQUEST, message));
    }
    let space: Arc<str> = space_of(head.uri.path()).into();
    let call = if kibana.guard.knows_token(headers) {
        let is_space = &*space == DEFAULT_SPACE || kibana.has_space(&space).await?;
        ApiCall { key: None, space, is_space }
    } else {
        let credential = credential(headers).ok_or_else(unauthorized)?;
        let asked = space.clone();
        let found = kibana.database.run(move |db| {
            let key = db.api_key_of(&credential)?;
            Ok::<_, KibanaError>((key, db.space(&asked)?.is_some()))
        });
        let (key, is_space) = found.await?;
        ApiCall { key: Some(key.ok_or_else(unauthorized)?), space, is_space }
    };
    let is_safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if !is_safe && !headers.contains_key("kbn-xsrf") && !headers.contains_key("kbn-version") {
        return Err(KibanaError::bad_request("Request must contain a kbn-xsrf header."));
    }
    Ok(call)
}

fn unauthorized() -> KibanaError {
    KibanaError::bare(StatusCode::UNAUTHORIZED)
}

/// What an `Authorization` of the kind `ApiKey` brings.
fn credential(headers: &HeaderMap) -> Option<SecretString> {
    let (kind, credential) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    kind.eq_ignore_ascii_case("apikey").then(|| credential.trim().to_owned().into())
}

/// The space that a path names. Ids of spaces need no percent-encoding, and none with it is known.
fn space_of(path: &str) -> &str {
    let named = path.strip_prefix("/s/").and_then(|rest| rest.split('/').next());
    named.unwrap_or(DEFAULT_SPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_space_or_is_in_the_default_one() {
        for (path, space) in [
            ("/api/actions/connectors", "default"),
            ("/s/default/api/actions/connectors", "default"),
            ("/s/red/api/actions/connectors", "red"),
            ("/s/re%64/api/actions/connectors", "re%64"),
            ("/s/", ""),
            ("/s", "default"),
        ] {
            assert_eq!(space_of(path), space, "{path}");
        }
    }

    #[test]
    fn only_api_keys_are_credentials() {
        let of = |value: &str| {
            credential(&[(header::AUTHORIZATION, value.parse().unwrap())].into_iter().collect()).is_some()
        };
        assert!(of("ApiKey abc") && of("apikey abc"));
        assert!(!of("Basic abc") && !of("Bearer abc") && !of("ApiKey") && !of("abc"));
    }
}
