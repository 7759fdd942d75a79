//! Servers and names that try to be reached, or to keep a run, although the settings do not allow it.

mod places;
mod proxies;
mod responses;
mod server;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

fn is_refused(sent: &Result<OutgoingResponse, OutgoingError>) -> bool {
    matches!(sent, Err(OutgoingError::NotAllowed(_)))
}
