//! Where a request may go.

use http::Method;

use super::{
    server::{Habit, Server, allowing, get, outgoing, text},
    *,
};

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_when_the_connection_is_made() {
    let server = Server::saying(OK).await;
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "::ffff:127.0.0.1",
        "::1",
        "10.0.0.1",
        "fd00::1",
        "0.0.0.0",
        "64:ff9b::127.0.0.1",
        "127.0.0.1,169.254.169.254",
    ] {
        let outgoing = outgoing(allowing(&["*"]), &[("rebound.example", address)]);
        let url = server.url("rebound.example", "/secret-path");
        assert_eq!(outgoing.check(&url), Ok(()), "nothing is looked up yet");
        let sent = outgoing.send(get(url)).await;
        assert!(is_refused(&sent), "{address}: {sent:?}");
        let text = sent.unwrap_err().to_string();
        assert!(text.contains("rebound.example") && !text.contains("secret-path"), "{text}");
        let found = outgoing.addresses("rebound.example", 25).await;
        assert!(matches!(found, Err(OutgoingError::NotAllowed(_))), "{address}: {found:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_that_are_allowed_are_used() {
    let outgoing = outgoing(allowing(&["*"]), &[("mixed.example", "127.0.0.1,203.0.113.7,::1")]);
    let found = outgoing.addresses("mixed.example", 25).await.unwrap();
    assert_eq!(found, ["203.0.113.7:25".parse().unwrap()]);
}

#[tokio::test]
async fn an_address_is_refused_in_whatever_way_it_is_written() {
    let server = Server::saying(OK).await;
    let outgoing = outgoing(allowing(&["*"]), &[]);
    for host in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "127.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST.",
        "api.localhost",
        "0.0.0.0",
        "0",
        "169.254.169.254",
    ] {
        let url = server.url(host, "/");
        assert!(outgoing.check(&url).is_err(), "{host}");
        let sent = outgoing.send(get(url)).await;
        assert!(is_refused(&sent), "{host}: {sent:?}");
        assert!(outgoing.addresses(host, 25).await.is_err(), "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_listed_host_is_reached_wherever_it_is() {
    let server = Server::saying(OK).await;
    let inside = outgoing(allowing(&["127.0.0.1"]), &[]);
    for host in ["127.0.0.1", "127.1", "2130706433"] {
        assert_eq!(text(inside.send(get(server.url(host, "/"))).await.unwrap()), "ok", "{host}");
    }
    let named = outgoing(allowing(&["inside.example"]), &[("inside.example", "127.0.0.1")]);
    for host in ["inside.example", "INSIDE.example."] {
        assert_eq!(text(named.send(get(server.url(host, "/"))).await.unwrap()), "ok", "{host}");
    }
    let sent = named.send(get(server.url("127.0.0.1", "/"))).await;
    assert!(is_refused(&sent), "only the name is listed: {sent:?}");
}

#[tokio::test]
async fn a_listed_name_does_not_lead_to_the_metadata_service() {
    let outgoing = outgoing(allowing(&["*", "hooks.example"]), &[("hooks.example", "169.254.169.254")]);
    let sent = outgoing.send(get("http://hooks.example/latest/meta-data".parse().unwrap())).await;
    assert!(is_refused(&sent), "{sent:?}");
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_refused_where_there_is_a_list() {
    let outgoing = outgoing(allowing(&["hooks.example"]), &[("other.example", "203.0.113.7")]);
    let url: Url = "http://other.example/x".parse().unwrap();
    let refused = outgoing.check(&url).unwrap_err().to_string();
    assert_eq!(
        refused,
        "target url \"http://other.example\" is not added to the Kibana config xpack.actions.allowedHosts"
    );
    assert!(is_refused(&outgoing.send(get(url)).await));
}

#[test]
fn a_refusal_tells_no_more_of_an_address_than_its_host_and_port() {
    let outgoing = outgoing(allowing(&["hooks.example"]), &[]);
    for (url, shown) in [
        ("http://other.example:81/sekret?token=sekret#sekret", "http://other.example:81"),
        ("http://ada:sekret@./sekret", "http://."),
        ("https://[2001:db8::1]/sekret", "https://[2001:db8::1]"),
    ] {
        let refused = outgoing.check(&url.parse().unwrap()).unwrap_err().to_string();
        assert!(refused.contains(&format!("\"{shown}\"")) && !refused.contains("sekret"), "{refused}");
    }
}

#[tokio::test]
async fn a_user_name_in_an_address_hides_no_host() {
    let server = Server::saying(OK).await;
    let outgoing = outgoing(allowing(&["*", "127.0.0.1"]), &[("public.example", "203.0.113.7")]);
    for url in ["http://public.example@127.0.0.1", "http://user:pass@127.0.0.1", "http://:pass@127.0.0.1"] {
        let url: Url = format!("{url}:{}/", server.port).parse().unwrap();
        let refused = outgoing.check(&url).unwrap_err();
        assert!(matches!(&refused, NotAllowed::Credentials { host } if host == "127.0.0.1"), "{refused}");
        assert!(!refused.to_string().contains("pass@"), "{refused}");
        assert!(is_refused(&outgoing.send(get(url)).await));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn only_http_is_spoken() {
    let outgoing = outgoing(allowing(&["*"]), &[("hooks.example", "203.0.113.7")]);
    for url in ["ftp://hooks.example/", "file:///etc/passwd", "smtp://hooks.example", "unix:/run/x"] {
        assert!(is_refused(&outgoing.send(get(url.parse().unwrap())).await), "{url}");
    }
}

fn redirect(to: &str) -> Habit {
    let head = format!("HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    Habit::Says(head.into_bytes())
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let elsewhere = Server::saying(OK).await;
    let port = elsewhere.port;
    let settings = allowing(&["127.0.0.1", "localhost", "named.example"]);
    for target in [
        format!("http://localhost:{port}/"),
        format!("http://named.example:{port}/"),
        // Another port of the same host is another service.
        format!("http://127.0.0.1:{port}/"),
        format!("//named.example:{port}/"),
        "https://169.254.169.254/".to_owned(),
    ] {
        let to = target.clone();
        let server = Server::with(move |_| redirect(&to)).await;
        let outgoing =
            outgoing(settings.clone(), &[("named.example", "127.0.0.1"), ("localhost", "127.0.0.1")]);
        let response = outgoing.send(get(server.url("127.0.0.1", "/"))).await.unwrap();
        assert_eq!(response.status, 307, "{target}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_a_few_times() {
    let server = Server::with(|line| match line.split(' ').nth(1) {
        Some("/new") => Habit::Says(OK.into()),
        Some("/with-user") => redirect("//user@127.0.0.1/new"),
        Some("/round") => redirect("/round"),
        _ => redirect("/new"),
    })
    .await;
    let outgoing = outgoing(allowing(&["127.0.0.1"]), &[]);
    assert_eq!(text(outgoing.send(get(server.url("127.0.0.1", "/old"))).await.unwrap()), "ok");
    let looping = outgoing.send(get(server.url("127.0.0.1", "/round"))).await.unwrap();
    assert_eq!(looping.status, 307);
    let with_user = outgoing.send(get(server.url("127.0.0.1", "/with-user"))).await.unwrap();
    assert_eq!(with_user.status, 307);
    assert!(server.requests().len() < 12);
}

fn post(url: Url) -> OutgoingRequest {
    OutgoingRequest { method: Method::POST, body: "{}".into(), ..get(url) }
}

#[tokio::test]
async fn a_redirect_never_makes_a_get_of_a_post() {
    for (status, is_followed) in [(301, false), (302, false), (303, false), (307, true), (308, true)] {
        let server = Server::with(move |line| match line.split(' ').nth(1) {
            Some("/new") => Habit::Says(OK.into()),
            _ => Habit::Says(
                format!(
                    "HTTP/1.1 {status} x\r\nlocation: /new\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                .into_bytes(),
            ),
        })
        .await;
        let outgoing = outgoing(allowing(&["127.0.0.1"]), &[]);
        let response = outgoing.send(post(server.url("127.0.0.1", "/old"))).await.unwrap();
        assert_eq!(response.status.as_u16(), if is_followed { 200 } else { status });
        assert!(server.requests().iter().all(|line| line.starts_with("POST ")), "{:?}", server.requests());
        let response = outgoing.send(get(server.url("127.0.0.1", "/old"))).await.unwrap();
        assert_eq!(response.status, 200, "a GET remains one");
    }
}
