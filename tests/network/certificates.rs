//! `ca_file` in the forms that people use.

use std::fs;

use collectors::{HttpSettings, Response, TlsVerification, TransportError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio_rustls::rustls::ServerConfig;

use super::{ask, refusal, settings, trusting};
use crate::support::fake::{Ca, Fake, Reply, server_of};

/// A certificate that is its own authority, as `openssl req -x509` makes it, and a server that shows it.
struct Own {
    pem: String,
    server: ServerConfig,
}

fn own(change: impl FnOnce(&mut CertificateParams)) -> Own {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Own { pem: certificate.pem(), server: server_of(&certificate, &key) }
}

fn file(content: &[u8]) -> (TempDir, std::path::PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("ca.pem");
    fs::write(&path, content).unwrap();
    (dir, path)
}

#[tokio::test]
async fn a_server_s_own_certificate_is_trusted_when_it_is_the_one_in_the_file() {
    let (mine, other) = (own(|_| {}), own(|_| {}));
    let server = Fake::tls(mine.server, |_| Reply::status(204));
    let (_dir, path) = file(mine.pem.as_bytes());
    assert_eq!(ask(&trusting(path), server.url()).await.unwrap().status, 204);
    let (_dir, path) = file(other.pem.as_bytes());
    untrusted(ask(&trusting(path), server.url()).await);
}

fn untrusted(asked: Result<Response, TransportError>) {
    match asked {
        Err(TransportError::Untrusted(why)) => {
            assert!(why.starts_with("127.0.0.1:") && why.contains("unknown issuer"), "{why}");
        }
        asked => panic!("{asked:?}"),
    }
}

#[tokio::test]
async fn an_authority_that_signed_nothing_here_reads_as_an_unknown_issuer_whatever_is_wrong_with_it() {
    let signed = Fake::tls(Ca::named("one").server(), |_| Reply::status(204));
    let own = Fake::tls(own(|_| {}).server, |_| Reply::status(204));
    for (server, ca_file, case) in [
        (&signed, Some(Ca::named("another")), "another authority"),
        (&signed, Some(Ca::named("one")), "an authority of the same name with another key"),
        (&signed, None, "those of the system"),
        (&own, Some(Ca::named("another")), "another authority than the certificate itself"),
        (&own, None, "those of the system, and a certificate that is its own authority"),
    ] {
        for verification in [TlsVerification::Full, TlsVerification::Certificate] {
            let path = ca_file.as_ref().map(Ca::path);
            if path.is_none() && verification == TlsVerification::Certificate {
                continue;
            }
            let settings = HttpSettings { ca_file: path, verification, ..settings() };
            println!("{case}, {verification:?}");
            untrusted(ask(&settings, server.url()).await);
        }
    }
}

#[tokio::test]
async fn a_server_s_own_certificate_is_trusted_without_its_name_where_names_are_not_looked_at() {
    let mine = own(|params| {
        params.subject_alt_names =
            CertificateParams::new(["other.example".to_owned()]).unwrap().subject_alt_names;
    });
    let server = Fake::tls(mine.server, |_| Reply::status(204));
    for (pem, trusted) in [(mine.pem, true), (own(|_| {}).pem, false)] {
        let (_dir, path) = file(pem.as_bytes());
        let settings = HttpSettings { verification: TlsVerification::Certificate, ..trusting(path) };
        assert_eq!(ask(&settings, server.url()).await.is_ok(), trusted);
    }
}

#[tokio::test]
async fn dates_and_name_of_a_server_s_own_certificate_are_looked_at_all_the_same() {
    let expired = own(|params| {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    let misnamed = own(|params| {
        params.subject_alt_names =
            CertificateParams::new(["other.example".to_owned()]).unwrap().subject_alt_names;
    });
    for (Own { pem, server }, said) in [(expired, "expired"), (misnamed, "not valid for name")] {
        let server = Fake::tls(server, |_| Reply::status(204));
        let (_dir, path) = file(pem.as_bytes());
        let why = refusal(ask(&trusting(path), server.url()).await);
        assert!(why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn a_file_of_authorities_is_read_however_it_was_written() {
    let (ca, other) = (Ca::new(), Ca::named("another"));
    let server = Fake::tls(ca.server(), |_| Reply::status(204));
    let pem = ca.pem();
    for (form, content) in [
        ("as it is", pem.clone()),
        ("with a byte order mark", format!("\u{feff}{pem}")),
        ("with the line ends of Windows", pem.replace('\n', "\r\n")),
        ("with words before it", format!("subject=CN = the tests' authority\n\n{pem}\n# end\n")),
        ("among others", format!("{}{pem}", other.pem())),
        ("without a line break at its end", pem.trim_end().to_owned()),
        ("twice", format!("{pem}{pem}")),
    ] {
        let (_dir, path) = file(content.as_bytes());
        let asked = ask(&trusting(path), server.url()).await;
        assert!(asked.is_ok(), "{form}: {asked:?}");
    }
}

#[tokio::test]
async fn a_file_without_authorities_is_named_with_what_to_do() {
    let ca = Ca::new();
    let der = pem_to_der(&ca.pem());
    for (content, said) in [
        (&b""[..], "contains no certificate"),
        (b"hello", "contains no certificate"),
        (&der, "openssl x509 -inform der"),
    ] {
        let (_dir, path) = file(content);
        let why = refusal(ask(&trusting(path.clone()), "https://127.0.0.1:1/").await);
        assert!(why.contains(said) && why.contains(path.to_str().unwrap()), "{why}");
    }
    let dir = TempDir::new().unwrap();
    for (path, said) in
        [(dir.path().to_owned(), "Is a directory"), (dir.path().join("none"), "No such file or directory")]
    {
        let why = refusal(ask(&trusting(path.clone()), "https://127.0.0.1:1/").await);
        assert!(why.contains(said) && why.contains(path.to_str().unwrap()), "{why}");
    }
}

fn pem_to_der(pem: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(lines).unwrap()
}
