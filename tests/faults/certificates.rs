//! Certificates that must not be trusted: what is wrong with them is said, to OpenAI's side and to the sinks'.

use tokio_rustls::rustls::ServerConfig;

use super::{hurried_to_elastic, options, stop, wait_for_trouble, wait_until_healed, wait_until_read};
use crate::support::{
    fake::Ca,
    fake_elastic::Elastic,
    openai,
    process_kill::Site,
    proxy::{Fault, Proxy},
};

/// A server with a good certificate, whose place another one takes for a while.
fn is_told(impostor: impl FnOnce(&Ca) -> ServerConfig, reason: &str) {
    let ca = Ca::new();
    let site = Site::configured(options(), |_| String::new());
    let (api, elastic) =
        (openai::serve(Some(ca.server()), site.simulator.clone()), Elastic::start(Some(ca.server())));
    let [before, behind] =
        [(api.url(), 1), (elastic.server.url(), 2)].map(|(url, seed)| Proxy::before(url, seed));
    site.write("ccfd.toml", &hurried_to_elastic(&before, &behind, &ca));
    let impostor = impostor(&ca);
    for proxy in [&before, &behind] {
        proxy.impersonate([impostor.clone()]);
        proxy.spoil(&[Fault::Certificate], 1);
    }
    let process = site.start(&["run"]);
    let told = wait_for_trouble(&site, &[reason], "check");
    assert!(told.contains(&format!("127.0.0.1:{}", before.port())), "{told}");
    before.heal();
    let told = wait_for_trouble(
        &site,
        &[&format!("Elasticsearch: no answer: 127.0.0.1:{}", behind.port())],
        "certificates",
    );
    assert!(told.contains(reason), "{told}");
    behind.heal();
    wait_until_read(&site, &before, &[Fault::Certificate]);
    wait_until_healed(&site);
    stop(process);
}

#[test]
fn a_certificate_that_has_expired_is_named_as_such() {
    is_told(Ca::server_expired, "certificate expired");
}

#[test]
fn a_certificate_for_another_name_is_named_as_such() {
    is_told(|ca| ca.server_named(&["other.example"]), "certificate not valid for name");
}

#[test]
fn a_certificate_of_an_authority_that_nobody_knows_is_named_as_such() {
    is_told(|_| Ca::named("somebody else").server(), "UnknownIssuer");
}
