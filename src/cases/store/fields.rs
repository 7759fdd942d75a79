//! What a configuration says about the custom fields of a case.

use serde_json::Value;

use super::{CaseTurn, configure::CustomFieldSpec};
use crate::cases::{CaseError, CaseOwner, CustomFieldKind, CustomFieldValue, error::CaseFault, limits};

/// The value of a required text that an action cannot know.
const NOT_AVAILABLE: &str = "N/A";

impl CaseTurn<'_> {
    /// The custom fields of a case, checked and completed by those that its owner's configuration has besides.
    pub(super) fn completed(
        &self,
        owner: CaseOwner,
        given: &[CustomFieldValue],
    ) -> Result<Vec<CustomFieldValue>, CaseFault> {
        let specs = self.configuration(owner)?.map(|found| found.custom_fields).unwrap_or_default();
        let mut fields: Vec<CustomFieldValue> = Vec::new();
        for field in given {
            if fields.iter().any(|one| one.key == field.key) {
                let text = format!("Invalid duplicated customFields keys in request: {}", field.key);
                return Err(CaseError::Invalid(text).into());
            }
            let spec = specs.iter().find(|spec| spec.key == field.key);
            let spec = spec.ok_or_else(|| match specs.is_empty() {
                true => CaseError::Invalid("No custom fields configured.".to_owned()),
                false => {
                    CaseError::Invalid(format!("Invalid custom field keys: {}", limits::cut(&field.key, 64)))
                }
            })?;
            check(spec, field)?;
            fields.push(field.clone());
        }
        for spec in specs.iter().filter(|spec| !given.iter().any(|field| field.key == spec.key)) {
            let value = spec.default_value.clone();
            if spec.required && value.is_null() {
                let label = &spec.label;
                let text =
                    format!("Missing required custom fields without default value configured: \"{label}\"");
                return Err(CaseError::Invalid(text).into());
            }
            fields.push(CustomFieldValue { key: spec.key.clone(), kind: spec.kind, value });
        }
        Ok(fields)
    }

    /// Values for the required fields that a case lacks and that have no default: an action has nobody to ask.
    pub(in crate::cases) fn stand_ins(
        &self,
        owner: CaseOwner,
        given: &[CustomFieldValue],
    ) -> Result<Vec<CustomFieldValue>, CaseFault> {
        let specs = self.configuration(owner)?.map(|found| found.custom_fields).unwrap_or_default();
        let is_known = |field: &&CustomFieldValue| {
            specs.iter().any(|spec| spec.key == field.key && check(spec, field).is_ok())
        };
        let mut fields: Vec<CustomFieldValue> = given.iter().filter(is_known).cloned().collect();
        for spec in specs.iter().filter(|spec| spec.required && spec.default_value.is_null()) {
            if !fields.iter().any(|field| field.key == spec.key) {
                let value = match spec.kind {
                    CustomFieldKind::Text => NOT_AVAILABLE.into(),
                    CustomFieldKind::Toggle => false.into(),
                    CustomFieldKind::Number => 0.into(),
                };
                fields.push(CustomFieldValue { key: spec.key.clone(), kind: spec.kind, value });
            }
        }
        Ok(fields)
    }
}

fn check(spec: &CustomFieldSpec, field: &CustomFieldValue) -> Result<(), CaseError> {
    if field.kind != spec.kind || !fits(spec.kind, &field.value) || spec.required && field.value.is_null() {
        return Err(CaseError::Invalid(format!("Invalid value of custom field \"{}\"", spec.label)));
    }
    Ok(())
}

/// Whether a value is of a kind, or missing.
pub(super) fn fits(kind: CustomFieldKind, value: &Value) -> bool {
    let is_of_kind = match kind {
        CustomFieldKind::Text => {
            value.as_str().is_some_and(|text| limits::text("value", text, limits::TITLE_CHARS_MAX).is_ok())
        }
        CustomFieldKind::Toggle => value.is_boolean(),
        CustomFieldKind::Number => value.is_i64(),
    };
    value.is_null() || is_of_kind
}
