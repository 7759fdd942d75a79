//! Which hosts may be reached: judged by what is written, and again by where a name leads.

use std::{net::IpAddr, sync::Arc};

use collectors::cause_of;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::{NotAllowed, address::AddressKind};
use crate::config::{AllowedHosts, TargetHost};

/// Whether a host may be reached, as far as its text says.
pub(super) fn permits(allowed: &AllowedHosts, host: &TargetHost) -> bool {
    let is_public = match host {
        TargetHost::Name(name) => name != "localhost" && !name.ends_with(".localhost"),
        TargetHost::Address(address) => AddressKind::of(*address) == AddressKind::Public,
    };
    allowed.listed.contains(host) || (allowed.has_public && is_public)
}

/// Whether a name may lead to an address.
fn permits_lookup(allowed: &AllowedHosts, name: &str, address: IpAddr) -> bool {
    let is_listed = TargetHost::parse(name).is_some_and(|host| allowed.listed.contains(&host));
    match AddressKind::of(address) {
        AddressKind::Public => is_listed || allowed.has_public,
        AddressKind::Private => is_listed,
        AddressKind::Special => false,
    }
}

/// Checks an address before anything is looked up.
pub(super) fn check(allowed: &AllowedHosts, url: &Url) -> Result<TargetHost, NotAllowed> {
    let host = TargetHost::of(url).ok_or_else(|| NotAllowed::host(url))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NotAllowed::Credentials { host: host.to_string() });
    }
    if permits(allowed, &host) { Ok(host) } else { Err(NotAllowed::host(url)) }
}

/// A name that leads only to addresses that are not allowed.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub(super) struct RefusedAddress;

/// Whether a request failed for that reason.
pub(super) fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    cause_of::<RefusedAddress>(error).is_some()
}

/// Looks names up for connections that begin at once, and leaves out addresses that are not allowed: a name that led
/// elsewhere a moment ago deceives nobody.
#[derive(Clone)]
pub(super) struct CheckedNames {
    pub(super) allowed: Arc<AllowedHosts>,
    pub(super) names: Arc<dyn Resolve>,
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, host) = (Arc::clone(&self.allowed), name.as_str().to_owned());
        let looked_up = self.names.resolve(name);
        Box::pin(async move {
            let found: Vec<_> = looked_up.await?.collect();
            let permitted: Vec<_> =
                found.iter().copied().filter(|one| permits_lookup(&allowed, &host, one.ip())).collect();
            if permitted.is_empty() && !found.is_empty() {
                return Err(RefusedAddress.into());
            }
            let permitted: Addrs = Box::new(permitted.into_iter());
            Ok(permitted)
        })
    }
}
