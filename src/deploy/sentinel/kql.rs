//! The subset of KQL that transforms accept: one `project` per row.

/// Names of stream fields that are keywords in KQL.
const RESERVED: [&str; 2] = ["project", "title"];

/// A column at the destination, and the expression over the stream's fields for its value.
pub(super) struct Assignment<'t> {
    pub(super) name: &'t str,
    pub(super) value: String,
}

/// The transform that makes these columns.
pub(super) fn project<'t>(assignments: impl IntoIterator<Item = Assignment<'t>>) -> String {
    let lines = assignments.into_iter().map(|Assignment { name, value }| format!("    {name} = {value}"));
    format!("source\n| project\n{}", lines.collect::<Vec<_>>().join(",\n"))
}

/// A field of Unix seconds as a time.
pub(super) fn time(field: &str) -> String {
    format!("datetime(1970-01-01) + {field} * 1s")
}

/// A field's name as an expression.
pub(super) fn name(field: &str) -> String {
    if RESERVED.contains(&field) { format!("['{field}']") } else { field.to_owned() }
}
