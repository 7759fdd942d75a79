//! Configurations: one for each owner of a space.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CaseStore, CaseTurn, fields::fits, json as kept, parsed};
use crate::{
    cases::{
        Assignee, CaseConnector, CaseError, CaseOwner, CasePerson, CaseSettings, CaseSeverity, CaseStamp,
        CustomFieldKind, CustomFieldValue, change::connector, error::CaseFault, limits, model::words,
    },
    detect_db::new_uid,
    tables::format_utc,
};

/// Characters of a key, and of a label.
const KEY_CHARS_MAX: usize = 36;
const LABEL_CHARS_MAX: usize = 50;
/// Characters of the description of a template, and its tags.
const TEMPLATE_CHARS_MAX: usize = 1_000;
const TEMPLATE_TAGS_MAX: usize = 10;

words! {
    /// When a case is closed.
    ClosureType {
        /// When somebody closes it.
        #[default]
        ByUser = "close-by-user",
        /// When it is sent to a service, too.
        ByPushing = "close-by-pushing",
    }
}

/// A custom field that cases have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomFieldSpec {
    /// Names it.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: CustomFieldKind,
    /// Whether each case must have a value.
    #[serde(default)]
    pub required: bool,
    /// The value of cases that come without one.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub default_value: Value,
}

/// What a case can begin with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseTemplate {
    /// Names it.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What a case gets.
    #[serde(default)]
    pub case_fields: Option<TemplateFields>,
}

/// What a template gives to a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateFields {
    /// A title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// A severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<CaseSeverity>,
    /// A category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Assignees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignees: Vec<Assignee>,
    /// Custom fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomFieldValue>,
    /// A connector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<CaseConnector>,
    /// Settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<CaseSettings>,
}

/// The configuration of an owner's cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseConfiguration {
    /// Names it.
    pub id: String,
    /// Changes with each change.
    pub version: String,
    /// When cases are closed.
    pub closure_type: ClosureType,
    /// The connector of new cases.
    pub connector: CaseConnector,
    /// Custom fields.
    #[serde(rename = "customFields")]
    pub custom_fields: Vec<CustomFieldSpec>,
    /// Templates.
    pub templates: Vec<CaseTemplate>,
    /// Always empty.
    #[serde(rename = "observableTypes")]
    pub observable_types: Vec<Value>,
    /// Always empty.
    pub mappings: Vec<Value>,
    /// Always null.
    pub error: Option<String>,
    /// Whose cases.
    pub owner: CaseOwner,
    /// When it was created.
    pub created_at: String,
    /// By whom.
    pub created_by: CasePerson,
    /// When it was changed.
    pub updated_at: Option<String>,
    /// By whom.
    pub updated_by: Option<CasePerson>,
}

/// What a configuration is to be. `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigurationChange {
    /// When cases are closed.
    pub closure_type: Option<ClosureType>,
    /// The connector of new cases.
    pub connector: Option<CaseConnector>,
    /// Custom fields.
    pub custom_fields: Option<Vec<CustomFieldSpec>>,
    /// Templates.
    pub templates: Option<Vec<CaseTemplate>>,
}

impl ConfigurationChange {
    fn check(&self) -> Result<(), CaseError> {
        self.connector.as_ref().map_or(Ok(()), connector)?;
        let fields = self.custom_fields.as_deref().unwrap_or_default();
        limits::list("customFields", fields, limits::CUSTOM_FIELDS_MAX)?;
        fields.iter().try_for_each(check_field)?;
        once("customFields", fields.iter().map(|field| &field.key))?;
        let templates = self.templates.as_deref().unwrap_or_default();
        limits::list("templates", templates, limits::CUSTOM_FIELDS_MAX)?;
        templates.iter().try_for_each(check_template)?;
        once("templates", templates.iter().map(|template| &template.key))
    }
}

fn once<'a>(list: &str, keys: impl Iterator<Item = &'a String>) -> Result<(), CaseError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            return Err(CaseError::Invalid(format!("Invalid duplicated {list} keys in request: {key}")));
        }
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), CaseError> {
    limits::text("key", key, KEY_CHARS_MAX)?;
    if !key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c)) {
        let text = "Key must be lower case, a-z, 0-9, '_', and '-' are allowed".to_owned();
        return Err(CaseError::Invalid(text));
    }
    Ok(())
}

fn check_field(field: &CustomFieldSpec) -> Result<(), CaseError> {
    check_key(&field.key)?;
    limits::text("label", &field.label, LABEL_CHARS_MAX)?;
    if !fits(field.kind, &field.default_value) {
        return Err(CaseError::Invalid(format!("Invalid default value of custom field \"{}\"", field.label)));
    }
    Ok(())
}

fn check_template(template: &CaseTemplate) -> Result<(), CaseError> {
    check_key(&template.key)?;
    limits::text("name", &template.name, LABEL_CHARS_MAX)?;
    let description = template.description.as_deref().filter(|text| !text.is_empty());
    description.map_or(Ok(()), |text| limits::text("description", text, TEMPLATE_CHARS_MAX))?;
    limits::list("template's tags", &template.tags, TEMPLATE_TAGS_MAX)?;
    limits::tags(&template.tags)?;
    let Some(fields) = &template.case_fields else { return Ok(()) };
    // Whatever a case cannot be, a template cannot give it.
    let case = crate::cases::NewCase {
        title: fields.title.clone().unwrap_or_else(|| "-".to_owned()),
        description: fields.description.clone().unwrap_or_else(|| "-".to_owned()),
        tags: fields.tags.clone(),
        category: fields.category.clone(),
        assignees: fields.assignees.clone(),
        custom_fields: fields.custom_fields.clone(),
        connector: fields.connector.clone().unwrap_or_default(),
        ..crate::cases::NewCase::default()
    };
    case.check()?;
    fields.custom_fields.iter().try_for_each(|field| limits::json("custom field", &field.value))
}

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "uid, version, closure_type, connector, custom_fields, templates, owner, created_at, created_by, \
    updated_at, updated_by FROM case_configuration WHERE space = ?1";

fn read(row: &Row<'_>) -> rusqlite::Result<CaseConfiguration> {
    let text = |column: usize| row.get::<_, String>(column);
    Ok(CaseConfiguration {
        id: text(0)?,
        version: row.get::<_, i64>(1)?.to_string(),
        closure_type: ClosureType::of(&text(2)?).unwrap_or_default(),
        connector: parsed(&text(3)?),
        custom_fields: parsed(&text(4)?),
        templates: parsed(&text(5)?),
        observable_types: Vec::new(),
        mappings: Vec::new(),
        error: None,
        owner: CaseOwner::of(&text(6)?).unwrap_or_default(),
        created_at: format_utc(row.get(7)?),
        created_by: parsed(&text(8)?),
        updated_at: row.get::<_, Option<i64>>(9)?.map(format_utc),
        updated_by: row.get::<_, Option<String>>(10)?.map(|by| parsed(&by)),
    })
}

impl CaseTurn<'_> {
    /// The configuration of an owner.
    pub(in crate::cases) fn configuration(
        &self,
        owner: CaseOwner,
    ) -> Result<Option<CaseConfiguration>, CaseFault> {
        let sql = format!("SELECT {COLUMNS} AND owner = ?2");
        let mut query = self.begun.prepare_cached(&sql)?;
        Ok(query.query_row([self.space, owner.word()], read).optional()?)
    }

    /// Whether a case is closed when it is sent to a service.
    pub(super) fn closes_when_pushed(&self, owner: CaseOwner) -> Result<bool, CaseFault> {
        let found = self.configuration(owner)?;
        Ok(found.is_some_and(|found| found.closure_type == ClosureType::ByPushing))
    }

    fn configuration_with(&self, id: &str) -> Result<CaseConfiguration, CaseFault> {
        let sql = format!("SELECT {COLUMNS} AND uid = ?2");
        let found = self.begun.prepare_cached(&sql)?.query_row([self.space, id], read).optional()?;
        found.ok_or_else(|| CaseError::Unknown { kind: "cases-configure", id: id.to_owned() }.into())
    }
}

impl CaseStore<'_> {
    /// The configurations of some owners, or of all.
    pub fn configurations(&mut self, owners: &[CaseOwner]) -> Result<Vec<CaseConfiguration>, CaseError> {
        self.look(|turn| {
            let sql = format!("SELECT {COLUMNS} ORDER BY owner");
            let mut query = turn.begun.prepare_cached(&sql)?;
            let all: rusqlite::Result<Vec<_>> = query.query_map([turn.space], read)?.collect();
            let is_wanted = |one: &CaseConfiguration| owners.is_empty() || owners.contains(&one.owner);
            Ok(all?.into_iter().filter(is_wanted).collect())
        })
    }

    /// Creates the configuration of an owner, in place of one that it has.
    pub fn configure(
        &mut self,
        owner: CaseOwner,
        new: &ConfigurationChange,
        stamp: CaseStamp<'_>,
    ) -> Result<CaseConfiguration, CaseError> {
        new.check()?;
        self.turn(|turn| {
            let key = params![turn.space, owner.word()];
            turn.begun.execute("DELETE FROM case_configuration WHERE space = ?1 AND owner = ?2", key)?;
            let id = new_uid(stamp.now);
            let sql =
                "INSERT INTO case_configuration VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL)";
            turn.begun.prepare_cached(sql)?.execute(params![
                id,
                turn.space,
                owner.word(),
                turn.next_version()?,
                new.closure_type.unwrap_or_default().word(),
                kept(&new.connector.clone().unwrap_or_default()),
                kept(&new.custom_fields.clone().unwrap_or_default()),
                kept(&new.templates.clone().unwrap_or_default()),
                stamp.now,
                kept(stamp.by),
            ])?;
            turn.configuration_with(&id)
        })
    }

    /// Changes a configuration that somebody has seen with this version.
    pub fn reconfigure(
        &mut self,
        id: &str,
        version: &str,
        change: &ConfigurationChange,
        stamp: CaseStamp<'_>,
    ) -> Result<CaseConfiguration, CaseError> {
        change.check()?;
        self.turn(|turn| {
            let before = turn.configuration_with(id)?;
            if before.version != version {
                let text = "This configuration has been updated. Please refresh before saving additional updates.";
                return Err(CaseError::Conflict(text.to_owned()).into());
            }
            let sql = "UPDATE case_configuration SET version = ?2, closure_type = ?3, connector = ?4, custom_fields = ?5,
                           templates = ?6, updated_at = ?7, updated_by = ?8 WHERE uid = ?1";
            turn.begun.prepare_cached(sql)?.execute(params![
                id,
                turn.next_version()?,
                change.closure_type.unwrap_or(before.closure_type).word(),
                kept(change.connector.as_ref().unwrap_or(&before.connector)),
                kept(change.custom_fields.as_ref().unwrap_or(&before.custom_fields)),
                kept(change.templates.as_ref().unwrap_or(&before.templates)),
                stamp.now,
                kept(stamp.by),
            ])?;
            turn.configuration_with(id)
        })
    }
}
