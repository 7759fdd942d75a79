//! JSON bodies, read as Kibana reads them: the media type, the size that a route allows, and the shape.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde_json::{Map, Value};

use super::{Kibana, KibanaError, fields::RequestFields};
use crate::admin::body::{BodyRoom, ReceivedBody, drop_body};

/// Memory of what begins with a byte of JSON, beside its text, at most: a value in its container, which grows by doubling;
/// the first allocation of an array; that of an object, which has room for eleven fields.
const VALUE_BYTES: usize = 64;
const ARRAY_BYTES: usize = 192;
const OBJECT_BYTES: usize = 640;

/// A body that is one JSON object, of at most so many bytes.
pub(super) struct JsonBody<const MAX: usize> {
    object: Map<String, Value>,
    room: BodyRoom,
}

impl<const MAX: usize> JsonBody<MAX> {
    /// The fields of the object, and the memory that they take until the handler is done.
    pub(super) fn fields(self) -> (RequestFields, BodyRoom) {
        (RequestFields::of_body(self.object), self.room)
    }
}

impl<const MAX: usize> FromRequest<Arc<Kibana>> for JsonBody<MAX> {
    type Rejection = KibanaError;

    async fn from_request(request: Request, kibana: &Arc<Kibana>) -> Result<Self, KibanaError> {
        let (head, body) = request.into_parts();
        if !is_json(&head.headers) {
            drop_body(&head.headers, body).await;
            return Err(KibanaError::bare(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = ReceivedBody::read(&head.headers, body, MAX, &kibana.memory).await?;
        let parsed = parsed_bytes(&body.bytes);
        let (bytes, room) = body.with_parsed(parsed).await?;
        let value = if bytes.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .map_err(|_| KibanaError::bad_request("Invalid request payload JSON format"))?
        };
        match value {
            Value::Object(object) => Ok(Self { object, room }),
            other => {
                let found = super::fields::kind(Some(&other));
                let message =
                    format!("[request body]: expected a plain object value, but found [{found}] instead.");
                Err(KibanaError::bad_request(message))
            }
        }
    }
}

/// Without a type it is JSON, as for Kibana.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return true };
    let given = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = given.trim().to_ascii_lowercase();
    let named = kind.strip_prefix("application/");
    named.is_some_and(|name| name == "json" || name.ends_with("+json"))
}

/// How much memory a text takes once it is parsed, at most: its letters, and each value. What is inside of texts counts, too.
fn parsed_bytes(text: &[u8]) -> usize {
    let next = text.iter().copied().skip(1).chain([0]);
    text.iter().zip(next).fold(text.len(), |sum, (byte, next)| {
        sum.saturating_add(match (byte, next) {
            (b'{', b'}') | (b'[', b']') | (b',' | b':', _) => VALUE_BYTES,
            (b'[', _) => ARRAY_BYTES,
            (b'{', _) => OBJECT_BYTES,
            (_, _) => 0,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_json() {
        let is =
            |value: &str| is_json(&[(header::CONTENT_TYPE, value.parse().unwrap())].into_iter().collect());
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"] {
            assert!(is(json), "{json}");
        }
        for other in ["text/plain", "application/x-ndjson", "multipart/form-data", "application/", ""] {
            assert!(!is(other), "{other}");
        }
        assert!(is_json(&HeaderMap::new()));
    }

    #[test]
    fn a_small_text_that_becomes_much_is_counted_as_much() {
        let of = |value: &str| {
            let text = format!("[{}]", vec![value; 1000].join(","));
            (parsed_bytes(text.as_bytes()) - text.len()) / 1000
        };
        assert_eq!((of("1"), of("{}"), of("[]")), (64, 128, 128));
        assert!(of("{\"a\":1}") > 11 * (size_of::<String>() + size_of::<Value>()));
        assert!(of("[1]") > 4 * size_of::<Value>());
    }
}
