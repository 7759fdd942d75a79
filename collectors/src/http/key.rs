//! Checks of a key before it is sent. A key of an unknown shape (such as a gateway's own) passes.

use secrecy::{ExposeSecret, SecretString};

use crate::error::{CollectErrorKind, KeyShape, WrongKeyClass};

/// `sk-` in base64.
const ENCODED: &str = "c2st";

/// Finds keys that evidently do not belong to this list, or are wrapped in something.
pub fn check_key(api_key: &SecretString, admin_wanted: bool) -> Result<(), CollectErrorKind> {
    let key = api_key.expose_secret();
    if let Some(shape) = shape(key) {
        return Err(CollectErrorKind::KeyShape(shape));
    }
    match (key.starts_with("sk-admin-"), key.starts_with("sk-"), admin_wanted) {
        (false, true, true) => Err(CollectErrorKind::WrongKeyClass(WrongKeyClass::ProjectForAdmin)),
        (true, _, false) => Err(CollectErrorKind::WrongKeyClass(WrongKeyClass::AdminForProject)),
        _ => Ok(()),
    }
}

/// What a key is wrapped in, such as a shell assignment or the base64 of a Kubernetes secret.
fn shape(key: &str) -> Option<KeyShape> {
    let quote = |c: char| matches!(c, '"' | '\'' | '`');
    if key.len() > 1 && (key.starts_with(quote) || key.ends_with(quote)) {
        return Some(KeyShape::Quoted);
    }
    if let Some((name, value)) = key.split_once('=') {
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let is_key = value.trim_start_matches(quote).starts_with("sk-") || name.ends_with("_KEY");
        if is_name && !value.trim_matches('=').is_empty() && is_key {
            return Some(KeyShape::Assignment);
        }
    }
    let of_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    (key.starts_with(ENCODED) && key.chars().all(of_base64)).then_some(KeyShape::Encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str) -> Result<(), CollectErrorKind> {
        check_key(&SecretString::from(key), true)
    }

    #[test]
    fn a_key_that_is_wrapped_is_named_as_such_and_never_shown() {
        for (key, shape) in [
            ("\"sk-admin-hidden\"", KeyShape::Quoted),
            ("'sk-admin-hidden'", KeyShape::Quoted),
            ("OPENAI_ADMIN_KEY=sk-admin-hidden", KeyShape::Assignment),
            ("OPENAI_ADMIN_KEY=gateway-hidden", KeyShape::Assignment),
            ("KEY=\"sk-admin-hidden\"", KeyShape::Quoted),
            ("KEY='sk-admin-hidden", KeyShape::Assignment),
            ("c2stYWRtaW4taGlkZGVuCg==", KeyShape::Encoded),
        ] {
            let refused = check(key).expect_err(key);
            assert_eq!(refused, CollectErrorKind::KeyShape(shape), "{key}");
            assert!(!refused.to_string().contains("hidden"), "{refused}");
        }
    }

    #[test]
    fn a_key_of_a_gateway_may_look_as_it_likes() {
        for key in ["sk-admin-hidden", "gw_c2st-1", "YWJjZA==", "a=b", "ABC==", "c2st-not-base64"] {
            assert_eq!(check(key), Ok(()), "{key}");
        }
    }
}
