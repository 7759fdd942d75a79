//! Settings and parameters of `.index`.

use serde_json::{Map, Value};

use crate::connectors::fields::StrictFields;

/// The only indices that a run may name itself.
const OVERRIDE_PREFIX: &str = "kibana-alert-history-";

/// Settings of a connector.
pub(super) struct IndexConfig<'a> {
    pub(super) index: &'a str,
    pub(super) refresh: bool,
    pub(super) execution_time_field: Option<&'a str>,
}

impl<'a> IndexConfig<'a> {
    pub(super) fn read(config: &'a Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(config);
        let index = fields.required_text("index")?;
        let refresh = fields.flag("refresh")?.unwrap_or(false);
        let field = fields.text("executionTimeField")?.map(str::trim).filter(|field| !field.is_empty());
        fields.finish()?;
        Ok(Self { index, refresh, execution_time_field: field })
    }

    /// All of them, as they are kept.
    pub(super) fn with_defaults(&self) -> Map<String, Value> {
        [
            ("index", self.index.into()),
            ("refresh", self.refresh.into()),
            ("executionTimeField", self.execution_time_field.map_or(Value::Null, Value::from)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// Parameters of a run.
pub(super) struct IndexParams<'a> {
    pub(super) documents: Vec<&'a Map<String, Value>>,
    pub(super) index_override: Option<&'a str>,
}

impl<'a> IndexParams<'a> {
    pub(super) fn read(params: &'a Map<String, Value>) -> Result<Self, String> {
        let mut fields = StrictFields::new(params);
        let documents = fields.required_list("documents")?;
        let document = |(at, item): (usize, &'a Value)| {
            let wrong = || format!("[documents.{at}]: could not parse record value from json input");
            item.as_object().ok_or_else(wrong)
        };
        let documents = documents.iter().enumerate().map(document).collect::<Result<_, _>>()?;
        let index_override = fields.text("indexOverride")?;
        if index_override.is_some_and(|index| !index.starts_with(OVERRIDE_PREFIX)) {
            return Err(format!("[indexOverride]: index must start with \"{OVERRIDE_PREFIX}\""));
        }
        fields.finish()?;
        Ok(Self { documents, index_override })
    }
}
