//! Unusual but correct answers, proxies, certificates.

mod answers;
mod certificates;
mod proxies;

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use collectors::{Http, HttpSettings, Response, TlsVerification, TransportError};
use http::{HeaderMap, HeaderValue, Method, header};

const KEY: &str = "Bearer sk-admin-verysecret";

fn settings() -> HttpSettings {
    HttpSettings {
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(10),
        body_max: 100_000,
        ca_file: None,
        proxy: None,
        direct: false,
        verification: TlsVerification::Full,
        identity: None,
    }
}

fn trusting(ca_file: PathBuf) -> HttpSettings {
    HttpSettings { ca_file: Some(ca_file), ..settings() }
}

/// Asks by these settings, with a key.
async fn ask(settings: &HttpSettings, url: &str) -> Result<Response, TransportError> {
    let http = Http::new(settings).map_err(TransportError::Unreachable)?;
    let mut key = HeaderValue::from_static(KEY);
    key.set_sensitive(true);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, key)]);
    http.send(Method::GET, url, headers, Bytes::new()).await
}

/// Why there is no answer.
fn refusal(asked: Result<Response, TransportError>) -> String {
    match asked {
        Err(
            TransportError::Unreachable(why)
            | TransportError::Unanswered(why)
            | TransportError::TooSlow(why)
            | TransportError::Untrusted(why),
        ) => why,
        Err(TransportError::TooLarge { bytes_max, .. }) => format!("more than {bytes_max}"),
        Ok(response) => panic!("{} and {} bytes", response.status, response.body.len()),
    }
}
