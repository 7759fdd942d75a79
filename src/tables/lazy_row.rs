//! A record as a row of which only some values are wanted.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

use super::{
    ColumnValue, Origin, Table,
    json::{text, unescaped},
    json_scanner::JsonScanner,
    outline::{MemberPlace, Outline},
    row::{opened, value},
};

/// A row whose values are found when they are asked for, by the same rules as [`map`](super::row::map).
pub struct LazyRow<'a> {
    table: &'a Table,
    connector: &'a str,
    record: &'a [u8],
    /// The field whose members have columns of their own.
    opened: Option<&'a str>,
    members: OnceCell<Outline<'a>>,
    /// Where each column is in it, once that was asked.
    places: Vec<Cell<Option<ColumnPlace>>>,
    /// The memory of those of an earlier record.
    spare: Cell<Outline<'a>>,
}

/// Where a column is in a record, if it is there.
#[derive(Clone, Copy)]
struct ColumnPlace(Option<MemberPlace>);

impl<'a> LazyRow<'a> {
    /// The row of a record; nothing is read yet.
    pub fn of(table: &'a Table, connector: &'a str, record: &'a [u8]) -> Self {
        let opened = opened([table.columns.as_slice()]);
        let places = vec![Cell::new(None); table.columns.len()];
        Self { table, connector, record, opened, members: OnceCell::new(), places, spare: Cell::default() }
    }

    /// Turns it into the row of another record.
    pub fn turn_to(&mut self, record: &'a [u8]) {
        self.record = record;
        if let Some(members) = self.members.take() {
            self.spare.set(members);
            self.places.fill(Cell::new(None));
        }
    }

    /// The value of the column at this place. One that does not fit is null, as in a row.
    pub fn value(&self, place: usize) -> ColumnValue<'a> {
        let Some(column) = self.table.columns.get(place) else { return ColumnValue::Null };
        match &column.from {
            Origin::Connector => ColumnValue::Text(Cow::Borrowed(self.connector)),
            Origin::Constant(text) => ColumnValue::Text(Cow::Borrowed(text)),
            Origin::Field(_) | Origin::Inner(..) | Origin::Details | Origin::Time(_) => {
                let json = self.json(place);
                json.and_then(|json| value(column.kind, json)).unwrap_or(ColumnValue::Null)
            }
        }
    }

    /// The JSON text of the column at this place as received; `None` for `null` and what is not in the record.
    pub fn json(&self, column: usize) -> Option<&'a [u8]> {
        self.place(column).map(|(members, place)| members.value(place))
    }

    /// Goes from a column into its members by these names, as far as that is one object in another: the JSON text there, and
    /// the names that are left, inside of an array or very deep. `None` if the record has no such member.
    pub fn inside<'n>(&self, column: usize, names: &'n [String]) -> Option<(&'a [u8], &'n [String])> {
        let (members, mut place) = self.place(column)?;
        let mut left = names;
        while let Some((name, rest)) = left.split_first().filter(|_| members.is_open(place)) {
            (place, left) = (members.find_in(place, name.as_bytes())?, rest);
        }
        Some((members.value(place), left))
    }

    fn place(&self, column: usize) -> Option<(&Outline<'a>, MemberPlace)> {
        let members = self.members.get_or_init(|| {
            let mut members = self.spare.take();
            members.read(self.record, self.opened);
            members
        });
        let known = self.places.get(column)?;
        if let Some(ColumnPlace(place)) = known.get() {
            return place.map(|place| (members, place));
        }
        let found = match &self.table.columns.get(column)?.from {
            Origin::Field(name) | Origin::Time(name) => members.find(name.as_bytes()),
            Origin::Inner(field, member) => {
                let field = members.find(field.as_bytes());
                field.and_then(|field| members.find_in(field, member.as_bytes()))
            }
            Origin::Details => details(members),
            Origin::Connector | Origin::Constant(_) => None,
        };
        let found = found.filter(|place| members.value(*place) != b"null");
        known.set(Some(ColumnPlace(found)));
        found.map(|place| (members, place))
    }
}

/// The member that has the name that is the type of a record.
fn details(members: &Outline<'_>) -> Option<MemberPlace> {
    let kind = members.value(members.find(b"type")?);
    match unescaped(kind) {
        Some(name) => members.find(name),
        None => members.find(text(kind)?.as_bytes()),
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
