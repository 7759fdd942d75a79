//! A connection to an SMTP server, encrypted from the start, or as soon as the server offers that.

use std::{net::IpAddr, sync::Arc};

use collectors::{TlsTrust, TlsVerification, tls_failure};
use lettre::transport::smtp::{client::AsyncSmtpConnection, extension::ClientId};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{
    super::outgoing::{Outgoing, OutgoingError},
    config::EmailConfig,
    greeting::SmtpGreeting,
    stream::SmtpStream,
    undelivered::Undelivered,
};
use crate::config::TargetHost;

/// The library expects a greeting, which the server has sent already.
const GREETED: &[u8] = b"220 ready\r\n";

/// A connection.
pub struct OpenedSmtp {
    /// The dialogue.
    pub dialogue: AsyncSmtpConnection,
    /// Whether nobody on the way can read it: it is encrypted, or does not leave this machine.
    pub is_private: bool,
}

/// Connects to the server of the settings.
pub async fn open(outgoing: &Outgoing, config: &EmailConfig) -> Result<OpenedSmtp, Undelivered> {
    let host = config.host.to_string();
    let unreachable = |error: std::io::Error| OutgoingError::Unreachable(format!("{host}: {error}"));
    let addresses = outgoing.addresses(&host, config.port).await?;
    let tcp = TcpStream::connect(&addresses[..]).await.map_err(unreachable)?;
    let (peer, local) = (tcp.peer_addr().map_err(unreachable)?, tcp.local_addr().map_err(unreachable)?);
    let hello = match local.ip().to_canonical() {
        IpAddr::V4(address) => ClientId::Ipv4(address),
        IpAddr::V6(address) => ClientId::Ipv6(address),
    };
    let (connected, is_encrypted) = if config.is_secure {
        let stream = SmtpStream::new(encrypted(outgoing, config, &host, tcp).await?, peer, b"");
        (AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await, true)
    } else {
        let mut greeting = SmtpGreeting::new(tcp, &host);
        if greeting.offers_encryption(&hello).await? {
            let tcp = greeting.start_tls().await?;
            let stream = SmtpStream::new(encrypted(outgoing, config, &host, tcp).await?, peer, GREETED);
            (AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await, true)
        } else {
            let stream = SmtpStream::new(greeting.unencrypted(), peer, GREETED);
            (AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await, false)
        }
    };
    let dialogue = connected.map_err(|error| Undelivered::of("Invalid greeting", &host, &error))?;
    Ok(OpenedSmtp { dialogue, is_private: is_private(is_encrypted, peer.ip()) })
}

fn is_private(is_encrypted: bool, peer: IpAddr) -> bool {
    is_encrypted || peer.to_canonical().is_loopback()
}

/// Begins the encryption, and verifies the certificate as `[[connectors.host]]` says.
async fn encrypted(
    outgoing: &Outgoing,
    config: &EmailConfig,
    host: &str,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, Undelivered> {
    let own = outgoing.trust_of(&config.url).map_err(Undelivered::Unable)?;
    let trust = TlsTrust {
        authorities: own.as_ref().and_then(|own| own.authorities.as_deref()),
        verification: own.as_ref().map_or(TlsVerification::Full, |own| own.verification),
        identity: None,
    };
    let tls = trust.config().map_err(Undelivered::Unable)?;
    let name = match &config.host {
        TargetHost::Name(name) => {
            let name = ServerName::try_from(name.clone());
            name.map_err(|error| Undelivered::Unable(format!("{host}: {error}")))?
        }
        TargetHost::Address(address) => ServerName::from(*address),
    };
    TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.map_err(|error| {
        let error = match tls_failure(&error) {
            Some(why) => OutgoingError::Untrusted(format!("{host}: {why}")),
            None => OutgoingError::Cut(format!("{host}: {error}")),
        };
        error.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encryption_or_this_machine_keeps_a_password_private() {
        let is_private = |is_encrypted, peer: &str| is_private(is_encrypted, peer.parse().unwrap());
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(is_private(false, peer), "{peer}");
        }
        for peer in ["10.0.0.1", "192.0.2.1", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(!is_private(false, peer) && is_private(true, peer), "{peer}");
        }
    }
}
