//! Certificates that must not be trusted: what is wrong with them is said, to OpenAI's side and to the sinks'.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio_rustls::rustls::ServerConfig;

use super::{
    hurried_to_elastic, impatient, options, routes, stop, wait_for_trouble, wait_until_healed,
    wait_until_read,
};
use crate::support::{
    fake::Ca,
    fake_elastic::Elastic,
    openai,
    process::wait_until,
    process_kill::{EMBEDDED, Site},
    proxy::{Fault, Proxy},
};

/// Of the source and of the sink.
const ADVICE: [&str; 2] = ["check", "certificates"];

/// A server with a good certificate, whose place another one takes for a while.
fn is_reported(impostor: impl FnOnce(&Ca) -> ServerConfig, reason: &str, advice: [&str; 2]) {
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
    let logged = wait_for_trouble(&site, &[reason], advice[0]);
    assert!(logged.contains(&format!("127.0.0.1:{}", before.port())), "{logged}");
    before.heal();
    let logged = wait_for_trouble(
        &site,
        &[&format!("Elasticsearch: no response: 127.0.0.1:{}", behind.port())],
        advice[1],
    );
    assert!(logged.contains(reason), "{logged}");
    behind.heal();
    wait_until_read(&site, &before, &[Fault::Certificate]);
    wait_until_healed(&site);
    stop(process);
}

#[test]
fn a_certificate_that_has_expired_is_named_as_such() {
    is_reported(Ca::server_expired, "certificate expired", ADVICE);
}

#[test]
fn a_certificate_for_another_name_is_named_as_such() {
    is_reported(|ca| ca.server_named(&["other.example"]), "certificate not valid for name", ADVICE);
}

#[test]
fn a_certificate_of_an_authority_that_nobody_knows_is_named_as_such() {
    is_reported(|_| Ca::named("somebody else").server(), "unknown issuer", ["`ca_file`"; 2]);
}

#[test]
fn a_file_of_authorities_in_another_form_parks_with_what_to_do_until_it_is_mended() {
    let ca = Ca::new();
    let site = Site::configured(options(), |_| String::new());
    let api = openai::serve(Some(ca.server()), site.simulator.clone());
    let own = "ca_file = \"ca.pem\"";
    site.write("ccfd.toml", &impatient(&format!("{}/v1", api.url()), own, EMBEDDED.0, EMBEDDED.1));
    let text: String = ca.pem().lines().filter(|line| !line.starts_with("-----")).collect();
    std::fs::write(site.path("ca.pem"), STANDARD.decode(text).unwrap()).unwrap();
    let process = site.start(&["run"]);
    wait_until("every route to be parked, with the command that helps", || {
        let parked = |route: &serde_json::Value| {
            let text = route["error"]["text"].as_str().unwrap_or_default();
            route["state"] == "parked"
                && text.contains("ca_file ca.pem")
                && text.contains("openssl x509 -inform der")
        };
        let routes = routes(&site);
        !routes.is_empty() && routes.iter().all(parked)
    });
    // As an editor of Windows writes it, behind the words of openssl.
    let mended = format!("\u{feff}subject=CN = authority\n\n{}", ca.pem()).replace('\n', "\r\n");
    site.write("ca.pem", &mended);
    wait_until_healed(&site);
    assert!(process.terminate_after(Duration::ZERO).status.success());
}
