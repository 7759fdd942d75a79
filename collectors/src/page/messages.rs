//! `GET /chat/completions/{id}/messages`: the messages of a stored completion, one page at a time.
//!
//! Messages have an index but no time, and this list is not known to misbehave: it is short and never grows.
//! So its cursor is used, and only checked.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::{
    error::CollectError,
    http::{
        budget::Lane,
        client::{Client, malformed_in},
    },
    lists::{COMPLETIONS_PATH as PATH, COMPLETIONS_SCOPE as SCOPE},
    page::Malformed,
};

/// Which messages to request.
#[derive(Clone, Copy)]
pub struct AskMessages<'a> {
    /// Id of the completion.
    pub completion: &'a str,
    /// Id of the last known message.
    pub after: Option<&'a str>,
    /// The most messages, 1 to 100.
    pub limit: usize,
    /// The most bytes of the answer.
    pub body_max: usize,
}

/// Messages of one completion, in the order in which they were sent to the model.
pub struct MessagesPage {
    /// Each as received: a slice of the body.
    pub messages: Vec<Bytes>,
    /// Id of the last one, if it has one.
    pub last_id: Option<String>,
    /// Whether more follow.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct MessagesDocument<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    has_more: Option<bool>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

impl AskMessages<'_> {
    fn path_and_query(&self) -> String {
        // `byte_serialize` is for forms and writes a space as a plus; a path needs `%20`.
        let id = byte_serialize(self.completion.as_bytes()).collect::<String>().replace('+', "%20");
        let path = format!("{PATH}/{id}/messages?");
        let query_begins = path.len();
        let mut query = Serializer::for_suffix(path, query_begins);
        query.append_pair("limit", &self.limit.to_string());
        query.append_pair("order", "asc");
        if let Some(after) = self.after {
            query.append_pair("after", after);
        }
        query.finish()
    }
}

impl MessagesPage {
    /// Parses a body, which must be one complete document.
    fn parse(body: &Bytes) -> Result<Self, Malformed> {
        let refused = |error: serde_json::Error| Malformed {
            offset: crate::page::offset_of(body, &error),
            reason: if error.is_eof() { "the body ends too early" } else { "not a list of messages" },
        };
        let document: MessagesDocument<'_> = serde_json::from_slice(body).map_err(refused)?;
        let data = document.data.unwrap_or_default();
        let last_id = data.last().and_then(|last| serde_json::from_str::<Named>(last.get()).ok()?.id);
        let messages = data.iter().map(|message| body.slice_ref(message.get().as_bytes())).collect();
        Ok(Self { messages, last_id, has_more: document.has_more == Some(true) })
    }
}

impl Client {
    /// Requests messages of one completion, within the share of the key's rate that is reserved for them.
    pub async fn messages(&self, ask: AskMessages<'_>) -> Result<MessagesPage, CollectError> {
        let response = self.get(&ask.path_and_query(), SCOPE, Lane::Messages, ask.body_max).await?;
        MessagesPage::parse(&response.body).map_err(|malformed| malformed_in(&response, malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<MessagesPage, Malformed> {
        MessagesPage::parse(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        let ask = AskMessages { completion: "a/b?c d+e", after: Some("x&y"), limit: 7, body_max: 1 };
        assert_eq!(
            ask.path_and_query(),
            "/chat/completions/a%2Fb%3Fc%20d%2Be/messages?limit=7&order=asc&after=x%26y"
        );
    }

    #[test]
    fn a_message_is_the_very_bytes_that_were_received_whatever_it_is() {
        let page = parse(r#"{"object":"list","data":[ {"id": "m-0","content":null} , 7],"has_more":true}"#);
        let page = page.expect("a list");
        assert_eq!(page.messages, [r#"{"id": "m-0","content":null}"#, "7"]);
        assert_eq!((page.last_id, page.has_more), (None, true));
        let page = parse(r#"{"data":[{"id":"m-0"},{"id":"m-\u0031"}]}"#).expect("a list");
        assert_eq!((page.last_id.as_deref(), page.has_more), (Some("m-1"), false));
        assert!(parse(r#"{"data":null}"#).expect("a list").messages.is_empty());
    }

    #[test]
    fn a_body_that_is_no_list_is_reported_by_its_offset_and_without_its_content() {
        let body = r#"{"data":[{"id":"m-0","content":"secret"}],"has_more":false}"#;
        for cut in 0..body.len() {
            let error = parse(&body[..cut]).err().expect("a cut body");
            assert!(error.offset <= cut && !error.to_string().contains("secret"), "{error}");
        }
        assert!(parse("<html>").is_err() && parse(&format!("{body}<html>")).is_err());
    }
}
