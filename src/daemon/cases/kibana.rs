//! The cases of a Kibana, by its public API.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use collectors::Response;
use http::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    missing::{is_own_404, names_case},
    text::ending,
};
use crate::{
    cases::{Assignee, CaseSeverity, CaseStatus, SentFields},
    sinks::{kibana_index::KibanaClient, remote::RemoteError},
};

/// Attachments of one page.
const PAGE: usize = 100;
/// Pages of one order at most: Kibana refuses to show what is behind the 10,000th of a list.
const PAGES_MAX: usize = 100;

/// A case there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteCase {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) fields: SentFields,
}

/// What is attached to a case there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RemoteAttachments {
    /// The ids of alerts.
    pub(super) alerts: BTreeSet<String>,
    /// What was attached together: the id of the attachment, and those of its alerts.
    pub(super) lists: Vec<(String, Vec<String>)>,
    /// The comments, by the name at their end.
    pub(super) comments: BTreeMap<String, RemoteComment>,
}

/// A comment there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteComment {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) text: String,
}

/// Why Kibana did not do something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CasesApiError {
    /// Kibana cannot be reached, or refuses whatever is sent.
    Remote(RemoteError),
    /// The case has changed.
    Conflict,
    /// There is no such case, or no such comment of it.
    Gone,
    /// The key may not do this with cases of this owner: its own text.
    NotAllowed(String),
    /// So much is attached to the case that Kibana does not show all of it.
    TooMuch(u64),
    /// What it says of the case is more than is read.
    TooLarge,
    /// It refuses this: its status, and its own text, which may quote what was sent.
    Refused(u16, String),
}

impl From<RemoteError> for CasesApiError {
    fn from(error: RemoteError) -> Self {
        Self::Remote(error)
    }
}

/// What is asked of Kibana.
#[async_trait]
pub(super) trait CasesApi: Send + Sync {
    /// The oldest case with this tag.
    async fn with_tag(&self, tag: &str) -> Result<Option<RemoteCase>, CasesApiError>;

    /// A case; `None` if there is no such.
    async fn get(&self, id: &str) -> Result<Option<RemoteCase>, CasesApiError>;

    /// Creates a case.
    async fn create(&self, case: &Value) -> Result<RemoteCase, CasesApiError>;

    /// What is attached to a case.
    async fn attachments(&self, id: &str) -> Result<RemoteAttachments, CasesApiError>;

    /// Attaches a comment or alerts.
    async fn attach(&self, id: &str, attachment: &Value) -> Result<(), CasesApiError>;

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
        let answer = self.client.request_unless_large(method, path, body).await?;
        let Some(answer) = answer else { return Err(CasesApiError::TooLarge) };
        if answer.status.is_success() {
            return Ok(answer);
        }
        let said = self.client.said_whole(&answer);
        Err(match answer.status {
            StatusCode::CONFLICT => CasesApiError::Conflict,
            // Otherwise the space or the path is missing.
            StatusCode::NOT_FOUND if is_of_case && is_own_404(&answer.body, &said) => CasesApiError::Gone,
            // A matter of the licence.
            StatusCode::FORBIDDEN if said.contains("assign users") => CasesApiError::Refused(403, said),
            StatusCode::FORBIDDEN if said.contains("with owners") => CasesApiError::NotAllowed(said),
            status @ (StatusCode::BAD_REQUEST
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY) => CasesApiError::Refused(status.as_u16(), said),
            _ => CasesApiError::Remote(self.client.refusal(&answer, &self.client.space())),
        })
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
    async fn with_tag(&self, tag: &str) -> Result<Option<RemoteCase>, CasesApiError> {
        let tags = segment(tag);
        let path =
            format!("/api/cases/_find?tags={tags}&sortField=createdAt&sortOrder=asc&page=1&perPage=10");
        let found: CasesPage = self.asked(Method::GET, &path, None).await?;
        // A search is no proof: analysed text may match what is like it.
        let is_it = |case: &WireCase| case.tags.iter().any(|known| known == tag);
        Ok(found.cases.into_iter().find(is_it).map(RemoteCase::from))
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
        let alerts = alerts.into_iter().map(|alert| alert.id).collect();
        let mut all = RemoteAttachments { alerts, ..RemoteAttachments::default() };
        let (mut seen, mut total) = (0, 0);
        // The oldest first; what is behind the last page of these is among the newest.
        for order in ["asc", "desc"] {
            for page in 1..=PAGES_MAX {
                let path = format!(
                    "/api/cases/{}/comments/_find?page={page}&perPage={PAGE}&sortOrder={order}",
                    segment(id)
                );
                let found: AttachmentsPage = self.asked(Method::GET, &path, None).await?;
                total = found.total;
                let count = found.comments.len();
                seen += count as u64;
                found.comments.into_iter().for_each(|attachment| all.take(attachment));
                if count < PAGE || (order == "desc" && seen >= total) {
                    return Ok(all);
                }
            }
            if seen >= total {
                return Ok(all);
            }
        }
        Err(CasesApiError::TooMuch(total))
    }

    async fn attach(&self, id: &str, attachment: &Value) -> Result<(), CasesApiError> {
        let path = format!("/api/cases/{}/comments", segment(id));
        done(self.asked::<WireCase>(Method::POST, &path, Some(attachment)).await)
    }

    async fn edit(&self, id: &str, comment: &RemoteComment, change: &Value) -> Result<(), CasesApiError> {
        let mut change = change.clone();
        change["id"] = json!(comment.id);
        change["version"] = json!(comment.version);
        let path = format!("/api/cases/{}/comments", segment(id));
        done(self.asked::<WireCase>(Method::PATCH, &path, Some(&change)).await)
    }

    async fn detach(&self, id: &str, attachment: &str) -> Result<(), CasesApiError> {
        let path = format!("/api/cases/{}/comments/{}", segment(id), segment(attachment));
        match self.ask(Method::DELETE, &path, None).await {
            Ok(_) | Err(CasesApiError::Gone) => Ok(()),
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
            updated => done(updated),
        }
    }
}

/// What was written: only the answer to that has all comments of the case, and a refusal is short.
fn done<T>(written: Result<T, CasesApiError>) -> Result<(), CasesApiError> {
    match written {
        Ok(_) | Err(CasesApiError::TooLarge) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A text as a part of a path or the value of a query.
fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[derive(Deserialize)]
struct CasesPage {
    cases: Vec<WireCase>,
}

#[derive(Deserialize)]
struct CasesCount {
    total: u64,
}

/// A case, as Kibana shows it. Only what is needed must be there.
#[derive(Deserialize)]
struct WireCase {
    id: String,
    version: String,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    severity: CaseSeverity,
    #[serde(default)]
    category: Option<String>,
    status: CaseStatus,
    #[serde(default)]
    assignees: BTreeSet<Assignee>,
    #[serde(default, rename = "customFields")]
    custom_fields: Vec<Value>,
}

impl From<WireCase> for RemoteCase {
    fn from(case: WireCase) -> Self {
        let fields = SentFields {
            title: case.title,
            description: case.description,
            tags: case.tags.into_iter().collect(),
            severity: case.severity,
            category: case.category,
            status: case.status,
            assignees: case.assignees,
            custom_fields: case.custom_fields,
        };
        Self { id: case.id, version: case.version, fields }
    }
}

impl RemoteAttachments {
    fn take(&mut self, attachment: WireAttachment) {
        let WireAttachment { id, version, comment, alert_id } = attachment;
        if let Some(alerts) = alert_id.map(OneOrMore::all) {
            self.alerts.extend(alerts.iter().cloned());
            self.lists.push((id, alerts));
        } else if let Some(text) = comment
            && let Some(name) = ending(&text)
        {
            self.comments.entry(name).or_insert(RemoteComment { id, version, text });
        }
    }
}

#[derive(Deserialize)]
struct AttachmentsPage {
    total: u64,
    comments: Vec<WireAttachment>,
}

#[derive(Deserialize)]
struct WireAlert {
    id: String,
}

#[derive(Deserialize)]
struct WireAttachment {
    id: String,
    version: String,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default, rename = "alertId")]
    alert_id: Option<OneOrMore>,
}

/// Kibana has stored both.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(all) => all,
        }
    }
}
