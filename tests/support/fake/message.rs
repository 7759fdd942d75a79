//! Requests and answers of a fake server.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use serde_json::Value;

/// A request as it came over the wire: nothing is inflated or decoded.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Without the question mark; empty if there is none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A field of the query, decoded.
    pub fn query_field(&self, name: &str) -> Option<String> {
        let mut fields = url::form_urlencoded::parse(self.query.as_bytes());
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The body, inflated if it says that it is gzip. Fails when it is not.
    pub fn content(&self) -> Result<Bytes, String> {
        match self.header("content-encoding") {
            None | Some("identity") => Ok(self.body.clone()),
            Some("gzip") => {
                let mut inflated = Vec::new();
                let read = MultiGzDecoder::new(&self.body[..]).read_to_end(&mut inflated);
                read.map(|_| inflated.into()).map_err(|error| error.to_string())
            }
            Some(other) => Err(format!("unknown content encoding {other}")),
        }
    }

    /// The body as JSON; panics when it is not, for the test to fail.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.content().unwrap()).unwrap()
    }

    /// The segments of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty());
        segments.map(decoded).collect()
    }
}

/// Percent-decoding, without the plus signs of forms.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer, and what becomes of it on its way.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub fate: Fate,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    /// The connection is cut without a byte of it.
    Lost,
    /// The same, by a RST.
    Reset,
    /// The connection is cut behind so many bytes of the body.
    CutAfter(usize),
    /// Nothing comes, and the connection stays.
    Hangs,
}

/// What a script does with a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers this; the handler does not see the request.
    Reply(Reply),
    /// Lets the handler answer, and does this to its answer: with [`Fate::Lost`] the work is done and nobody knows.
    Handled(Fate),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), fate: Fate::Arrives }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status).with_header("content-type", "application/json").with_body(body.to_string())
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Fate> for Step {
    fn from(fate: Fate) -> Self {
        Self::Handled(fate)
    }
}
