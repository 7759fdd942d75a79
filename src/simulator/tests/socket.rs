//! The same over real connections.

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::*;

struct Served {
    base: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(simulator: &Simulator) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let task = tokio::spawn(serve(listener, simulator.clone(), shutdown));
    Served { base, stop, task }
}

#[tokio::test]
async fn http_carries_the_reply_and_ends_on_request() {
    let simulator = simulator(SimulatorOptions { audit_logs: 200, ..options("") });
    let served = start(&simulator).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let target = format!("{AUDIT}?limit=100&effective_at%5Bgte%5D=1");
    let expected = get(&simulator, &target);
    let request = || client.get(format!("{}{target}", served.base));
    let reply = request().bearer_auth(ADMIN).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.content_length(), Some(expected.body.len() as u64));
    assert_eq!(reply.headers()["date"].to_str().unwrap(), expected.header("date").unwrap());
    assert_eq!(reply.headers()["openai-organization"], "org-simulated");
    assert_eq!(reply.bytes().await.unwrap(), expected.body);
    assert_eq!(request().send().await.unwrap().status(), 401);

    simulator.script(vec![Fault::CutAt(1_000), Fault::Close]);
    let mut cut = request().bearer_auth(ADMIN).send().await.unwrap();
    let (mut received, mut failed) = (0, false);
    while !failed {
        match cut.chunk().await {
            Ok(Some(chunk)) => received += chunk.len(),
            Ok(None) => panic!("a cut body looked complete"),
            Err(_) => failed = true,
        }
    }
    assert_eq!(received, 1_000);
    // A closed connection is opened again and the request repeated only by a caller that asks for it.
    assert!(request().bearer_auth(ADMIN).send().await.is_err());
    assert_eq!(request().bearer_auth(ADMIN).send().await.unwrap().status(), 200);

    served.stop.send(()).unwrap();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn metadata_is_changed_over_http() {
    let simulator = simulator(options(""));
    let id = simulator.push_completion(NOW, NOW);
    let served = start(&simulator).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}{CHAT}/{id}", served.base)).bearer_auth(PROJECT);
    let reply = request.body(r#"{"metadata":{"seen":"yes"}}"#).send().await.unwrap();
    assert_eq!(reply.bytes().await.unwrap(), simulator.body_of(&id).unwrap());
    assert_eq!(ids(&page(&simulator, &format!("{CHAT}?metadata[seen]=yes"))), [id]);
}
