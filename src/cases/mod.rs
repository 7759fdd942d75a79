//! Cases: what people make of alerts. They are in the database of the alerts, with the members and names of Kibana's cases.
//!
//! | file | what it does |
//! | --- | --- |
//! | `model`, `attachment` | a case, and what is attached to it |
//! | `change` | a case to create, and changes of one |
//! | `push` | a case as another system gets it by a connector |
//! | `markdown` | others' words in texts that are shown as Markdown |
//! | `limits`, `error` | what is refused, and why |
//! | `store` | the cases of a space, in the database |
//! | `action` | what Kibana's Cases connector does: cases from alerts, by group and time |
//!
//! Every text of a case may be somebody else's: nothing here interprets one, and what shows it must make it harmless.

pub mod action;
mod attachment;
mod change;
mod error;
mod limits;
pub(crate) mod markdown;
mod model;
mod push;
mod store;

pub(crate) use self::store::{TABLES, forget_space};
pub use self::{
    attachment::{AlertToAttach, AttachedAlert, AttachedContent, AttachedRule, CaseAttachment, FileToAttach},
    change::{CaseChange, NewCase},
    error::CaseError,
    limits::{
        ALERTS_MAX, ASSIGNEES_MAX, CASES_AT_ONCE_MAX, FILE_BYTES_MAX, TAGS_MAX, TEXT_CHARS_MAX,
        cut as cut_text, length,
    },
    model::{
        Assignee, Case, CaseConnector, CaseOwner, CasePerson, CaseSettings, CaseSeverity, CaseStamp,
        CaseStatus, CustomFieldKind, CustomFieldValue,
    },
    push::{CasePush, CasePushed, PushConnector},
    store::{
        AttachmentPage, CaseConfiguration, CaseCounts, CaseFile, CaseFilter, CaseOutboxCounts, CasePage,
        CaseSending, CaseSort, CaseStore, CaseTemplate, CaseTitle, CaseToSend, CaseTotals, ClosureType,
        ConfigurationChange, CustomFieldSpec, HistoryFilter, HistoryPage, PUSH_CLAIM_SECONDS,
        PUSH_HELD_SECONDS, RefusedPart, SENT_NAME, SearchField, SentFields, SentItem, SentItems, TargetBegun,
        TemplateFields, UserAction, VersionedChange,
    },
};
pub use crate::detect_db::DEFAULT_SPACE;
