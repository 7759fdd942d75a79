//! Proxies, from the settings and from the environment: what never reaches them, and what they may answer.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use collectors::HttpSettings;

use super::{ask, refusal, settings};
use crate::support::{
    fake::{Ca, Fake, Reply},
    fake_elastic::Elastic,
    process::{ADMIN_SECRET, PROJECT_SECRET, Place, Simulated},
    raw::{Answer, Raw},
};

/// Every name by which the environment may name a proxy.
const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

fn by_way_of(proxy: &Raw) -> HttpSettings {
    HttpSettings { proxy: Some(proxy.url()), ..settings() }
}

fn says(status: &'static str) -> Raw {
    Raw::start(move |_| Answer::Last(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into()))
}

#[test]
fn nothing_for_this_machine_reaches_a_proxy_of_the_environment() {
    let api = Simulated::start(&["--audit-logs", "30", "--completions", "20"]);
    let elastic = Elastic::plain();
    let proxy = says("200 OK");
    let place =
        VARIABLES.into_iter().fold(Place::new(&api.base_url), |place, name| place.with(name, &proxy.url()));
    let sink = format!(
        "[sink.es]\ntype = \"elasticsearch\"\nurls = [\"{}\"]\n\
         auth = {{ api_key = {{ env = \"OPENAI_API_KEY\" }} }}\n",
        elastic.server.url()
    );
    place.write("ccfd.toml", &(place.config().replace("[\"local\"]", "[\"local\", \"es\"]") + &sink));
    let ended = place.run(&["run", "--once"]);
    assert_eq!(proxy.seen(), Vec::<String>::new(), "a proxy was asked: {ended:?}");
    assert_eq!((ended.code, place.rows()), (Some(0), (30, 20)), "{ended:?}");
    assert!(!elastic.server.requests_to("_bulk").is_empty());
}

#[tokio::test]
async fn nothing_for_this_machine_reaches_a_proxy_of_the_settings() {
    let server = Fake::plain(|_| Reply::status(204));
    let proxy = says("200 OK");
    let response = ask(&by_way_of(&proxy), server.url()).await.unwrap();
    assert_eq!((response.status.as_u16(), proxy.seen().len()), (204, 0));
}

#[tokio::test]
async fn a_key_for_another_machine_is_never_sent_in_the_clear() {
    let proxy = says("200 OK");
    for settings in [settings(), by_way_of(&proxy)] {
        let why = refusal(ask(&settings, "http://api.example.com/v1").await);
        assert_eq!(why, "api.example.com: no key is sent over plain http beyond this machine; use https");
    }
    assert_eq!(proxy.seen().len(), 0);
}

#[test]
fn settings_that_would_send_a_key_in_the_clear_are_refused() {
    for (keys, name) in [
        ("base_url = \"http://api.example.com/v1\"", "collector"),
        ("urls = [\"http://es.example.com:9200\"]", "urls"),
    ] {
        let place = Place::new("http://api.example.com/v1");
        let elastic = format!("[sink.es]\ntype = \"elasticsearch\"\n{keys}\n");
        if name == "urls" {
            place.write("ccfd.toml", &(place.config().replace("http://api", "https://api") + &elastic));
        }
        let ended = place.run_to(2, &["check"]);
        assert!(ended.stdout.contains("http is only allowed to this machine"), "{name}: {ended:?}");
        assert!(ended.stdout.contains(name), "{ended:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_says_to_a_tunnel_is_distinguished_from_what_the_service_says() {
    for (status, said) in [
        ("407 Proxy Authentication Required", "proxy authorization required"),
        ("403 Forbidden", "tunnel error: unsuccessful"),
        ("302 Found", "tunnel error: unsuccessful"),
    ] {
        let proxy = says(status);
        let why = refusal(ask(&by_way_of(&proxy), "https://api.example.com/v1").await);
        assert!(why.starts_with("api.example.com: ") && why.contains(said), "{status}: {why}");
        let seen = proxy.seen();
        assert!(
            seen.len() == 1 && seen[0].starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_opens_a_tunnel_to_somebody_else_learns_no_key() {
    // It answers CONNECT with 200, and then speaks for itself.
    let proxy = Raw::start(|head| match head.starts_with("CONNECT") {
        true => Answer::Bytes(b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec()),
        false => Answer::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec()),
    });
    let why = refusal(ask(&by_way_of(&proxy), "https://api.example.com/v1").await);
    assert!(why.starts_with("api.example.com: "), "{why}");
    assert!(!proxy.seen().concat().contains("Bearer"));
}

#[test]
fn nothing_that_a_proxy_can_read_of_the_real_binary_holds_a_key() {
    let ca = Ca::new();
    let proxy = says("403 Forbidden");
    let place = Place::new("https://api.example.com/v1");
    let place = VARIABLES.into_iter().fold(place, |place, name| place.with(name, &proxy.url()));
    place.replace("rate_limit_qps", &format!("ca_file = {:?}\nrate_limit_qps", ca.path()));
    let text = place.run_to(3, &["check"]).stdout;
    assert!(text.contains("tunnel error"), "{text}");
    let seen = proxy.seen().concat();
    assert!(seen.contains("CONNECT api.example.com:443"), "{seen}");
    assert!(!seen.contains(ADMIN_SECRET) && !seen.contains(PROJECT_SECRET) && !seen.contains("Bearer"));
}

#[test]
fn a_proxy_gets_the_password_from_where_it_is_kept_and_nobody_else_does() {
    let proxy = says("403 Forbidden");
    let place = Place::new("https://api.example.com/v1");
    place.write_secret("proxy", &format!("{}\n", proxy.url().replace("//", "//bob:hunter%202@")));
    place.replace("rate_limit_qps", "proxy = { file = \"./proxy\" }\nrate_limit_qps");
    let ended = place.run(&["check"]);
    let shown = format!("{}{}", ended.stdout, ended.stderr);
    assert!(shown.contains("tunnel error") && !shown.contains("hunter"), "{shown}");
    // "bob:hunter 2"
    assert!(
        proxy.seen().concat().to_lowercase().contains("\r\nproxy-authorization: basic ym9iomh1bnrlciay\r\n")
    );
    assert!(!format!("{:?}", by_way_of(&proxy)).contains("http://"));

    fs::set_permissions(place.path("proxy"), Permissions::from_mode(0o644)).unwrap();
    let ended = place.run_to(3, &["check"]);
    assert!(ended.stdout.contains("secret file ./proxy is readable by everyone"), "{}", ended.stdout);
}

/// Of a name that nobody has: who is not asked by way of the proxy is not reached.
#[test]
fn what_the_environment_excepts_in_any_usual_form_reaches_no_proxy() {
    let asked = |excepted: &str| {
        let proxy = says("502 Bad Gateway");
        let place = Place::new("https://api.example.invalid/v1")
            .with("HTTPS_PROXY", &proxy.url())
            .with("NO_PROXY", excepted);
        place.run(&["check"]);
        !proxy.seen().is_empty()
    };
    assert!(asked("*.other.invalid") && asked("api.example.invalid:8443"));
    for excepted in ["*.example.invalid", "api.example.invalid:443", "*"] {
        assert!(!asked(excepted), "{excepted}");
    }
}
