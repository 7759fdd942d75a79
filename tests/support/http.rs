//! Blocking requests from a test, which work inside and outside a runtime.

use std::{thread, time::Duration};

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::runtime;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends one request; the status, and the body as JSON or, where it is none, as a JSON string.
pub fn send(method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    let client = Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
    let mut request = client.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = async {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    // On a thread of its own, because a runtime cannot be entered from within another.
    let (status, text) = thread::scope(|scope| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        scope.spawn(move || runtime.block_on(sent)).join().unwrap()
    });
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
