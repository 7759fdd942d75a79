//! The cases of a Kibana, by its public API.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use collectors::Response;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    missing::{KibanaMissing, is_own, names_case},
    pages::{self, ShowsAttachments},
    remote::{
        ActionsPage, AttachmentThere, AttachmentsPage, CasesCount, CasesPage, RemoteAttachments, RemoteCase,
        RemoteComment, WireAction, WireAlert, WireCase,
    },
};
use crate::sinks::{
    kibana_index::KibanaClient,
    remote::{RemoteError, RemoteErrorKind, Service},
};

/// Entries of a history that are read at once.
const ACTIONS: usize = 100;
/// Pages of a history at most: Kibana refuses to show what is behind the 10,000th of a list.
const ACTION_PAGES_MAX: usize = 100;

/// Why Kibana did not do something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CasesApiError {
    /// Kibana cannot be reached, or refuses whatever is sent.
    Remote(RemoteError),
    /// The case has changed.
    Conflict,
    /// There is no such case.
    Gone,
    /// There is no such comment of the case.
    CommentGone,
    /// The key may not do this with cases of this owner: its own text.
    NotAllowed(String),
    /// So much is attached to the case that Kibana does not show all of it.
    TooMuch(u64),
    /// What it says of the case is more than is read.
    TooLarge,
    /// Something between here and Kibana has answered in its place. What was asked may have been done.
    Intercepted(RemoteError),
    /// It refuses this: its status, and its own text, which may quote what was sent.
    Refused(u16, String),
    /// Something between here and Kibana refuses the size of this, or of Kibana's answer: then it was done. The text is its own.
    Oversized(String),
}

impl From<RemoteError> for CasesApiError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

/// What is asked of Kibana.
#[async_trait]
pub(super) trait CasesApi: Send + Sync {
    /// Cases with this tag, the oldest first.
    async fn with_tag(&self, tag: &str) -> Result<Vec<RemoteCase>, CasesApiError>;

    /// A case; `None` if there is no such.
    async fn get(&self, id: &str) -> Result<Option<RemoteCase>, CasesApiError>;

    /// Creates a case.
    async fn create(&self, case: &Value) -> Result<RemoteCase, CasesApiError>;

    /// What is attached to a case.
    async fn attachments(&self, id: &str) -> Result<RemoteAttachments, CasesApiError>;

    /// Attachments with alerts, by the history of a case; none if Kibana does not show it.
    async fn alert_lists(&self, id: &str) -> Result<Vec<AttachmentThere>, CasesApiError>;

    /// Attaches a comment or alerts. Returns what the answer says of a comment with a name at its end, and of alerts.
    async fn attach(&self, id: &str, attachment: &Value) -> Result<Option<AttachmentThere>, CasesApiError>;

    /// Changes a comment that is known with this version.
    async fn edit(&self, id: &str, comment: &RemoteComment, change: &Value) -> Result<(), CasesApiError>;

    /// Removes a comment, or alerts.
    async fn detach(&self, id: &str, attachment: &str) -> Result<(), CasesApiError>;

    /// Changes members of a case that is known with this version.
    async fn update(&self, case: &RemoteCase, change: &Value) -> Result<(), CasesApiError>;
}

/// One space of a Kibana.
pub(super) struct KibanaCases {
    client: KibanaClient,
}

impl KibanaCases {
    pub(super) fn new(client: KibanaClient) -> Self {
        Self { client }
    }

    /// How many cases the key may see.
    pub(super) async fn count(&self) -> Result<u64, RemoteError> {
        let answer =
            self.client.request(Method::GET, "/api/cases/_find?page=1&perPage=1", Bytes::new()).await?;
        if !answer.status.is_success() {
            return Err(self.client.refusal(&answer, &self.client.space()));
        }
        Ok(self.client.read::<CasesCount>(&answer)?.total)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, CasesApiError> {
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let is_of_case = names_case(&method, path);
        let answer = match self.client.request_unless_large(method, path, body).await? {
            Ok(answer) => answer,
            Err(status) => return Err(too_large(status)),
        };
        if answer.status.is_success() { Ok(answer) } else { Err(self.meant(&answer, is_of_case)) }
    }

    /// What an answer means that is no success, to a request that names a case or does not.
    pub(super) fn meant(&self, answer: &Response, is_of_case: bool) -> CasesApiError {
        if !is_own(answer) {
            return match answer.status {
                StatusCode::PAYLOAD_TOO_LARGE => CasesApiError::Oversized(self.client.said_whole(answer)),
                _ => CasesApiError::Intercepted(self.intercepted(answer)),
            };
        }
        let said = self.client.said_whole(answer);
        match answer.status {
            StatusCode::CONFLICT => CasesApiError::Conflict,
            StatusCode::NOT_FOUND => match KibanaMissing::of(&said) {
                KibanaMissing::Case if is_of_case => CasesApiError::Gone,
                KibanaMissing::Comment if is_of_case => CasesApiError::CommentGone,
                KibanaMissing::Unknown => CasesApiError::Intercepted(self.intercepted(answer)),
                KibanaMissing::Case | KibanaMissing::Comment | KibanaMissing::Place => {
                    CasesApiError::Remote(self.refused(answer))
                }
            },
            // A matter of the licence.
            StatusCode::FORBIDDEN if said.contains("assign users") => CasesApiError::Refused(403, said),
            StatusCode::FORBIDDEN if said.contains("with owners") => CasesApiError::NotAllowed(said),
            status @ (StatusCode::BAD_REQUEST
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY) => CasesApiError::Refused(status.as_u16(), said),
            _ => CasesApiError::Remote(self.refused(answer)),
        }
    }

    /// What a refusal means that is about no case in particular. Words of Kibana about what was sent are not for logs.
    fn refused(&self, answer: &Response) -> RemoteError {
        let mut error = self.client.refusal(answer, &self.client.space());
        if let RemoteErrorKind::Refused { code, .. } = &mut error.kind {
            *code = answer.status.canonical_reason().unwrap_or("no code").to_owned();
        }
        error
    }

    /// What an answer means that is not Kibana's own.
    fn intercepted(&self, answer: &Response) -> RemoteError {
        let mut error = self.client.refusal(answer, &self.client.space());
        // A 404 as well: a page in between may concern one case only.
        if matches!(error.kind, RemoteErrorKind::Refused { .. } | RemoteErrorKind::NotFound { .. }) {
            error.kind = RemoteErrorKind::Intercepted { status: answer.status.as_u16() };
        }
        error
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, CasesApiError> {
        let answer = self.ask(method, path, body).await?;
        Ok(self.client.read(&answer)?)
    }
}

#[async_trait]
impl CasesApi for KibanaCases {
    async fn with_tag(&self, tag: &str) -> Result<Vec<RemoteCase>, CasesApiError> {
        let tags = segment(tag);
        let path =
            format!("/api/cases/_find?tags={tags}&sortField=createdAt&sortOrder=asc&page=1&perPage=10");
        let found: CasesPage = self.asked(Method::GET, &path, None).await?;
        // A search is no proof: analysed text may match what is like it.
        let is_it = |case: &WireCase| case.tags.iter().any(|known| known == tag);
        Ok(found.cases.into_iter().filter(is_it).map(RemoteCase::from).collect())
    }

    async fn get(&self, id: &str) -> Result<Option<RemoteCase>, CasesApiError> {
        let path = format!("/api/cases/{}?includeComments=false", segment(id));
        match self.asked::<WireCase>(Method::GET, &path, None).await {
            Ok(case) => Ok(Some(case.into())),
            Err(CasesApiError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, case: &Value) -> Result<RemoteCase, CasesApiError> {
        self.asked::<WireCase>(Method::POST, "/api/cases", Some(case)).await.map(RemoteCase::from)
    }

    async fn attachments(&self, id: &str) -> Result<RemoteAttachments, CasesApiError> {
        let path = format!("/api/cases/{}/alerts", segment(id));
        let alerts: Vec<WireAlert> = self.asked(Method::GET, &path, None).await?;
        let alerts: BTreeSet<String> = alerts.into_iter().map(|alert| alert.id).collect();
        let all = pages::read(&CommentPages { of: self, case: id }).await?;
        Ok(RemoteAttachments { alerts: &all.alerts | &alerts, ..all })
    }

    async fn alert_lists(&self, id: &str) -> Result<Vec<AttachmentThere>, CasesApiError> {
        let mut actions = Vec::new();
        for page in 1..=ACTION_PAGES_MAX {
            let path = format!(
                "/api/cases/{}/user_actions/_find?types=alert&sortOrder=desc&page={page}&perPage={ACTIONS}",
                segment(id)
            );
            let found = match self.asked::<ActionsPage>(Method::GET, &path, None).await {
                Ok(found) => found.actions,
                // It has no such path, or shows it to others only.
                Err(CasesApiError::Refused(..) | CasesApiError::NotAllowed(_)) => break,
                Err(CasesApiError::Remote(error) | CasesApiError::Intercepted(error))
                    if is_missing(&error) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            };
            let is_last = found.len() < ACTIONS;
            actions.extend(found);
            if is_last {
                break;
            }
        }
        Ok(WireAction::lists(actions))
    }

    async fn attach(&self, id: &str, attachment: &Value) -> Result<Option<AttachmentThere>, CasesApiError> {
        let path = format!("/api/cases/{}/comments", segment(id));
        let attached = self.asked::<WireCase>(Method::POST, &path, Some(attachment)).await;
        Ok(done(attached)?.and_then(|case| case.newest(attachment)))
    }

    async fn edit(&self, id: &str, comment: &RemoteComment, change: &Value) -> Result<(), CasesApiError> {
        let mut change = change.clone();
        change["id"] = json!(comment.id);
        change["version"] = json!(comment.version);
        let path = format!("/api/cases/{}/comments", segment(id));
        done(self.asked::<WireCase>(Method::PATCH, &path, Some(&change)).await).map(drop)
    }

    async fn detach(&self, id: &str, attachment: &str) -> Result<(), CasesApiError> {
        let path = format!("/api/cases/{}/comments/{}", segment(id), segment(attachment));
        match self.ask(Method::DELETE, &path, None).await {
            Ok(answer) => removed(&answer),
            Err(CasesApiError::CommentGone) => Ok(()),
            Err(CasesApiError::TooLarge) => Err(not_removed(StatusCode::OK)),
            Err(error) => Err(error),
        }
    }

    async fn update(&self, case: &RemoteCase, change: &Value) -> Result<(), CasesApiError> {
        let mut change = change.clone();
        change["id"] = json!(case.id);
        change["version"] = json!(case.version);
        let body = json!({ "cases": [change] });
        match self.asked::<Vec<WireCase>>(Method::PATCH, "/api/cases", Some(&body)).await {
            // It is like that already.
            Err(CasesApiError::Refused(406, _)) => Ok(()),
            updated => done(updated).map(drop),
        }
    }
}

/// The comments and alerts of a case, page by page.
struct CommentPages<'a> {
    of: &'a KibanaCases,
    case: &'a str,
}

#[async_trait]
impl ShowsAttachments for CommentPages<'_> {
    async fn page(&self, order: &str, page: usize, count: usize) -> Result<AttachmentsPage, CasesApiError> {
        let case = segment(self.case);
        let path = format!("/api/cases/{case}/comments/_find?page={page}&perPage={count}&sortOrder={order}");
        self.of.asked(Method::GET, &path, None).await
    }
}

/// Whether there is no such path.
fn is_missing(error: &RemoteError) -> bool {
    matches!(error.kind, RemoteErrorKind::NotFound { .. } | RemoteErrorKind::Intercepted { status: 404 })
}

/// What an answer means that is larger than is read.
fn too_large(status: StatusCode) -> CasesApiError {
    let code = status.as_u16();
    let kind = match status {
        _ if status.is_success() => return CasesApiError::TooLarge,
        _ if status.is_server_error() => RemoteErrorKind::Overloaded { status: code, retry_after: None },
        // Kibana's refusals are short.
        _ => RemoteErrorKind::Intercepted { status: code },
    };
    CasesApiError::Intercepted(kind.of(Service::KibanaCases))
}

/// What a success means that answers a removal: Kibana's has nothing to say.
fn removed(answer: &Response) -> Result<(), CasesApiError> {
    let is_kibanas = answer.status == StatusCode::NO_CONTENT || answer.body.is_empty();
    if is_kibanas { Ok(()) } else { Err(not_removed(answer.status)) }
}

fn not_removed(status: StatusCode) -> CasesApiError {
    let kind = RemoteErrorKind::Intercepted { status: status.as_u16() };
    CasesApiError::Intercepted(kind.of(Service::KibanaCases))
}

/// What was written: only the answer to that has all comments of the case, and a refusal is short.
fn done<T>(written: Result<T, CasesApiError>) -> Result<Option<T>, CasesApiError> {
    match written {
        Ok(case) => Ok(Some(case)),
        Err(CasesApiError::TooLarge) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A text as a part of a path or the value of a query.
fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_that_is_too_large_to_read_is_taken_for_one() {
        assert_eq!(too_large(StatusCode::OK), CasesApiError::TooLarge);
        for status in [StatusCode::FORBIDDEN, StatusCode::BAD_GATEWAY, StatusCode::FOUND] {
            assert!(matches!(too_large(status), CasesApiError::Intercepted(_)), "{status}");
        }
    }

    #[test]
    fn a_page_in_answer_to_a_removal_is_no_removal() {
        let answer = |status: u16, body: &'static str| Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        for (status, body) in [(204, ""), (200, "")] {
            assert_eq!(removed(&answer(status, body)), Ok(()), "{status}");
        }
        for (status, body) in [(200, "<html>sign in</html>"), (200, "{}"), (202, "later")] {
            assert!(matches!(removed(&answer(status, body)), Err(CasesApiError::Intercepted(_))), "{body}");
        }
    }
}
