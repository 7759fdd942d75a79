//! `auth` of the sinks that talk to Elasticsearch and Kibana.

use config::Value;

use super::{
    SecretSource,
    tree::{as_table, single_entry},
    values::{ValueProblem, text},
};

const ADVICE: &str = "expected { api_key = { env = \"NAME\" } } or { basic = { user = \"…\", password = { \
                      env = \"NAME\" } } }; a secret may also be a { file = \"/path\" } or a { credential = \
                      \"name\" }";

/// How a request says who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// `Authorization: ApiKey …`, with the encoded form of the key (base64 of `id:api_key`).
    ApiKey(SecretSource),
    /// `Authorization: Basic …`
    Basic {
        /// The user's name.
        user: String,
        /// Where the password is kept.
        password: SecretSource,
    },
}

impl HttpAuth {
    /// The keys for the forms of `Authorization`.
    pub(super) const FORMS: [&str; 2] = ["api_key", "basic"];

    /// Where the secret is kept.
    pub(super) fn secret(&self) -> &SecretSource {
        match self {
            Self::ApiKey(secret) | Self::Basic { password: secret, .. } => secret,
        }
    }

    pub(super) fn read(value: &Value) -> Result<Self, ValueProblem> {
        Self::of_table(value).ok_or_else(|| ValueProblem::Because(ADVICE.to_owned()))
    }

    fn of_table(value: &Value) -> Option<Self> {
        match single_entry(value)? {
            ("api_key", key) => SecretSource::read(key).ok().map(Self::ApiKey),
            ("basic", basic) => {
                let basic = as_table(basic).filter(|basic| basic.len() == 2)?;
                Some(Self::Basic {
                    // A colon would end the name: everything after it would become part of the password.
                    user: text(basic.get("user")?).ok().filter(|user| !user.contains(':'))?,
                    password: SecretSource::read(basic.get("password")?).ok()?,
                })
            }
            _ => None,
        }
    }
}
