//! What the settings of the sinks that write documents have in common.

use config::Value;

use crate::{
    config::values::{ValueProblem, as_text, wanted},
    tables::Tables,
};

/// The name of an index, by the rules of Elasticsearch and OpenSearch.
pub(super) fn index_name(value: &Value) -> Result<String, ValueProblem> {
    const BYTES_MAX: usize = 255;
    let name =
        as_text(value).filter(|name| !name.is_empty()).ok_or_else(|| wanted("the name of an index"))?;
    let because = |reason: &str| Err(ValueProblem::Because(format!("{name:?}: {reason}")));
    if name.chars().any(char::is_uppercase) {
        return because("the name of an index is in lower case");
    }
    if name.starts_with(['-', '_', '+']) || matches!(name, "." | "..") {
        return because("the name of an index does not begin with `-`, `_` or `+`, and is not `.` or `..`");
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\\/*?\"<>|,#:".contains(c);
    if name.chars().any(forbidden) {
        return because("the name of an index contains no blank and none of \\ / * ? \" < > | , # :");
    }
    if name.len() > BYTES_MAX {
        return Err(ValueProblem::Because(format!("the name of an index has at most {BYTES_MAX} bytes")));
    }
    Ok(name.to_owned())
}

/// Reads the name of an additional field; `None` if it is empty.
pub(super) fn time_field(tables: &Tables) -> impl Fn(&Value) -> Result<Option<String>, ValueProblem> {
    move |value| name_beside(tables, value)
}

fn name_beside(tables: &Tables, value: &Value) -> Result<Option<String>, ValueProblem> {
    let name = as_text(value).ok_or_else(|| wanted("the name of a field, or \"\""))?.trim();
    if tables.iter().flat_map(|table| &table.columns).any(|column| column.name == name) {
        return Err(ValueProblem::Because(format!("`{name}` is a column of the table: choose another name")));
    }
    Ok(Some(name.to_owned()).filter(|name| !name.is_empty()))
}
