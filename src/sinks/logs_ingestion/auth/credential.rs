//! Requests tokens: four kinds of credentials, each through Microsoft's own library.
//!
//! The library keeps tokens, too, but returns none while requesting the next one fails, and cannot be made to
//! forget one. So a new credential is made for each token, with its secret read again, and `token.rs` keeps
//! the tokens.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{AccessToken, Secret, TokenCredential},
    http::{ClientOptions, RetryOptions, Transport},
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use collectors::{Clock, Http};
use secrecy::{ExposeSecret, SecretString};

use super::{authority::Authority, azure_cli};
use crate::{
    config::{AzureIdentity, Environment, SecretError, SecretSource, check_secret_file},
    sinks::remote::{RemoteError, RemoteErrorKind, Service},
};

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// Every token lives at least this many seconds: a token that expired earlier is refused, and replaced then.
const LIFETIME_MIN: i64 = 60;

/// A token of Entra ID.
#[derive(Clone)]
pub(in crate::sinks::logs_ingestion) struct Token {
    /// The bearer token.
    pub text: Arc<SecretString>,
    /// How many seconds after it was issued it expires.
    pub lifetime: i64,
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token(lives {} s)", self.lifetime)
    }
}

/// An identity, and the transport to its issuer.
pub(in crate::sinks::logs_ingestion) struct Credential {
    /// Who asks.
    pub identity: AzureIdentity,
    /// Whom, without a slash behind it.
    pub authority_host: String,
    /// For what.
    pub scope: String,
    /// Where names of environment variables are looked up.
    pub environment: Environment,
    /// The way there.
    pub http: Arc<Http>,
    /// How long one token may take.
    pub timeout: Duration,
    /// The longest wait that a response may ask for.
    pub retry_after_max: Duration,
}

impl Credential {
    /// Asks for a token.
    pub(in crate::sinks::logs_ingestion) async fn token(&self) -> Result<Token, RemoteError> {
        let entra = |kind: RemoteErrorKind| kind.of(Service::Entra);
        if let AzureIdentity::AzureCli { tenant_id } = &self.identity {
            let options = AzureCliCredentialOptions {
                tenant_id: tenant_id.clone(),
                executor: Some(Arc::new(azure_cli::Shell { timeout: self.timeout })),
                ..AzureCliCredentialOptions::default()
            };
            let credential =
                AzureCliCredential::new(Some(options)).map_err(|_| entra(unusable("tenant_id")))?;
            let token = credential.get_token(&[&self.scope], None).await;
            return token.map(|token| kept(token, None)).map_err(|error| entra(azure_cli::explain(&error)));
        }
        let authority = Arc::new(Authority::new(self.http.clone(), self.retry_after_max));
        let credential = self.over_http(&authority).map_err(entra)?;
        // The library retries a machine's own issuer for more than a minute.
        match tokio::time::timeout(self.timeout, credential.get_token(&[&self.scope], None)).await {
            Ok(Ok(token)) => Ok(kept(token, authority.lifetime())),
            // The library's error contains the authority's text. The response itself was seen by our
            // transport.
            Ok(Err(_)) => Err(authority.explain()),
            Err(_) => Err(authority.explain_silence(self.timeout)),
        }
    }

    fn over_http(&self, authority: &Arc<Authority>) -> Result<Arc<dyn TokenCredential>, RemoteErrorKind> {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host.clone_from(&self.authority_host);
        let client_options = ClientOptions {
            // A route that waits can be shown and stopped; a library that waits cannot.
            retry: RetryOptions::none(),
            transport: Some(Transport::new(authority.clone())),
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            ..ClientOptions::default()
        };
        let refused = |_| unusable("auth");
        match &self.identity {
            AzureIdentity::ClientSecret { tenant_id, client_id, client_secret } => {
                let secret = client_secret
                    .resolve(&self.environment)
                    .map_err(SecretError::of("client_secret"))
                    .map_err(|error| RemoteErrorKind::Secret((&error).into()))?;
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
            AzureIdentity::WorkloadIdentity { tenant_id, client_id, token_file } => {
                let file = match token_file {
                    Some(file) => file.clone(),
                    None => PathBuf::from(self.variable(TOKEN_FILE)?),
                };
                let found =
                    |given: &Option<String>, name| given.clone().map_or_else(|| self.variable(name), Ok);
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: Some(found(client_id, CLIENT)?),
                    tenant_id: Some(found(tenant_id, TENANT)?),
                    token_file_path: Some(self.readable(file)?),
                };
                WorkloadIdentityCredential::new(Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(refused)
            }
            AzureIdentity::ManagedIdentity { client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                };
                ManagedIdentityCredential::new(Some(options))
                    .map(|credential| credential as Arc<dyn TokenCredential>)
                    .map_err(|_| {
                        let found = "this machine's kind of managed identity is not supported: only those of Azure \
                                     virtual machines and App Service are";
                        RemoteErrorKind::Settings(found.to_owned())
                    })
            }
            AzureIdentity::AzureCli { .. } => Err(unusable("auth")),
        }
    }

    fn variable(&self, name: &str) -> Result<String, RemoteErrorKind> {
        let value =
            self.environment.get(name).and_then(|value| value.to_str()).filter(|text| !text.is_empty());
        let missing =
            || RemoteErrorKind::Secret((&SecretError::Unset(SecretSource::Env(name.to_owned()))).into());
        value.map(str::to_owned).ok_or_else(missing)
    }

    /// The file, once it is known to be readable, and not by everyone: the library's own error for that is
    /// hard to recognise.
    fn readable(&self, file: PathBuf) -> Result<PathBuf, RemoteErrorKind> {
        check_secret_file(&file, &self.environment)
            .map_err(SecretError::of("token_file"))
            .map_err(|error| RemoteErrorKind::Secret((&error).into()))?;
        Ok(file)
    }
}

fn unusable(key: &str) -> RemoteErrorKind {
    RemoteErrorKind::Settings(format!("`{key}` is not valid"))
}

/// A token's lifetime comes from its issuer. Its expiry time alone would have to be compared with this
/// machine's clock, which may be hours off: then a new token would seem expired.
fn kept(token: AccessToken, lifetime: Option<i64>) -> Token {
    let by_clock = || token.expires_on.unix_timestamp() - Clock::system().now();
    let lifetime = lifetime.unwrap_or_else(by_clock).max(LIFETIME_MIN);
    Token { text: Arc::new(SecretString::from(token.token.secret())), lifetime }
}
