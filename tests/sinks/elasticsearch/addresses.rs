//! Several addresses, and certificates.

use std::{fs, os::unix::fs::PermissionsExt};

use ccfd::sinks::{Sink, remote::RemoteErrorKind};

use super::{INDEX, batch, failure_of_all, sink};
use crate::support::{
    fake::{Ca, Fate, Reply},
    fake_elastic::Elastic,
};

#[tokio::test]
async fn another_address_is_tried_when_one_does_not_answer_and_is_kept() {
    for trouble in [Reply::status(503), Reply::status(502), Reply::status(200).with_fate(Fate::Lost)] {
        let (first, second) = (Elastic::plain(), Elastic::plain());
        let sink = sink(&format!("urls = [\"{}\", \"{}\"]", first.server.url(), second.server.url()));
        first.server.script_for("_bulk", [trouble.into()]);
        sink.write(batch(&["a"])).await.unwrap();
        sink.write(batch(&["b"])).await.unwrap();
        assert_eq!(first.server.requests_to("_bulk").len(), 1);
        assert_eq!(second.documents(INDEX).len(), 2);
    }
}

#[tokio::test]
async fn what_a_cluster_says_of_itself_is_not_asked_of_another_address() {
    let (first, second) = (Elastic::plain(), Elastic::plain());
    first.require("ApiKey other");
    let sink = sink(&format!("urls = [\"{}\", \"{}\"]", first.server.url(), second.server.url()));
    let kind = failure_of_all(&sink, batch(&["a"])).await;
    assert!(matches!(kind, RemoteErrorKind::Unauthorized { .. }), "{kind:?}");
    assert!(second.server.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_is_believed_as_far_as_is_set() {
    let (ca, other) = (Ca::new(), Ca::new());
    let right = Elastic::start(Some(ca.server()));
    let misnamed = Elastic::start(Some(ca.server_named(&["es.example.com"])));
    let trusts = |ca: &Ca| format!("ca_file = \"{}\"", ca.path().display());
    let unnamed = format!("{}\nverification = \"certificate\"", trusts(&ca));
    for (elastic, keys, taken) in [
        (&right, trusts(&ca), true),
        (&right, trusts(&other), false),
        (&right, String::new(), false),
        (&misnamed, trusts(&ca), false),
        (&misnamed, unnamed.clone(), true),
        (&misnamed, unnamed.replace(&trusts(&ca), &trusts(&other)), false),
        (&misnamed, "verification = \"none\"".to_owned(), true),
    ] {
        let sink = sink(&format!("urls = [\"{}\"]\n{keys}", elastic.server.url()));
        assert_eq!(sink.write(batch(&["a"])).await.is_ok(), taken, "{keys}");
    }
}

#[tokio::test]
async fn a_cluster_that_asks_for_a_certificate_gets_ours() {
    let ca = Ca::new();
    let elastic = Elastic::start(Some(ca.server_for_clients()));
    let files = ca.client();
    let trusting = format!("urls = [\"{}\"]\nca_file = \"{}\"", elastic.server.url(), ca.path().display());
    let (cert, key) = (files.certificate.display(), files.key.display());
    let named = format!("{trusting}\nclient_cert_file = \"{cert}\"\nclient_key_file = \"{key}\"");
    let refused = failure_of_all(&sink(&trusting), batch(&["a"])).await;
    assert!(matches!(refused, RemoteErrorKind::Unreachable(_)), "{refused:?}");
    sink(&named).write(batch(&["a"])).await.unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = failure_of_all(&sink(&named), batch(&["a"])).await;
    assert!(
        matches!(&exposed, RemoteErrorKind::Secret(why) if why.to_string().contains("client.key is readable by everyone"))
    );
    fs::set_permissions(ca.path(), fs::Permissions::from_mode(0o600)).unwrap();
    let swapped = sink(&named.replace("client.key", "ca.pem"));
    let kind = failure_of_all(&swapped, batch(&["a"])).await;
    assert!(kind.to_string().contains("client_key_file"), "{kind}");
}
