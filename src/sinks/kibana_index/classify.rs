//! The meaning of a response: a refusal, or the documents of a run. Status 200 alone says nothing: a failed
//! run has it, too.

pub(super) mod run_fault;

use std::time::Duration;

use collectors::Response;
use http::StatusCode;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use self::run_fault::RunFault;
use crate::{
    connectors::said::Hidden,
    sinks::{http::asks_for_credentials, remote::RemoteErrorKind},
};

/// How many characters of Kibana's own text an error repeats.
const SAID_MAX: usize = 160;
/// How many characters of it are looked at to recognise it.
const SAID_WHOLE_MAX: usize = 16 << 10;
/// How the reason for a document continues after its id if an index has it already. Only a pipeline that sets
/// ids causes such reasons, because the connector itself sets none.
const CONFLICT: &str = "]: version conflict, document already exists (current version [";
const CONFLICT_END: &str = "])";

/// The result of a run, as Kibana writes it. Only its status is relied on: anything else may be missing or `null`.
#[derive(Debug, Deserialize)]
pub(super) struct ConnectorRun<'a> {
    status: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    service_message: Option<String>,
    /// `false`, `true`, or the time from which a retry is possible.
    #[serde(default)]
    retry: Option<serde_json::Value>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
}

#[derive(Debug, Deserialize)]
struct Data<'a> {
    errors: Option<bool>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

/// The outcome of the documents of one run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RunVerdict {
    /// All of them are stored; this many were before.
    There {
        /// Known before.
        already: usize,
    },
    /// Some were refused; which ones, and what happened to the others, is unknown.
    Documents {
        /// The reasons. They repeat content.
        reasons: String,
    },
    /// The run failed for another reason.
    Failed(RemoteErrorKind),
}

impl ConnectorRun<'_> {
    /// The index of the first document, according to the response: all documents of a run go to one. Its name
    /// differs from that of a data stream or an alias.
    pub(super) fn index(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Item {
            #[serde(alias = "index")]
            create: Placed,
        }
        #[derive(Deserialize)]
        struct Placed {
            #[serde(rename = "_index")]
            index: String,
        }
        let first = self.data.as_ref()?.items.as_ref()?.first()?;
        serde_json::from_str::<Item>(first.get()).ok().map(|item| item.create.index)
    }

    /// Judges the run of this many documents through the connector of this name.
    pub(super) fn judge(self, documents: usize, connector: &str) -> RunVerdict {
        if self.status == "ok" {
            return self.judge_ok(documents);
        }
        if self.status != "error" {
            let reason = "a run with neither success nor an error".to_owned();
            return RunVerdict::Failed(RemoteErrorKind::NotUnderstood(reason));
        }
        let service_message = self.service_message.unwrap_or_default();
        if let Some(conflicts) = only_conflicts(&service_message).filter(|found| *found <= documents) {
            return RunVerdict::There { already: conflicts };
        }
        let retry = self.retry.is_some_and(|retry| retry == true || retry.is_string());
        if !retry && self.message.is_some_and(|message| message.starts_with("error validating")) {
            let code = "invalid_parameters".to_owned();
            return RunVerdict::Failed(RemoteErrorKind::Refused { status: 200, code });
        }
        if !retry && service_message.is_empty() {
            let reason = "a run that failed without a message".to_owned();
            return RunVerdict::Failed(RemoteErrorKind::NotUnderstood(reason));
        }
        let fault = match RunFault::of(&service_message) {
            // Kibana itself says that a retry may help: no document is at fault.
            RunFault::Documents | RunFault::Index(_) | RunFault::Unknown if retry => {
                RunFault::Passing("run_threw")
            }
            fault => fault,
        };
        match fault.kind(connector) {
            Some(kind) => RunVerdict::Failed(kind),
            None => RunVerdict::Documents { reasons: service_message },
        }
    }

    /// A run reported as successful, unless the response says otherwise of its documents.
    fn judge_ok(self, documents: usize) -> RunVerdict {
        let data = self.data.unwrap_or(Data { errors: None, items: None });
        let counted = data.items.is_none_or(|items| items.len() == documents);
        if counted && data.errors != Some(true) {
            return RunVerdict::There { already: 0 };
        }
        let reason = "a successful run with failed documents".to_owned();
        RunVerdict::Failed(RemoteErrorKind::NotUnderstood(reason))
    }
}

/// The number of conflicts if the message contains nothing else. A record cannot forge that, because the
/// reason of a refused document always has other words.
fn only_conflicts(message: &str) -> Option<usize> {
    let mut count = 0;
    let mut rest = message;
    loop {
        let (id, behind) = rest.strip_prefix('[')?.split_once(CONFLICT)?;
        let (version, behind) = behind.split_once(CONFLICT_END)?;
        let plain =
            !id.contains(']') && !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        if !plain {
            return None;
        }
        count += 1;
        match behind.strip_prefix(';') {
            Some(more) => rest = more,
            None if behind.is_empty() => return Some(count),
            None => return None,
        }
    }
}

/// Whether the reasons name the document of this id as one that is stored already. Content may look like
/// that, too, so this only decides which documents are sent again together.
pub(super) fn names_as_there(reasons: &str, id: &str) -> bool {
    reasons.contains(&format!("[{id}{CONFLICT}"))
}

/// The meaning of a status other than 2xx; `what` is what was requested, `said` Kibana's own text.
pub(super) fn refusal(
    answer: &Response,
    what: &str,
    retry_after: Option<Duration>,
    said: &str,
) -> RemoteErrorKind {
    let (status, code) = (answer.status.as_u16(), said.to_owned());
    match answer.status {
        _ if is_intercepted(answer) => RemoteErrorKind::Intercepted { status },
        StatusCode::UNAUTHORIZED => RemoteErrorKind::Unauthorized { code },
        StatusCode::FORBIDDEN => RemoteErrorKind::Forbidden { code },
        StatusCode::NOT_FOUND => RemoteErrorKind::NotFound { what: what.to_owned() },
        StatusCode::TOO_MANY_REQUESTS => RemoteErrorKind::Throttled { retry_after },
        _ if answer.status.is_server_error() => RemoteErrorKind::Overloaded { status, retry_after },
        // Usually to the login page.
        _ if answer.status.is_redirection() => {
            RemoteErrorKind::NotUnderstood(format!("status {status}, a redirect"))
        }
        _ if answer.status.is_success() => {
            RemoteErrorKind::NotUnderstood(format!("status {status}, which Kibana does not return here"))
        }
        _ => RemoteErrorKind::Refused { status, code },
    }
}

/// Whether a 401 or 403, or any 407, comes from a proxy or gateway: Kibana repeats the status in its body.
pub(super) fn is_intercepted(answer: &Response) -> bool {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "statusCode")]
        _status: IgnoredAny,
    }
    if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return true;
    }
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && !asks_for_credentials(answer)
        && serde_json::from_slice::<Own>(&answer.body).is_err()
}

/// Kibana's own text of a refusal, without what is hidden. Not for responses about documents, which may quote them.
pub(super) fn message(body: &[u8], hidden: &Hidden) -> String {
    message_within(body, hidden, SAID_MAX)
}

/// The same, as long as it is.
pub(super) fn whole_message(body: &[u8], hidden: &Hidden) -> String {
    message_within(body, hidden, SAID_WHOLE_MAX)
}

fn message_within(body: &[u8], hidden: &Hidden, chars_max: usize) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let message = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.message).unwrap_or_default();
    let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let said: String =
        hidden.said_within(&message, chars_max).chars().filter(plain).take(chars_max).collect();
    if said.trim().is_empty() { "no message".to_owned() } else { said }
}
