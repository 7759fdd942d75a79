//! The simulator behind the tests' own server: with TLS, and with every request taken down.

use ccfd::simulator::{self, Simulator};
use tokio_rustls::rustls::ServerConfig;

use super::fake::{Fake, Fate, Reply, Request};

/// Serves the lists below `<url>/v1`.
pub fn serve(tls: Option<ServerConfig>, simulator: Simulator) -> Fake {
    Fake::start(tls, move |request| answer(&simulator, request))
}

fn answer(simulator: &Simulator, request: &Request) -> Reply {
    let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let reply = simulator.answer(&simulator::Request {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        bearer: bearer.map(str::to_owned),
        body: request.body.clone(),
    });
    let fate = match reply.cut {
        None => Fate::Arrives,
        Some(0) => Fate::Lost,
        Some(bytes) => Fate::CutAfter(bytes),
    };
    let answer = Reply::status(reply.status).with_body(reply.body).with_fate(fate);
    reply.headers.iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
}
