use std::{fs, sync::Arc};

use reqwest::{Certificate, Client, ClientBuilder, Identity};

use crate::support::fake::{Ca, Fake, Fate, Reply, Step};

fn client() -> ClientBuilder {
    Client::builder().no_proxy()
}

fn trusting(ca: &Ca) -> ClientBuilder {
    client().tls_certs_only([Certificate::from_pem(ca.pem().as_bytes()).unwrap()])
}

async fn status(client: &Client, url: &str) -> u16 {
    client.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_request_is_taken_down_as_it_came() {
    let fake = Fake::plain(|_| Reply::status(204));
    let url = format!("{}/a%2Fb/c?x=1%202&y", fake.url());
    client().build().unwrap().post(url).header("x-kind", "audit").body("four").send().await.unwrap();
    let requests = fake.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/a%2Fb/c"));
    assert_eq!(requests[0].segments(), ["a/b", "c"]);
    assert_eq!(requests[0].query_field("x").as_deref(), Some("1 2"));
    assert_eq!(requests[0].header("X-Kind"), Some("audit"));
    assert_eq!(requests[0].body, "four");
}

#[tokio::test]
async fn a_script_goes_first_and_only_where_it_belongs() {
    let fake = Fake::plain(|_| Reply::status(204));
    fake.script_for("/second", [Reply::status(503).into()]);
    let client = client().build().unwrap();
    let at = |path: &str| format!("{}{path}", fake.url());
    assert_eq!(status(&client, &at("/first")).await, 204);
    assert_eq!(status(&client, &at("/second")).await, 503);
    assert_eq!(status(&client, &at("/second")).await, 204);
    assert_eq!(fake.requests_to("/second").len(), 2);
    fake.forget();
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_work_that_was_done() {
    let done = Arc::new(std::sync::Mutex::new(0));
    let counter = done.clone();
    let fake = Fake::plain(move |_| {
        *counter.lock().unwrap() += 1;
        Reply::status(204)
    });
    fake.script([Step::from(Fate::Lost)]);
    let failed = client().build().unwrap().get(fake.url()).send().await;
    assert!(failed.unwrap_err().is_request());
    assert_eq!((fake.requests().len(), *done.lock().unwrap()), (1, 1));
}

#[tokio::test]
async fn a_cut_answer_shows_its_head_and_no_whole_body() {
    let fake = Fake::plain(|_| Reply::status(200).with_body("all of it"));
    fake.script([Fate::CutAfter(3).into()]);
    let response = client().build().unwrap().get(fake.url()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());
}

#[tokio::test]
async fn held_answers_come_when_they_are_released() {
    let fake = Fake::plain(|_| Reply::status(204));
    fake.hold();
    let client = client().build().unwrap();
    let two = futures::future::join(client.get(fake.url()).send(), client.get(fake.url()).send());
    let both = async {
        fake.requested(2).await;
        fake.release();
    };
    let ((first, second), ()) = futures::future::join(two, both).await;
    assert_eq!(
        (first.unwrap().status(), second.unwrap().status()),
        (http::StatusCode::NO_CONTENT, http::StatusCode::NO_CONTENT)
    );
}

#[tokio::test]
async fn behind_tls_only_who_knows_the_authority_is_served() {
    let ca = Ca::new();
    assert_eq!(fs::read_to_string(ca.path()).unwrap(), ca.pem());
    let fake = Fake::tls(ca.server(), |_| Reply::status(204));
    assert_eq!(status(&trusting(&ca).build().unwrap(), fake.url()).await, 204);
    assert!(trusting(&Ca::new()).build().unwrap().get(fake.url()).send().await.is_err());
    let elsewhere = Fake::tls(ca.server_named(&["elsewhere.example"]), |_| Reply::status(204));
    assert!(trusting(&ca).build().unwrap().get(elsewhere.url()).send().await.is_err());
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_server_for_clients_wants_their_certificate() {
    let ca = Ca::new();
    let fake = Fake::tls(ca.server_for_clients(), |_| Reply::status(204));
    assert!(trusting(&ca).build().unwrap().get(fake.url()).send().await.is_err());
    let files = ca.client();
    let pem = [fs::read(files.certificate).unwrap(), fs::read(files.key).unwrap()].concat();
    let known = trusting(&ca).identity(Identity::from_pem(&pem).unwrap()).build().unwrap();
    assert_eq!(status(&known, fake.url()).await, 204);
}

#[tokio::test]
async fn it_ends_when_it_is_dropped() {
    let fake = Fake::plain(|_| Reply::status(204));
    let url = fake.url().to_owned();
    let client = client().build().unwrap();
    assert_eq!(status(&client, &url).await, 204);
    drop(fake);
    assert!(client.get(&url).send().await.is_err());
}
