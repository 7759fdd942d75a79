//! Through which proxy, and with which certificates.

use std::{collections::BTreeMap, io::Write as _, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_rustls::{TlsAcceptor, rustls};

use super::{
    server::{Server, allowing, get, outgoing, text},
    *,
};
use crate::config::{HostSettings, Proxy, ProxyHeader, SecretSource};

fn through(proxy: &Server, hosts: &[&str]) -> OutgoingSettings {
    OutgoingSettings { proxy: Some(Proxy::Url(proxy.url("127.0.0.1", "/"))), ..allowing(hosts) }
}

fn hosts(names: &[&str]) -> std::collections::BTreeSet<TargetHost> {
    names.iter().map(|name| TargetHost::parse(name).unwrap()).collect()
}

#[tokio::test]
async fn the_proxy_is_used_for_the_hosts_that_the_settings_say() {
    let (proxy, server) = (Server::saying(OK).await, Server::saying(OK).await);
    let names = [("one.example", "127.0.0.1"), ("two.example", "127.0.0.1")];
    let allowed = ["one.example", "two.example"];
    let all = through(&proxy, &allowed);
    let bypass = OutgoingSettings { proxy_bypass_hosts: hosts(&["ONE.example."]), ..all.clone() };
    let only = OutgoingSettings { proxy_only_hosts: hosts(&["one.example"]), ..all.clone() };
    let mut through_proxy = 0;
    for (settings, host, is_used) in [
        (&all, "one.example", true),
        (&all, "two.example", true),
        (&bypass, "one.example", false),
        (&bypass, "one.example.", false),
        (&bypass, "two.example", true),
        (&only, "one.example", true),
        (&only, "One.Example.", true),
        (&only, "two.example", false),
    ] {
        let sent = outgoing(settings.clone(), &names).send(get(server.url(host, "/"))).await;
        assert_eq!(text(sent.unwrap()), "ok");
        through_proxy += usize::from(is_used);
        assert_eq!(proxy.connections(), through_proxy, "{host}");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn the_proxy_hides_no_host_that_is_not_allowed() {
    let proxy = Server::saying(OK).await;
    let outgoing = outgoing(through(&proxy, &["*"]), &[]);
    for url in ["http://127.0.0.1/", "http://169.254.169.254/", "http://localhost/", "http://10.0.0.1/"] {
        assert!(is_refused(&outgoing.send(get(url.parse().unwrap())).await), "{url}");
    }
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn only_the_proxy_receives_its_headers() {
    let (proxy, server) = (Server::saying(OK).await, Server::saying(OK).await);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "Basic c2VjcmV0").unwrap();
    let headers = BTreeMap::from([
        ("X-Team".to_owned(), ProxyHeader::Text("soc".to_owned())),
        ("Proxy-Authorization".to_owned(), ProxyHeader::Secret(SecretSource::File(file.path().into()))),
    ]);
    let settings = OutgoingSettings {
        proxy_headers: headers,
        proxy_bypass_hosts: hosts(&["direct.example"]),
        ..through(&proxy, &["direct.example", "*"])
    };
    let outgoing = outgoing(settings, &[("direct.example", "127.0.0.1")]);
    outgoing.send(get(server.url("direct.example", "/"))).await.unwrap();
    outgoing.send(get("http://far.example/path".parse().unwrap())).await.unwrap();
    let [to_proxy] = <[String; 1]>::try_from(proxy.requests()).unwrap();
    let to_proxy = to_proxy.to_lowercase();
    assert!(to_proxy.starts_with("get http://far.example/path "), "{to_proxy}");
    assert!(to_proxy.contains("proxy-authorization: basic c2vjcmv0") && to_proxy.contains("x-team: soc"));
    assert!(!server.requests()[0].to_lowercase().contains("x-team"));
    assert!(!format!("{outgoing:?}").contains("c2VjcmV0"));
}

/// A TLS server with a certificate for `name` of an authority of its own, and that authority.
async fn tls_server(name: &str) -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            _ = stream.write_all(OK.as_bytes()).await;
            _ = stream.shutdown().await;
        }
    });
    (port, authority.pem())
}

#[tokio::test]
async fn a_certificate_is_verified_as_the_settings_of_its_host_say() {
    let (port, pem) = tls_server("other.example").await;
    let mut ca_file = tempfile::NamedTempFile::new().unwrap();
    ca_file.write_all(pem.as_bytes()).unwrap();
    let url: Url = format!("https://here.example:{port}/").parse().unwrap();
    let names = [("here.example", "127.0.0.1")];
    let own = |verification, ca_file| {
        let host = TargetHost::parse("here.example").unwrap();
        HostSettings { scheme: "https".to_owned(), host, port, verification, ca_file }
    };
    let ca_file = || Some(ca_file.path().to_owned());
    for (own, is_trusted) in [
        (None, false),
        (Some(own(TlsVerification::Full, ca_file())), false),
        (Some(own(TlsVerification::Certificate, ca_file())), true),
        (Some(own(TlsVerification::None, None)), true),
        (Some(HostSettings { port: 1, ..own(TlsVerification::None, None) }), false),
    ] {
        let settings =
            OutgoingSettings { hosts: own.iter().cloned().collect(), ..allowing(&["here.example"]) };
        let sent = outgoing(settings, &names).send(get(url.clone())).await;
        match sent {
            Ok(response) => assert!(is_trusted && text(response) == "ok", "{own:?}"),
            Err(error) => {
                assert!(!is_trusted && matches!(error, OutgoingError::Untrusted(_)), "{own:?}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_certificates_of_one_connector_are_for_its_requests_only() {
    let (port, pem) = tls_server("here.example").await;
    let url: Url = format!("https://here.example:{port}/").parse().unwrap();
    let outgoing = outgoing(allowing(&["here.example"]), &[("here.example", "127.0.0.1")]);
    let identity = OutgoingIdentity { authorities: Some(pem), ..OutgoingIdentity::default() };
    let request = || OutgoingRequest { identity: Some(identity.clone()), ..get(url.clone()) };
    assert_eq!(text(outgoing.send(request()).await.unwrap()), "ok");
    assert!(matches!(outgoing.send(get(url.clone())).await, Err(OutgoingError::Untrusted(_))));
    let broken =
        OutgoingIdentity { authorities: Some("sk-not-pem".to_owned()), ..OutgoingIdentity::default() };
    let request = OutgoingRequest { identity: Some(broken), ..get(url) };
    let refused = outgoing.send(request).await.unwrap_err();
    assert!(matches!(&refused, OutgoingError::Untrusted(why) if !why.contains("sk-")), "{refused:?}");
}
