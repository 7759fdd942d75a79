//! `[sink.NAME.auth]`: which identity requests tokens, and where.

use std::path::PathBuf;

use config::Value;
use url::Url;

use crate::config::{
    SecretSource,
    section::Section,
    values::{ValueProblem, as_text, one_of, path, wanted},
};

/// How tokens are had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureAuth {
    /// Who asks for them.
    pub identity: AzureIdentity,
    /// Replaces the cloud's authority; without a slash at its end.
    pub authority_host: Option<String>,
    /// Replaces the cloud's scope.
    pub scope: Option<String>,
}

/// Who asks for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureIdentity {
    /// An application with a secret.
    ClientSecret {
        /// Its tenant.
        tenant_id: String,
        /// Its id.
        client_id: String,
        /// Where its secret is kept.
        client_secret: SecretSource,
    },
    /// A workload with its own token in a file: a pod on AKS, or any other with a federated issuer.
    WorkloadIdentity {
        /// The tenant; by default `AZURE_TENANT_ID`.
        tenant_id: Option<String>,
        /// The application's or identity's id; by default `AZURE_CLIENT_ID`.
        client_id: Option<String>,
        /// The file; by default `AZURE_FEDERATED_TOKEN_FILE`.
        token_file: Option<PathBuf>,
    },
    /// The machine itself, in Azure.
    ManagedIdentity {
        /// The id of a user-assigned identity; by default the system-assigned one.
        client_id: Option<String>,
    },
    /// The account logged in with `az login`.
    AzureCli {
        /// The tenant; by default the one selected there.
        tenant_id: Option<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CredentialKind {
    ClientSecret,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
}

const KINDS: &[(&str, CredentialKind)] = &[
    ("client_secret", CredentialKind::ClientSecret),
    ("workload_identity", CredentialKind::WorkloadIdentity),
    ("managed_identity", CredentialKind::ManagedIdentity),
    ("azure_cli", CredentialKind::AzureCli),
];

/// Which kinds have a use for a key.
const USES: &[(&str, &[CredentialKind])] = &[
    (
        "tenant_id",
        &[CredentialKind::ClientSecret, CredentialKind::WorkloadIdentity, CredentialKind::AzureCli],
    ),
    (
        "client_id",
        &[CredentialKind::ClientSecret, CredentialKind::WorkloadIdentity, CredentialKind::ManagedIdentity],
    ),
    ("client_secret", &[CredentialKind::ClientSecret]),
    ("token_file", &[CredentialKind::WorkloadIdentity]),
    ("authority_host", &[CredentialKind::ClientSecret, CredentialKind::WorkloadIdentity]),
];

impl AzureIdentity {
    /// Where its secret is kept, if it has one of ours.
    pub(super) fn secret(&self) -> Option<&SecretSource> {
        match self {
            Self::ClientSecret { client_secret, .. } => Some(client_secret),
            Self::WorkloadIdentity { .. } | Self::ManagedIdentity { .. } | Self::AzureCli { .. } => None,
        }
    }
}

impl AzureAuth {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let kind = section.required("kind", one_of(KINDS));
        let tenant_id = section.optional("tenant_id", id);
        let client_id = section.optional("client_id", id);
        section.optional("client_secret", SecretSource::read);
        let token_file = section.optional_place("token_file", path);
        let authority_host = section.required("authority_host", authority);
        let scope = section.required("scope", scope);
        let kind = kind?;
        for (key, kinds) in USES {
            if section.gives(key) && !kinds.contains(&kind) {
                section.problem(key, "this kind of `auth` does not use it");
            }
        }
        let identity = match kind {
            CredentialKind::ClientSecret => {
                let tenant_id = section.required("tenant_id", id);
                let client_id = section.required("client_id", id);
                let client_secret = section.required_place("client_secret", SecretSource::read);
                AzureIdentity::ClientSecret {
                    tenant_id: tenant_id?,
                    client_id: client_id?,
                    client_secret: client_secret?,
                }
            }
            CredentialKind::WorkloadIdentity => {
                AzureIdentity::WorkloadIdentity { tenant_id, client_id, token_file }
            }
            CredentialKind::ManagedIdentity => AzureIdentity::ManagedIdentity { client_id },
            CredentialKind::AzureCli => AzureIdentity::AzureCli { tenant_id },
        };
        Some(Self { identity, authority_host: authority_host?, scope: scope? })
    }
}

/// An id or a domain name, both of which are part of a URL.
fn id(value: &Value) -> Result<String, ValueProblem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_id = |text: &&str| !text.is_empty() && text.bytes().all(allowed);
    as_text(value)
        .filter(is_id)
        .map(str::to_owned)
        .ok_or_else(|| wanted("an id such as \"11111111-2222-3333-4444-555555555555\""))
}

/// Empty means the cloud's own.
fn authority(value: &Value) -> Result<Option<String>, ValueProblem> {
    let text = as_text(value).map(str::trim);
    if text == Some("") {
        return Ok(None);
    }
    // A secret is sent there, and the library that sends it accepts only https, even to this machine.
    let url = text.and_then(|text| Url::parse(text).ok()).filter(|url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        url.scheme() == "https" && url.has_host() && url.path() == "/" && url.fragment().is_none() && bare
    });
    let url = url.ok_or_else(|| wanted("an https URL without a path, or \"\" for the cloud's own"))?;
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

/// Empty means the cloud's own.
fn scope(value: &Value) -> Result<Option<String>, ValueProblem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/".contains(&byte);
    match as_text(value).map(str::trim) {
        Some("") => Ok(None),
        Some(text) if text.bytes().all(allowed) && text.ends_with("/.default") => Ok(Some(text.to_owned())),
        Some(_) | None => Err(wanted("a scope that ends with \"/.default\", or \"\" for the cloud's own")),
    }
}
