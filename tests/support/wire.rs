//! The simulator as a transport: requests without sockets.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use ccfd::simulator::{Request, Simulator};
use collectors::{Response, Transport, TransportError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

pub const BASE_URL: &str = "http://127.0.0.1:1/v1";
pub const ADMIN_KEY: &str = "sk-admin-test";
pub const PROJECT_KEY: &str = "sk-proj-test";

/// Changes what is asked for on its way to the simulator, or loses it.
pub type Tamper = Box<dyn FnMut(&str) -> Result<String, TransportError> + Send>;

pub struct Wire {
    pub simulator: Simulator,
    pub tamper: Arc<Mutex<Option<Tamper>>>,
    /// How long each answer takes.
    pub latency: Duration,
    /// The largest body that is taken, as the real transport's own bound.
    pub body_max: Arc<AtomicUsize>,
}

#[async_trait]
impl Transport for Wire {
    async fn get(&self, url: &str, headers: HeaderMap, body_max: usize) -> Result<Response, TransportError> {
        tokio::time::sleep(self.latency).await;
        let target = url.strip_prefix("http://127.0.0.1:1").expect("a URL of the simulator");
        let target = match self.tamper.lock().unwrap().as_mut() {
            Some(tamper) => tamper(target)?,
            None => target.to_owned(),
        };
        let key = headers[header::AUTHORIZATION].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
        let reply = self.simulator.answer(&Request::get(&target, &key));
        tokio::time::sleep(reply.latency).await;
        let cut = reply.cut.map(|cut| cut.min(reply.body.len()));
        if cut.is_some() {
            return Err(TransportError::Unanswered("connection closed".to_owned()));
        }
        let body_max = body_max.min(self.body_max.load(Ordering::Relaxed));
        if reply.body.len() > body_max {
            let status = StatusCode::from_u16(reply.status).unwrap();
            return Err(TransportError::TooLarge { status, bytes_max: body_max });
        }
        let mut headers = HeaderMap::new();
        for (name, value) in reply.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        let status = StatusCode::from_u16(reply.status).unwrap();
        Response { status, headers, body: reply.body }.decoded(body_max)
    }
}
