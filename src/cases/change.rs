//! A case to create, and changes of one.

use super::{
    Assignee, CaseConnector, CaseError, CaseOwner, CaseSettings, CaseSeverity, CaseStatus, CustomFieldValue,
    limits,
};
use crate::detect_db::Disposition;

/// A case to create.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewCase {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its owner.
    pub owner: CaseOwner,
    /// Its severity.
    pub severity: CaseSeverity,
    /// Its category.
    pub category: Option<String>,
    /// Its assignees.
    pub assignees: Vec<Assignee>,
    /// Its custom fields.
    pub custom_fields: Vec<CustomFieldValue>,
    /// Its connector.
    pub connector: CaseConnector,
    /// Its settings.
    pub settings: CaseSettings,
}

impl NewCase {
    /// Fails if it cannot be one.
    pub(super) fn check(&self) -> Result<(), CaseError> {
        title(&self.title)?;
        description(&self.description)?;
        limits::tags(&self.tags)?;
        category(self.category.as_deref())?;
        assignees(&self.assignees)?;
        limits::list("customFields", &self.custom_fields, limits::CUSTOM_FIELDS_MAX)?;
        connector(&self.connector)
    }
}

/// What is to change of a case. `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseChange {
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
    /// Its status.
    pub status: Option<CaseStatus>,
    /// The verdict with which it is closed.
    pub disposition: Option<Disposition>,
    /// Its severity.
    pub severity: Option<CaseSeverity>,
    /// Its category, or that it has none.
    pub category: Option<Option<String>>,
    /// Its assignees.
    pub assignees: Option<Vec<Assignee>>,
    /// Its custom fields.
    pub custom_fields: Option<Vec<CustomFieldValue>>,
    /// Its connector.
    pub connector: Option<CaseConnector>,
    /// Its settings.
    pub settings: Option<CaseSettings>,
    /// Closes its alerts with it, even if its settings do not say so.
    pub with_alerts: bool,
}

impl CaseChange {
    /// Fails if no case can be changed so.
    pub(super) fn check(&self) -> Result<(), CaseError> {
        self.title.as_deref().map_or(Ok(()), title)?;
        self.description.as_deref().map_or(Ok(()), description)?;
        self.tags.as_deref().map_or(Ok(()), limits::tags)?;
        self.category.as_ref().map_or(Ok(()), |one| category(one.as_deref()))?;
        self.assignees.as_deref().map_or(Ok(()), assignees)?;
        let fields = self.custom_fields.as_deref().unwrap_or_default();
        limits::list("customFields", fields, limits::CUSTOM_FIELDS_MAX)?;
        self.connector.as_ref().map_or(Ok(()), connector)
    }
}

fn title(title: &str) -> Result<(), CaseError> {
    limits::text("title", title, limits::TITLE_CHARS_MAX)
}

fn description(description: &str) -> Result<(), CaseError> {
    limits::text("description", description, limits::TEXT_CHARS_MAX)
}

fn category(category: Option<&str>) -> Result<(), CaseError> {
    category.map_or(Ok(()), |category| limits::text("category", category, limits::CATEGORY_CHARS_MAX))
}

fn assignees(assignees: &[Assignee]) -> Result<(), CaseError> {
    limits::list("assignees", assignees, limits::ASSIGNEES_MAX)?;
    assignees.iter().try_for_each(|one| limits::text("uid", &one.uid, limits::NAME_CHARS_MAX))
}

pub(super) fn connector(connector: &CaseConnector) -> Result<(), CaseError> {
    for (field, value) in [("id", &connector.id), ("name", &connector.name), ("type", &connector.kind)] {
        limits::text(field, value, limits::NAME_CHARS_MAX)?;
    }
    limits::json("connector", &connector.fields)
}
