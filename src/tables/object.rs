//! From one record to JSON members for a set of columns, without a tree: what fits is passed on as it was received, less
//! the white space between its tokens.

use std::borrow::Cow;

use super::{
    Column, ColumnKind, Iso8601, Origin, SchemaDrift, iso8601,
    json::{compact, compact_bytes, is_text, one_line},
    row::{Cell, cells, number, second, whole},
};

/// Whether `null` members are written or left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Every column has a member.
    Written,
    /// Only what has a value has a member.
    LeftOut,
}

/// Maps records of one table and one collector to JSON objects.
pub struct Objects<'t> {
    columns: Vec<&'t [Column]>,
    connector: String,
    nulls: Nulls,
}

impl<'t> Objects<'t> {
    /// Objects with these members, in this order.
    pub fn new(columns: impl IntoIterator<Item = &'t [Column]>, connector: &str, nulls: Nulls) -> Self {
        Self { columns: columns.into_iter().collect(), connector: quoted(connector), nulls }
    }

    /// Appends the object of a record, on one line. Cannot fail: a value that does not fit its column becomes
    /// null, and is counted in `drift`.
    pub fn write(&self, record: &[u8], drift: &mut SchemaDrift, out: &mut Vec<u8>) {
        self.write_replacing(record, drift, out, |_, _| None, |_, _, _| {});
    }

    /// As [`Objects::write`]; `amend` gets each member after it is written, as the output and the position at
    /// which the member's value begins, and may change it from there on.
    pub fn write_with(
        &self,
        record: &[u8],
        drift: &mut SchemaDrift,
        out: &mut Vec<u8>,
        amend: impl FnMut(&Column, &mut Vec<u8>, usize),
    ) {
        self.write_replacing(record, drift, out, |_, _| None, amend);
    }

    /// As [`Objects::write_with`]; `replace` gets the value of each member before it is written, and may
    /// return another one, so that a value that is much too large is never copied.
    pub fn write_replacing(
        &self,
        record: &[u8],
        drift: &mut SchemaDrift,
        out: &mut Vec<u8>,
        mut replace: impl FnMut(&Column, &[u8]) -> Option<Vec<u8>>,
        mut amend: impl FnMut(&Column, &mut Vec<u8>, usize),
    ) {
        let mut separator = b'{';
        cells(self.columns.iter().copied(), record, drift, |column, cell| {
            let member = match cell {
                Cell::Null => Some(MemberValue::Null),
                Cell::Connector => Some(MemberValue::Json(Cow::Borrowed(self.connector.as_bytes()))),
                Cell::Constant(text) => Some(MemberValue::Json(Cow::Owned(quoted(text).into_bytes()))),
                Cell::Json(json) => fitting(column, json),
            };
            let fits = member.is_some();
            let member = member.unwrap_or(MemberValue::Null);
            if matches!((&member, self.nulls), (MemberValue::Null, Nulls::LeftOut)) {
                return fits;
            }
            out.extend_from_slice(&[separator, b'"']);
            separator = b',';
            out.extend_from_slice(column.name.as_bytes());
            out.extend_from_slice(b"\":");
            let begin = out.len();
            match member {
                MemberValue::Null => out.extend_from_slice(b"null"),
                MemberValue::Json(json) => match replace(column, &json) {
                    Some(replaced) => out.extend_from_slice(&replaced),
                    None => out.extend_from_slice(&one_line(&json)),
                },
                MemberValue::Time(time) => {
                    out.push(b'"');
                    out.extend_from_slice(time.as_bytes());
                    out.push(b'"');
                }
            }
            amend(column, out, begin);
            fits
        });
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
    }
}

/// The value of a member.
enum MemberValue<'a> {
    Null,
    Json(Cow<'a, [u8]>),
    Time(Iso8601),
}

/// JSON text other than `null` as a column stores it; `None` if it does not fit.
fn fitting<'a>(column: &Column, json: &'a [u8]) -> Option<MemberValue<'a>> {
    let as_received = MemberValue::Json(Cow::Borrowed(json));
    let whole_number = |number: i64| MemberValue::Json(Cow::Owned(number.to_string().into_bytes()));
    match column.kind {
        ColumnKind::String if json.starts_with(b"\"") => is_text(json).then_some(as_received),
        ColumnKind::String => Some(MemberValue::Json(Cow::Owned(quoted(&compact(json)).into_bytes()))),
        ColumnKind::Long if whole(json).is_some() => Some(as_received),
        // A time with a fraction is the second that contains it, in every sink.
        ColumnKind::Long if matches!(column.from, Origin::Time(_)) => second(json).map(whole_number),
        ColumnKind::Long => None,
        ColumnKind::Real => number(json).map(|_| as_received),
        ColumnKind::Dynamic => Some(MemberValue::Json(compact_bytes(json))),
        ColumnKind::DateTime => second(json).map(|second| MemberValue::Time(iso8601(second))),
    }
}

fn quoted(text: &str) -> String {
    // A text in memory has no way to fail.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AUDIT_LOGS, CHAT_COMPLETIONS},
        *,
    };

    fn object(columns: &[&[Column]], nulls: Nulls, record: &str) -> String {
        let objects = Objects::new(columns.iter().copied(), "acme", nulls);
        let mut out = Vec::new();
        objects.write(record.as_bytes(), &mut SchemaDrift::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_stream_of_audit_logs_carries_fields_as_received_and_the_details_under_one_name() {
        let record = r#"{"object":"organization.audit_log","id":"1","type":"a.b","effective_at":7,
            "a.b": {"x": [1,
            2]},"actor":null}"#;
        assert_eq!(
            object(&[&AUDIT_LOGS.stream], Nulls::LeftOut, record),
            r#"{"id":"1","type":"a.b","effective_at":7,"EventDetails":{"x":[1,2]},"friendlyName":"acme"}"#
        );
    }

    #[test]
    fn constants_follow_the_stream_where_the_rule_wants_them() {
        let text =
            object(&[&AUDIT_LOGS.stream, &AUDIT_LOGS.stream_asim], Nulls::LeftOut, r#"{"id":"audit-1"}"#);
        assert_eq!(text, r#"{"id":"audit-1","friendlyName":"acme","aliasName":"OpenAIAuditLogs"}"#);
    }

    #[test]
    fn an_object_as_tool_choice_becomes_text_and_big_numbers_keep_their_digits() {
        let record =
            r#"{"seed":-1971541699951901963,"top_p":0.10000000000000000555,"tool_choice":{"type": "auto"}}"#;
        assert_eq!(
            object(&[&CHAT_COMPLETIONS.stream], Nulls::LeftOut, record),
            r#"{"tool_choice":"{\"type\":\"auto\"}","top_p":0.10000000000000000555,"seed":-1971541699951901963,"friendlyName":"acme"}"#
        );
    }

    #[test]
    fn a_time_with_a_fraction_is_the_second_in_which_it_lies_in_the_stream_as_in_the_table() {
        for table in [&AUDIT_LOGS, &CHAT_COMPLETIONS] {
            let record = r#"{"effective_at":1770979925.75,"created":1770979925.75}"#;
            let stream = object(&[&table.stream], Nulls::LeftOut, record);
            assert!(stream.contains(":1770979925,"), "{stream}");
            let own = object(&[&table.columns], Nulls::LeftOut, record);
            assert!(own.contains(r#""TimeGenerated":"2026-02-13T10:52:05Z""#), "{own}");
        }
    }

    #[test]
    fn what_does_not_fit_is_null_and_counted() {
        let objects = Objects::new([CHAT_COMPLETIONS.stream.as_slice()], "acme", Nulls::LeftOut);
        let (mut out, mut drift) = (Vec::new(), SchemaDrift::default());
        objects.write(br#"{"created":"soon","model":"\ud83d"}"#, &mut drift, &mut out);
        assert_eq!(out, br#"{"friendlyName":"acme"}"#);
        assert_eq!(drift.unfit_columns(), ["created", "model"]);
    }

    #[test]
    fn a_member_may_be_replaced_before_and_amended_after_it_is_written() {
        let objects = Objects::new([AUDIT_LOGS.stream.as_slice()], "acme", Nulls::LeftOut);
        let (record, mut drift) = (br#"{"id":"audit-1"}"#, SchemaDrift::default());
        let mut out = Vec::new();
        let replace = |column: &Column, json: &[u8]| {
            (column.name == "id" && json == b"\"audit-1\"").then(|| b"0".to_vec())
        };
        objects.write_replacing(record, &mut drift, &mut out, replace, |_, _, _| {});
        assert_eq!(out, br#"{"id":0,"friendlyName":"acme"}"#);
        out.clear();
        objects.write_with(record, &mut drift, &mut out, |column, out, begin| {
            if column.name == "id" {
                out.truncate(begin);
                out.extend_from_slice(b"1");
            }
        });
        assert_eq!(out, br#"{"id":1,"friendlyName":"acme"}"#);
    }
}
