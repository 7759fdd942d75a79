//! Fields of rules: columns of a table, members inside them, and fields derived from them.

use std::{collections::HashMap, sync::Arc};

use super::{
    derived::{DERIVED, DerivedField},
    error::{excerpt, nearest},
};
use crate::tables::{Column, ColumnKind, MESSAGES, Origin, Table};

/// The names of a path. No record from OpenAI has longer ones; this bounds the stack.
const NAMES_MAX: usize = 16;

/// Different fields of a set; each has a place in the row of every record that is judged.
pub(super) const FIELDS_MAX: usize = 4000;

/// The place of a field among those of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FieldId(pub usize);

/// A column, and the names of members inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnPath {
    pub column: usize,
    pub names: Vec<String>,
}

/// Where the values of a field are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FieldSource {
    /// At a path.
    Path(ColumnPath),
    /// At the first of these paths that has any.
    First(Vec<ColumnPath>),
    /// At all of these paths.
    All(Vec<ColumnPath>),
    /// The texts that name roles, anywhere in a column.
    Roles(usize),
    /// The text of each content at a path, its parts joined.
    Contents(ColumnPath),
    /// Every text of the row, for values without a field.
    Everything,
}

/// A field that rules name.
#[derive(Clone, Debug)]
pub(super) struct RuleField {
    pub table: usize,
    pub name: Arc<str>,
    pub source: FieldSource,
    /// Whether its values are content, which never leaves a record.
    pub hidden: bool,
}

/// A name on the way to a value in a record as received.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordName {
    /// The member of this name.
    Member(String),
    /// The payload of an audit event, whose name is the event's type.
    Payload,
}

/// All fields that the rules of a set name, each once.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub tables: Vec<Arc<Table>>,
    pub list: Vec<RuleField>,
    by_name: HashMap<(usize, String), FieldId>,
}

/// The name of the field that is every text of a row. No field can be called so.
const EVERYTHING: &str = "(any text)";

impl Fields {
    /// No fields yet, of these tables.
    pub fn of(tables: Vec<Arc<Table>>) -> Self {
        Self { tables, ..Self::default() }
    }

    /// The field.
    pub fn get(&self, id: FieldId) -> &RuleField {
        &self.list[id.0]
    }

    /// The field of this name. The error says what is wrong with the name.
    pub fn named(&mut self, table: usize, name: &str) -> Result<FieldId, String> {
        if let Some(known) = self.by_name.get(&(table, name.to_owned())) {
            return Ok(*known);
        }
        let source = self.source(table, name)?;
        self.add(table, name, source)
    }

    /// The field that is every text of a row.
    pub fn everything(&mut self, table: usize) -> Result<FieldId, String> {
        if let Some(known) = self.by_name.get(&(table, EVERYTHING.to_owned())) {
            return Ok(*known);
        }
        self.add(table, EVERYTHING, FieldSource::Everything)
    }

    fn add(&mut self, table: usize, name: &str, source: FieldSource) -> Result<FieldId, String> {
        if self.list.len() >= FIELDS_MAX {
            return Err(format!("all rules together name more than {FIELDS_MAX} fields"));
        }
        let id = FieldId(self.list.len());
        let hidden = hidden(&self.tables[table], &source);
        self.list.push(RuleField { table, name: name.into(), source, hidden });
        self.by_name.insert((table, name.to_owned()), id);
        Ok(id)
    }

    fn source(&self, table: usize, name: &str) -> Result<FieldSource, String> {
        let shown = excerpt(name);
        let names = names(name).ok_or_else(|| {
            format!("`{shown}` is not a field: names joined by dots, a name with other characters in double quotes")
        })?;
        if names.len() > NAMES_MAX {
            return Err(format!("`{shown}` has more than {NAMES_MAX} names"));
        }
        let table = &self.tables[table];
        let (first, rest) = names.split_first().ok_or("the name of the field is missing")?;
        if let Some(column) = table.columns.iter().position(|column| column.name == *first) {
            let kind = table.columns[column].kind;
            if !rest.is_empty() && kind != ColumnKind::Dynamic {
                return Err(format!("`{first}` is a {} column and has no members", kind.name()));
            }
            return Ok(FieldSource::Path(ColumnPath { column, names: rest.to_vec() }));
        }
        let derived = DERIVED.iter().find(|derived| derived.name == first);
        if let Some(source) = derived.and_then(|derived| derived_source(table, derived)) {
            if !rest.is_empty() {
                return Err(format!("`{first}` has no members"));
            }
            return Ok(source);
        }
        Err(unknown_field(table, &shown, first))
    }

    /// Where in a record as received the values of a field are read from.
    pub fn record_paths(&self, id: FieldId) -> Vec<Vec<RecordName>> {
        let field = self.get(id);
        let table = &self.tables[field.table];
        let path = |path: &ColumnPath| {
            let mut names = origin(table.columns.get(path.column)?)?;
            names.extend(path.names.iter().cloned().map(RecordName::Member));
            Some(names)
        };
        let whole = |column: usize| path(&ColumnPath { column, names: Vec::new() });
        match &field.source {
            FieldSource::Path(one) | FieldSource::Contents(one) => path(one).into_iter().collect(),
            FieldSource::First(paths) | FieldSource::All(paths) => paths.iter().filter_map(path).collect(),
            FieldSource::Roles(column) => whole(*column).into_iter().collect(),
            FieldSource::Everything => (0..table.columns.len()).filter_map(whole).collect(),
        }
    }
}

/// A name that no table knows, and which one may be meant.
fn unknown_field(table: &Table, shown: &str, first: &str) -> String {
    let columns = table.columns.iter().map(|column| &*column.name);
    let derived = DERIVED.iter().filter(|derived| derived_source(table, derived).is_some());
    let known: Vec<&str> = columns.chain(derived.map(|derived| derived.name)).collect();
    let also = nearest(first, &known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("`{shown}` is not a field of {}{also}", table.name)
}

/// The source of a derived field, if the table has what it is derived from.
fn derived_source(table: &Table, derived: &DerivedField) -> Option<FieldSource> {
    let path = |text: &&str| {
        let names = names(text)?;
        let (first, rest) = names.split_first()?;
        let column = table.columns.iter().position(|column| column.name == *first)?;
        Some(ColumnPath { column, names: rest.to_vec() })
    };
    let paths: Option<Vec<_>> = derived.paths.iter().map(path).collect();
    let paths = paths?;
    let first = paths.first().cloned()?;
    Some((derived.source)(first, paths))
}

/// Where a column is in a record.
fn origin(column: &Column) -> Option<Vec<RecordName>> {
    let member = |name: &str| RecordName::Member(name.to_owned());
    match &column.from {
        Origin::Field(name) | Origin::Time(name) => Some(vec![member(name)]),
        Origin::Inner(field, name) => Some(vec![member(field), member(name)]),
        Origin::Details => Some(vec![RecordName::Payload]),
        Origin::Connector | Origin::Constant(_) => None,
    }
}

/// Content is what somebody wrote to a model or got from it. Names of tools in an answer and the reason to stop are none.
fn hidden(table: &Table, source: &FieldSource) -> bool {
    let is_content = |path: &ColumnPath| {
        let Some(Origin::Field(field)) = table.columns.get(path.column).map(|column| &column.from) else {
            return false;
        };
        let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
        let is_known = matches!(
            names.as_slice(),
            ["finish_reason"]
                | ["message", "function_call", "name"]
                | ["message", "tool_calls", "function" | "custom", "name"]
        );
        field == MESSAGES || (field == "choices" && !is_known)
    };
    match source {
        FieldSource::Path(path) => is_content(path),
        FieldSource::First(paths) | FieldSource::All(paths) => paths.iter().any(is_content),
        FieldSource::Roles(_) => false,
        FieldSource::Contents(_) | FieldSource::Everything => true,
    }
}

/// The names of a path such as `EventDetails.data.scopes` or `Metadata."a.b"`.
fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '"']).unwrap_or(rest.len())),
        };
        if name.is_empty() {
            return None;
        }
        names.push(name.to_owned());
        rest = match behind {
            "" => return Some(names),
            behind => behind.strip_prefix('.')?,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{AUDIT_LOGS, CHAT_COMPLETIONS};

    fn fields() -> Fields {
        Fields::of(vec![Arc::clone(&AUDIT_LOGS), Arc::clone(&CHAT_COMPLETIONS)])
    }

    #[test]
    fn a_field_begins_with_a_column_or_is_derived() {
        let mut fields = fields();
        assert_eq!(fields.named(0, "EventType"), Ok(FieldId(0)));
        assert_eq!(fields.named(0, "EventDetails.data.scopes"), Ok(FieldId(1)));
        assert_eq!(fields.named(0, "EventType"), Ok(FieldId(0)));
        assert_eq!(fields.named(1, r#"Metadata."a.b""#), Ok(FieldId(2)));
        let errors = [
            (0, "EventTyp"),
            (0, "eventtype"),
            (0, "EventType.x"),
            (0, "Actor.email"),
            (0, "PromptText"),
            (0, "data.scopes"),
            (1, "Actor"),
            (1, "Choices..x"),
            (1, ""),
            (1, "Metadata.\"a"),
        ]
        .map(|(table, name)| fields.named(table, name).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"), @r#"
        `EventTyp` is not a field of OpenAIAuditLogs_CL; did you mean `EventType`?
        `eventtype` is not a field of OpenAIAuditLogs_CL; did you mean `EventType`?
        `EventType` is a string column and has no members
        `Actor` has no members
        `PromptText` is not a field of OpenAIAuditLogs_CL
        `data.scopes` is not a field of OpenAIAuditLogs_CL
        `Actor` is not a field of OpenAIChatCompletions_CL
        `Choices..x` is not a field: names joined by dots, a name with other characters in double quotes
        `` is not a field: names joined by dots, a name with other characters in double quotes
        `Metadata."a` is not a field: names joined by dots, a name with other characters in double quotes
        "#);
    }

    #[test]
    fn a_field_says_where_in_a_record_it_is_read() {
        let mut fields = fields();
        let mut paths = |table, name: &str| {
            let id = fields.named(table, name).unwrap();
            let name = |name: RecordName| match name {
                RecordName::Member(name) => name,
                RecordName::Payload => "@payload".to_owned(),
            };
            let joined = |names: Vec<RecordName>| names.into_iter().map(name).collect::<Vec<_>>().join(".");
            fields.record_paths(id).into_iter().map(joined).collect::<Vec<_>>()
        };
        assert_eq!(paths(0, "ActorSession.user.email"), ["actor.session.user.email"]);
        assert_eq!(paths(0, "Actor"), ["actor.session.user.email", "actor.api_key.id"]);
        assert_eq!(paths(0, "EventDetails.data"), ["@payload.data"]);
        assert_eq!(paths(0, "RoleNames"), ["@payload"]);
        assert_eq!(paths(1, "PromptText"), ["ccfd_messages.content"]);
        assert_eq!(paths(1, "ConnectorName"), Vec::<String>::new());
    }

    #[test]
    fn only_content_is_hidden() {
        let mut fields = fields();
        let mut hidden = |name: &str| {
            let id = fields.named(1, name).unwrap();
            fields.get(id).hidden
        };
        for name in [
            "PromptText",
            "AnswerText",
            "ToolArguments",
            "Messages",
            "Choices.message.content",
            "Messages.name",
        ] {
            assert!(hidden(name), "{name}");
        }
        for name in ["ToolNames", "FinishReasons", "Choices.finish_reason", "InputUser", "Metadata.name"] {
            assert!(!hidden(name), "{name}");
        }
    }
}
