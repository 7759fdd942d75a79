//! Cases of a Kibana in memory, whose search lags behind, and which fails as a test says.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use collectors::Clock;
use serde_json::{Value, json};
use tokio::{sync::Notify, time::sleep};

use super::super::{
    alerts::FindsAlerts,
    kibana::{CasesApi, CasesApiError},
    remote::{AttachmentThere, RemoteAttachments, RemoteCase, RemoteComment},
};
pub(super) use super::fate::CaseCallFate;
use crate::{
    cases::{CaseStatus, SentFields},
    sinks::remote::{RemoteError, RemoteErrorKind, Service},
};

/// A text that is refused each time.
pub(super) const UNLOVED: &str = "unloved";

/// How long a call waits for an answer that does not come.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// A case, and since when searches show it.
pub(super) struct FakeCase {
    pub(super) case: RemoteCase,
    pub(super) owner: Value,
    seen_at: i64,
    pub(super) attachments: Vec<(i64, Value)>,
}

pub(super) struct FakeKibana {
    clock: Clock,
    /// Seconds until a search shows what was written.
    lag: i64,
    pub(super) cases: Mutex<BTreeMap<String, FakeCase>>,
    /// Cases that were deleted, and that searches still show.
    pub(super) ghosts: Mutex<Vec<RemoteCase>>,
    /// Cases that were ever created: no id is given twice.
    created: AtomicUsize,
    fates: Mutex<VecDeque<CaseCallFate>>,
    calls: Mutex<Vec<&'static str>>,
    /// Calls about cases with these tags or ids get no answer.
    pub(super) hangs: Mutex<BTreeSet<String>>,
    in_flight: AtomicUsize,
    /// The most calls that were in flight at the same time.
    pub(super) most_in_flight: AtomicUsize,
    pub(super) killed: Notify,
    /// Where alerts are.
    pub(super) places: Mutex<BTreeMap<String, String>>,
    /// How often they were looked for.
    pub(super) searches: AtomicUsize,
    /// Whether the key may not look for them.
    pub(super) is_blind: AtomicBool,
    /// Whether alerts are shown among the comments, as by Kibana until 8.6. Later ones show them in the history of the case.
    pub(super) is_old: AtomicBool,
    /// Whether the history of cases is not shown.
    pub(super) hides_history: AtomicBool,
    /// Whether an answer says no more than that something is attached.
    pub(super) is_brief: AtomicBool,
    /// Whether it counts more attachments than it shows.
    pub(super) shows_less: AtomicBool,
}

impl FakeKibana {
    pub(super) fn new(clock: Clock, lag: i64) -> Self {
        Self {
            clock,
            lag,
            cases: Mutex::default(),
            ghosts: Mutex::default(),
            created: AtomicUsize::default(),
            fates: Mutex::default(),
            calls: Mutex::default(),
            hangs: Mutex::default(),
            in_flight: AtomicUsize::default(),
            most_in_flight: AtomicUsize::default(),
            killed: Notify::new(),
            places: Mutex::default(),
            searches: AtomicUsize::default(),
            is_blind: AtomicBool::default(),
            is_old: AtomicBool::default(),
            hides_history: AtomicBool::default(),
            is_brief: AtomicBool::default(),
            shows_less: AtomicBool::default(),
        }
    }

    /// What happens to the next calls.
    pub(super) fn will(&self, fates: impl IntoIterator<Item = CaseCallFate>) {
        self.fates.lock().unwrap().extend(fates);
    }

    pub(super) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    pub(super) fn edit(&self, id: &str, edit: impl FnOnce(&mut SentFields)) {
        let mut cases = self.cases.lock().unwrap();
        let case = &mut cases.get_mut(id).unwrap().case;
        edit(&mut case.fields);
        case.version += "+";
    }

    async fn call<T>(
        &self,
        name: &'static str,
        about: &str,
        work: impl FnOnce(&mut BTreeMap<String, FakeCase>) -> Result<T, CasesApiError>,
    ) -> Result<T, CasesApiError> {
        self.calls.lock().unwrap().push(name);
        if self.hangs.lock().unwrap().contains(about) {
            let others = self.in_flight.fetch_add(1, Ordering::Relaxed);
            self.most_in_flight.fetch_max(others + 1, Ordering::Relaxed);
            sleep(TIMEOUT).await;
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            let kind = RemoteErrorKind::Unreachable("no answer".to_owned());
            return Err(kind.of(Service::KibanaCases).into());
        }
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(CaseCallFate::Done);
        let failed = |kind: RemoteErrorKind| Err(kind.of(Service::KibanaCases).into());
        let intercepted = || {
            let kind = RemoteErrorKind::Intercepted { status: 403 };
            Err(CasesApiError::Intercepted(kind.of(Service::KibanaCases)))
        };
        let lost = || failed(RemoteErrorKind::Unreachable("cut".to_owned()));
        let refused = match fate {
            CaseCallFate::Done => None,
            CaseCallFate::LostBefore => Some(lost()),
            CaseCallFate::LostAfter => {
                _ = work(&mut self.cases.lock().unwrap());
                return lost();
            }
            CaseCallFate::InterceptedAfter => {
                _ = work(&mut self.cases.lock().unwrap());
                return intercepted();
            }
            CaseCallFate::InterceptedBefore => Some(intercepted()),
            CaseCallFate::OversizedAfter => {
                _ = work(&mut self.cases.lock().unwrap());
                return Err(CasesApiError::Oversized("too large".to_owned()));
            }
            CaseCallFate::ConflictAfter => {
                _ = work(&mut self.cases.lock().unwrap());
                return Err(CasesApiError::Conflict);
            }
            CaseCallFate::KilledBefore | CaseCallFate::KilledAfter => {
                if fate == CaseCallFate::KilledAfter {
                    _ = work(&mut self.cases.lock().unwrap());
                }
                self.killed.notify_one();
                return pending().await;
            }
            CaseCallFate::Throttled => {
                Some(failed(RemoteErrorKind::Throttled { retry_after: Some(Duration::from_secs(7)) }))
            }
            CaseCallFate::Conflict => Some(Err(CasesApiError::Conflict)),
            CaseCallFate::Forbidden => Some(failed(RemoteErrorKind::Forbidden { code: "no".to_owned() })),
            CaseCallFate::NotAllowed => Some(Err(CasesApiError::NotAllowed("no".to_owned()))),
            CaseCallFate::Refused => Some(Err(CasesApiError::Refused(400, "no".to_owned()))),
            CaseCallFate::NoAssignees => {
                let said = "In order to assign users to cases, you must be subscribed to an Elastic Platinum license";
                Some(Err(CasesApiError::Refused(403, said.to_owned())))
            }
            CaseCallFate::Removed => Some(Err(CasesApiError::CommentGone)),
            CaseCallFate::CaseRemoved => Some(Err(CasesApiError::Gone)),
            CaseCallFate::Large => Some(Err(CasesApiError::TooLarge)),
            CaseCallFate::NoFields => {
                Some(Err(CasesApiError::Refused(400, "Invalid custom field keys: env".to_owned())))
            }
        };
        refused.unwrap_or_else(|| work(&mut self.cases.lock().unwrap()))
    }

    fn now(&self) -> i64 {
        self.clock.now()
    }
}

/// Tags as Kibana keeps them.
fn trimmed(tags: &Value) -> BTreeSet<String> {
    let tags: Vec<String> = serde_json::from_value(tags.clone()).unwrap();
    tags.iter().map(|tag| tag.trim().to_owned()).collect()
}

#[async_trait]
impl CasesApi for FakeKibana {
    async fn with_tag(&self, tag: &str) -> Result<Vec<RemoteCase>, CasesApiError> {
        let now = self.now();
        self.call("find", tag, |cases| {
            let seen = |case: &&FakeCase| case.seen_at <= now && case.case.fields.tags.contains(tag);
            let ghosts = self.ghosts.lock().unwrap();
            let ghosts = ghosts.iter().filter(|case| case.fields.tags.contains(tag)).cloned();
            Ok(ghosts.chain(cases.values().filter(seen).map(|found| found.case.clone())).collect())
        })
        .await
    }

    async fn get(&self, id: &str) -> Result<Option<RemoteCase>, CasesApiError> {
        self.call("get", id, |cases| Ok(cases.get(id).map(|found| found.case.clone()))).await
    }

    async fn create(&self, body: &Value) -> Result<RemoteCase, CasesApiError> {
        let seen_at = self.now() + self.lag;
        let tag = body["tags"][0].as_str().unwrap();
        let id = || format!("remote-{}", self.created.fetch_add(1, Ordering::Relaxed));
        self.call("create", tag, |cases| {
            let text = |name: &str| body[name].as_str().unwrap().to_owned();
            let fields = SentFields {
                title: text("title"),
                description: text("description"),
                tags: trimmed(&body["tags"]),
                severity: serde_json::from_value(body["severity"].clone()).unwrap(),
                category: body["category"].as_str().map(str::to_owned),
                status: CaseStatus::Open,
                assignees: serde_json::from_value(body.get("assignees").cloned().unwrap_or(json!([])))
                    .unwrap(),
                custom_fields: body["customFields"].as_array().cloned().unwrap_or_default(),
            };
            let id = id();
            let case = RemoteCase { id: id.clone(), version: "1".to_owned(), fields };
            let kept =
                FakeCase { case: case.clone(), owner: body["owner"].clone(), seen_at, attachments: vec![] };
            cases.insert(id, kept);
            Ok(case)
        })
        .await
    }

    async fn attachments(&self, id: &str) -> Result<RemoteAttachments, CasesApiError> {
        let now = self.now();
        self.call("attachments", id, |cases| {
            if self.shows_less.load(Ordering::Relaxed) {
                return Err(CasesApiError::Conflict);
            }
            let mut all = RemoteAttachments::default();
            let case = cases.get(id).ok_or(CasesApiError::Gone)?;
            for (_, attachment) in case.attachments.iter().filter(|(seen_at, _)| *seen_at <= now) {
                let id = attachment["id"].as_str().unwrap().to_owned();
                let Some(text) = attachment["comment"].as_str() else {
                    let ids: Vec<String> = serde_json::from_value(attachment["alertId"].clone()).unwrap();
                    all.alerts.extend(ids.iter().cloned());
                    if self.is_old.load(Ordering::Relaxed) {
                        all.lists.push(AttachmentThere { id, alerts: ids });
                    }
                    continue;
                };
                let version = attachment["version"].as_str().unwrap().to_owned();
                let comment = RemoteComment { id, version, text: text.to_owned() };
                all.add(comment);
            }
            Ok(all)
        })
        .await
    }

    async fn alert_lists(&self, id: &str) -> Result<Vec<AttachmentThere>, CasesApiError> {
        self.call("history", id, |cases| {
            let case = cases.get(id).ok_or(CasesApiError::Gone)?;
            if self.is_old.load(Ordering::Relaxed) || self.hides_history.load(Ordering::Relaxed) {
                return Ok(Vec::new());
            }
            let list = |attachment: &Value| {
                let id = attachment["id"].as_str().unwrap().to_owned();
                let alerts = serde_json::from_value(attachment["alertId"].clone()).ok()?;
                Some(AttachmentThere { id, alerts })
            };
            Ok(case.attachments.iter().filter_map(|(_, attachment)| list(attachment)).collect())
        })
        .await
    }

    async fn attach(&self, id: &str, attachment: &Value) -> Result<Option<AttachmentThere>, CasesApiError> {
        let seen_at = self.now() + self.lag;
        let name = if attachment["type"] == json!("alert") { "attach" } else { "comment" };
        self.call(name, id, |cases| {
            let case = cases.get_mut(id).ok_or(CasesApiError::Gone)?;
            if name == "attach" && case.case.fields.status == CaseStatus::Closed {
                let said = "Alert cannot be attached to a closed case";
                return Err(CasesApiError::Refused(400, said.to_owned()));
            }
            let text = attachment["comment"].as_str().unwrap_or_default();
            if text.encode_utf16().count() > 30_000 || text.contains(UNLOVED) {
                return Err(CasesApiError::Refused(400, "no such text".to_owned()));
            }
            let (mut attachment, attachment_alerts) = (attachment.clone(), attachment["alertId"].clone());
            let id = format!("attachment-{}", self.created.fetch_add(1, Ordering::Relaxed));
            attachment["id"] = json!(id);
            attachment["version"] = json!("1");
            case.attachments.push((seen_at, attachment));
            case.case.version += "+";
            let alerts = serde_json::from_value(attachment_alerts).unwrap_or_default();
            Ok((!self.is_brief.load(Ordering::Relaxed)).then_some(AttachmentThere { id, alerts }))
        })
        .await
    }

    async fn edit(&self, id: &str, comment: &RemoteComment, change: &Value) -> Result<(), CasesApiError> {
        self.call("edit", id, |cases| {
            let case = cases.get_mut(id).ok_or(CasesApiError::Gone)?;
            let mut known = case.attachments.iter_mut().map(|(_, attachment)| attachment);
            let found = known.find(|found| found["id"] == comment.id).ok_or(CasesApiError::CommentGone)?;
            if found["version"] != comment.version {
                return Err(CasesApiError::Conflict);
            }
            found["comment"] = change["comment"].clone();
            found["version"] = json!(format!("{}+", comment.version));
            case.case.version += "+";
            Ok(())
        })
        .await
    }

    async fn detach(&self, id: &str, attachment: &str) -> Result<(), CasesApiError> {
        self.call("detach", id, |cases| {
            let case = cases.get_mut(id).ok_or(CasesApiError::Gone)?;
            case.attachments.retain(|(_, found)| found["id"] != attachment);
            case.case.version += "+";
            Ok(())
        })
        .await
    }

    async fn update(&self, case: &RemoteCase, change: &Value) -> Result<(), CasesApiError> {
        self.call("update", &case.id, |cases| {
            let kept = &mut cases.get_mut(&case.id).ok_or(CasesApiError::Gone)?.case;
            if kept.version != case.version {
                return Err(CasesApiError::Conflict);
            }
            let mut fields = serde_json::to_value(&kept.fields).unwrap();
            for (name, value) in change.as_object().unwrap() {
                fields[name] = if name == "tags" { json!(trimmed(value)) } else { value.clone() };
            }
            kept.fields = serde_json::from_value(fields).unwrap();
            kept.version += "+";
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl FindsAlerts for FakeKibana {
    async fn places(&self, ids: &[String]) -> Result<BTreeMap<String, String>, RemoteError> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        if self.is_blind.load(Ordering::Relaxed) {
            let kind = RemoteErrorKind::Forbidden { code: "no read".to_owned() };
            return Err(kind.of(Service::Elasticsearch));
        }
        let places = self.places.lock().unwrap();
        Ok(ids.iter().filter_map(|id| Some((id.clone(), places.get(id)?.clone()))).collect())
    }
}
