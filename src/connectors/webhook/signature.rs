//! The signature of a body, by the published scheme "Standard Webhooks", which libraries of many languages verify: an
//! HMAC-SHA-256 over the id of the message, the time and the exact bytes of the body.

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::digest::hex;

/// In front of a key in Base64, as the scheme writes keys.
const BASE64_PREFIX: &str = "whsec_";

/// The shortest key, in bytes: those of fewer bits can be guessed from one signature.
const KEY_BYTES_MIN: usize = 16;

/// The id of the message.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When it was sent, in seconds.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Its signature: `v1,` and Base64.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The key of a secret: `whsec_` and Base64, or any other text as it is.
pub fn key(secret: &SecretString) -> Result<hmac::Key, String> {
    let text = secret.expose_secret();
    let bytes = match text.strip_prefix(BASE64_PREFIX) {
        None => text.as_bytes().to_vec(),
        Some(base64) => STANDARD
            .decode(base64)
            .map_err(|_| format!("[hmacKey]: what follows {BASE64_PREFIX} is not Base64"))?,
    };
    if bytes.len() < KEY_BYTES_MIN {
        return Err(format!("[hmacKey]: fewer than {KEY_BYTES_MIN} bytes"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Adds the three headers. Each attempt of a run has its own time and the same id, if the run has one.
pub fn sign(headers: &mut HeaderMap, key: &hmac::Key, id: Option<&str>, now: DateTime<Utc>, body: &[u8]) {
    let id = id.map_or_else(random_id, str::to_owned);
    let time = now.timestamp().to_string();
    let mut signed = hmac::Context::with_key(key);
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        signed.update(part);
    }
    let signature = format!("v1,{}", STANDARD.encode(signed.sign()));
    for (name, text) in [(ID, id), (TIMESTAMP, time), (SIGNATURE, signature)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

fn random_id() -> String {
    let mut bytes = [0; 16];
    // If there is no randomness, the time alone distinguishes messages.
    _ = rand::fill(&mut bytes);
    format!("msg_{}", hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_scheme() {
        // The example that its specification publishes.
        let key = key(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let now = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        let mut headers = HeaderMap::new();
        sign(&mut headers, &key, Some("msg_p5jXN8AQM9LWM0D4loKWxJek"), now, b"{\"test\": 2432232314}");
        assert_eq!(headers[SIGNATURE], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(headers[TIMESTAMP], "1614265330");
    }

    #[test]
    fn a_short_or_damaged_key_is_refused() {
        for (text, why) in
            [("short", "fewer than 16 bytes"), ("whsec_!", "not Base64"), ("whsec_AAAA", "fewer")]
        {
            let refused = key(&text.into()).unwrap_err();
            assert!(refused.contains(why) && !refused.contains(text), "{refused}");
        }
    }
}
