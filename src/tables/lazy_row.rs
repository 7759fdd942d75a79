//! A record as a row of which only some values are wanted.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

use super::{
    ColumnValue, Origin, Table,
    json::text,
    json_scanner::JsonScanner,
    members::Members,
    row::{opened, value},
};

/// A row whose values are found when they are asked for, by the same rules as [`map`](super::row::map).
pub struct LazyRow<'a> {
    table: &'a Table,
    connector: &'a str,
    record: &'a [u8],
    /// The field whose members have columns of their own.
    opened: Option<&'a str>,
    members: OnceCell<(Members<'a>, Option<Cow<'a, str>>)>,
    /// The memory of those of an earlier record.
    spare: Cell<Members<'a>>,
}

impl<'a> LazyRow<'a> {
    /// The row of a record; nothing is read yet.
    pub fn of(table: &'a Table, connector: &'a str, record: &'a [u8]) -> Self {
        let opened = opened([table.columns.as_slice()]);
        Self { table, connector, record, opened, members: OnceCell::new(), spare: Cell::default() }
    }

    /// Turns it into the row of another record.
    pub fn turn_to(&mut self, record: &'a [u8]) {
        self.record = record;
        if let Some((members, _)) = self.members.take() {
            self.spare.set(members);
        }
    }

    /// The value of the column at this place. One that does not fit is null, as in a row.
    pub fn value(&self, column: usize) -> ColumnValue<'a> {
        let Some(column) = self.table.columns.get(column) else { return ColumnValue::Null };
        match &column.from {
            Origin::Connector => ColumnValue::Text(Cow::Borrowed(self.connector)),
            Origin::Constant(text) => ColumnValue::Text(Cow::Borrowed(text)),
            from @ (Origin::Field(_) | Origin::Inner(..) | Origin::Details | Origin::Time(_)) => {
                let json = self.member(from);
                json.and_then(|json| value(column.kind, json)).unwrap_or(ColumnValue::Null)
            }
        }
    }

    /// The JSON text of the column at this place as received; `None` for `null` and what is not in the record.
    pub fn json(&self, column: usize) -> Option<&'a [u8]> {
        self.member(&self.table.columns.get(column)?.from)
    }

    fn member(&self, from: &Origin) -> Option<&'a [u8]> {
        let (members, details) = self.members.get_or_init(|| {
            let mut members = self.spare.take();
            members.read(self.record, self.opened);
            let details = members.get(b"type").and_then(text);
            (members, details)
        });
        let found = match from {
            Origin::Field(name) | Origin::Time(name) => members.get(name.as_bytes()),
            Origin::Inner(_, member) => members.get_inner(member.as_bytes()),
            Origin::Details => details.as_deref().and_then(|key| members.get(key.as_bytes())),
            Origin::Connector | Origin::Constant(_) => None,
        };
        found.filter(|json| *json != b"null")
    }
}

/// The JSON text of a top-level field: the last one of this name, as in a row. Reads the record once and keeps nothing
/// of it. `None` also where a syntax error comes before.
pub fn top_level<'a>(record: &'a [u8], field: &str) -> Option<&'a [u8]> {
    let mut found = None;
    let _ = JsonScanner::of(record).members(|steps, name| {
        let json = steps.value()?;
        if name.as_ref() == field.as_bytes() {
            found = Some(json);
        }
        Some(())
    });
    found.filter(|json| *json != b"null")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AUDIT_LOGS, CHAT_COMPLETIONS, SchemaDrift, row::map},
        *,
    };

    #[test]
    fn each_value_is_that_of_the_row_whatever_the_record_holds() {
        let records = [
            r#"{"id":"1","type":"a.b","effective_at":7.5,"a.b":{"x":[1, 2]},"actor":{"type":"session","session":{}}}"#,
            r#"{"type":"a","type":"b","a":1,"b":{"c":2},"actor":{"type":"x"},"actor":{"type":"y"},"project":null}"#,
            r#"{"id":7,"type":"\ud83d","effective_at":"soon","project":{"id":"p"}}"#,
            r#"{"created":1,"seed":1e3,"top_p":"x","tool_choice":{"type": "auto"},"choices":[],"model":"\u0061"}"#,
            r#"{"id":"cut","type":"a","#,
            "[1]",
            "",
        ];
        for table in [&AUDIT_LOGS, &CHAT_COMPLETIONS] {
            for record in records {
                let row = map(table, "acme", record.as_bytes(), &mut SchemaDrift::default());
                let lazy = LazyRow::of(table, "acme", record.as_bytes());
                let values: Vec<_> = (0..table.columns.len()).map(|column| lazy.value(column)).collect();
                assert_eq!(values, row, "{record}");
                let kind = top_level(record.as_bytes(), "type").and_then(text);
                let column = table.columns.iter().position(|column| column.name == "EventType");
                if let Some(column) = column {
                    let of_row = kind.map_or(ColumnValue::Null, ColumnValue::Text);
                    assert_eq!(of_row, row[column], "{record}");
                }
            }
        }
    }
}
