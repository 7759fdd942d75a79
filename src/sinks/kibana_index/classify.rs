//! What the answer to a run says about its documents. 200 alone says nothing: a run that failed is answered so, too.

mod run_fault;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::run_fault::RunFault;
use crate::sinks::remote::RemoteErrorKind;

/// How the reason of a document begins behind its id when an index has it already. Only a pipeline that sets ids makes
/// such reasons, for the connector itself gives none.
const CONFLICT: &str = "]: version conflict, document already exists (current version [";
const CONFLICT_END: &str = "])";

/// The result of a run, as Kibana writes it. Only its status is relied on: anything else may be missing or `null`.
#[derive(Debug, Deserialize)]
pub(super) struct RunOutcome<'a> {
    status: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    service_message: Option<String>,
    /// `false`, `true`, or the time from which on it may be tried again.
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

/// What became of the documents of one run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of them are there; so many were before.
    There {
        /// Known before.
        already: usize,
    },
    /// Some cannot be taken; which, and what became of the others, is not said.
    Documents {
        /// The reasons. They repeat content.
        reasons: String,
    },
    /// The run failed for another reason.
    Failed(RemoteErrorKind),
}

impl RunOutcome<'_> {
    /// The index in which the first document is by this account: all of a run go to one. A data stream has another name
    /// than its indices, and an alias, too.
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

    /// Judges the run of so many documents through the connector of this name.
    pub(super) fn judge(self, documents: usize, connector: &str) -> Verdict {
        if self.status == "ok" {
            return self.judge_ok(documents);
        }
        if self.status != "error" {
            let reason = "a run that is neither ok nor an error".to_owned();
            return Verdict::Failed(RemoteErrorKind::NotUnderstood(reason));
        }
        let service_message = self.service_message.unwrap_or_default();
        if let Some(conflicts) = only_conflicts(&service_message).filter(|found| *found <= documents) {
            return Verdict::There { already: conflicts };
        }
        let retry = self.retry.is_some_and(|retry| retry == true || retry.is_string());
        if !retry && self.message.is_some_and(|message| message.starts_with("error validating")) {
            let code = "invalid_parameters".to_owned();
            return Verdict::Failed(RemoteErrorKind::Refused { status: 200, code });
        }
        if !retry && service_message.is_empty() {
            let reason = "a run that failed without a message".to_owned();
            return Verdict::Failed(RemoteErrorKind::NotUnderstood(reason));
        }
        let fault = match RunFault::of(&service_message) {
            // Kibana itself says that trying again may help: no document is at fault.
            RunFault::Documents | RunFault::Index(_) | RunFault::Unknown if retry => {
                RunFault::Passing("run_threw")
            }
            fault => fault,
        };
        match fault.kind(connector) {
            Some(kind) => Verdict::Failed(kind),
            None => Verdict::Documents { reasons: service_message },
        }
    }

    /// A run that is well, unless its own account of the documents says otherwise.
    fn judge_ok(self, documents: usize) -> Verdict {
        let data = self.data.unwrap_or(Data { errors: None, items: None });
        let counted = data.items.is_none_or(|items| items.len() == documents);
        if counted && data.errors != Some(true) {
            return Verdict::There { already: 0 };
        }
        let reason = "a run that is ok, and documents that are not".to_owned();
        Verdict::Failed(RemoteErrorKind::NotUnderstood(reason))
    }
}

/// How many conflicts there are if the message is made of nothing else. A record cannot forge that: the reason of a
/// refused document always has words of its own.
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

/// Whether the reasons name the document of this id as one that is there already. Content may say so, too, so this only
/// tells which documents to ask for again together.
pub(super) fn names_as_there(reasons: &str, id: &str) -> bool {
    reasons.contains(&format!("[{id}{CONFLICT}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judge(outcome: serde_json::Value) -> Verdict {
        let text = outcome.to_string();
        let outcome: RunOutcome<'_> = serde_json::from_str(&text).unwrap();
        outcome.judge(2, "audit")
    }

    fn failed(service_message: &str) -> Verdict {
        judge(json!({
            "status": "error", "connector_id": "c", "message": "error indexing documents",
            "service_message": service_message, "errorSource": "user",
        }))
    }

    fn conflict(id: &str) -> String {
        format!("[{id}]: version conflict, document already exists (current version [1])")
    }

    #[test]
    fn a_run_that_is_ok_is_believed_unless_its_documents_say_otherwise() {
        let there = Verdict::There { already: 0 };
        assert_eq!(judge(json!({ "status": "ok" })), there);
        assert_eq!(judge(json!({ "status": "ok", "data": { "errors": false, "items": [{}, {}] } })), there);
        for data in [json!({ "errors": true, "items": [{}, {}] }), json!({ "errors": false, "items": [{}] })]
        {
            let verdict = judge(json!({ "status": "ok", "data": data }));
            assert!(
                matches!(verdict, Verdict::Failed(RemoteErrorKind::NotUnderstood(_))),
                "{data}: {verdict:?}"
            );
        }
    }

    #[test]
    fn conflicts_and_nothing_else_mean_that_all_is_there() {
        assert_eq!(failed(&conflict("a")), Verdict::There { already: 1 });
        assert_eq!(failed(&format!("{};{}", conflict("a"), conflict("b"))), Verdict::There { already: 2 });
    }

    #[test]
    fn what_a_document_holds_cannot_pass_for_a_conflict() {
        let preview = format!("failed to parse field [n]. Preview of field's value: '{}'", conflict("a"));
        for message in [
            preview.clone(),
            format!("{};{preview}", conflict("a")),
            format!("{preview};{}", conflict("a")),
            format!("{} (failed to parse)", conflict("a")),
        ] {
            assert!(matches!(failed(&message), Verdict::Documents { .. }), "{message}");
        }
        let three = [conflict("a"), conflict("b"), conflict("c")].join(";");
        assert!(matches!(failed(&three), Verdict::Failed(_)), "more conflicts than documents");
    }

    #[test]
    fn a_mixed_message_names_what_is_there() {
        let message = format!("failed to parse field [n];{}", conflict("a"));
        assert!(names_as_there(&message, "a") && !names_as_there(&message, "b"));
    }

    #[test]
    fn a_run_that_kibana_would_try_again_blames_no_document() {
        for service_message in ["connect ECONNREFUSED", "failed to parse", "closed", ""] {
            for retry in [json!(true), json!("2026-02-13T10:52:05.000Z")] {
                let thrown = json!({ "status": "error", "service_message": service_message, "retry": retry });
                let verdict = judge(thrown);
                let passes = matches!(verdict, Verdict::Failed(RemoteErrorKind::RunFailed { .. }));
                assert!(passes, "{service_message}: {verdict:?}");
            }
        }
    }

    #[test]
    fn parameters_that_kibana_does_not_take_are_no_documents_fault() {
        let message = "error validating action params: [documents]: array size is [500]";
        let verdict = judge(json!({ "status": "error", "message": message, "retry": false }));
        assert_eq!(
            verdict,
            Verdict::Failed(RemoteErrorKind::Refused { status: 200, code: "invalid_parameters".to_owned() })
        );
    }
}
