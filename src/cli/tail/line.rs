//! A record as one line for people: when, collector, what, a few telling columns, id.

use console::{Term, measure_text_width, pad_str, truncate_str};

use super::super::text::{counted, tame};
use crate::tables::{Column, ColumnKind, ColumnValue, Origin, SchemaDrift, Table, Tables, iso8601, row::map};

/// The widest cell; ids are as long as they are.
const CELL_MAX: usize = 32;
/// The telling columns of a table that is not known here.
const TELLING: usize = 3;

/// Makes the lines, in columns that grow with what they hold.
pub struct TailLines {
    tables: Tables,
    widths: Vec<usize>,
    /// Width of the terminal; `None` if lines are not shown on one.
    width: fn() -> Option<usize>,
}

impl TailLines {
    pub fn new() -> Self {
        Self { tables: Tables::built_in(), widths: Vec::new(), width: terminal }
    }

    /// The line of a record, with its line break.
    pub fn line(&mut self, route: &str, table: &str, record: &str) -> String {
        let collector = route.split('/').next().unwrap_or(route);
        // Before anything is cut: what cuts text keeps orders to a terminal whole.
        let mut cells = vec![tame(collector)];
        let mut id = String::new();
        let mut time = "-".to_owned();
        match self.tables.named(table) {
            Some(table) => {
                // Counted by the daemon, which sees every record.
                let values = map(table, collector, record.as_bytes(), &mut SchemaDrift::default());
                let telling = telling(table);
                for (column, value) in table.columns.iter().zip(&values) {
                    if column.name == table.time {
                        time = text(value);
                    } else if column.name == table.key {
                        id = text(value);
                    } else if telling.contains(&&*column.name) {
                        cells.push(text(value));
                    }
                }
            }
            None => cells.push(tame(table)),
        }
        let mut line = time;
        self.widths.resize(self.widths.len().max(cells.len()), 0);
        for (cell, width) in cells.iter().zip(&mut self.widths) {
            let cell = truncate_str(cell, CELL_MAX, "…");
            *width = (*width).max(measure_text_width(&cell));
            line += "  ";
            line += &pad_str(&cell, *width, console::Alignment::Left, None);
        }
        line += "  ";
        line += &id;
        let line = line.trim_end();
        match (self.width)() {
            Some(width) => truncate_str(line, width, "…").into_owned() + "\n",
            None => line.to_owned() + "\n",
        }
    }
}

/// The line about records that are not shown.
pub fn lost(lost: u64) -> String {
    let records = counted(lost, "record");
    format!("… {records} not shown: they came faster than they are taken here, or are larger than 1 MiB")
}

/// The columns that tell most.
fn telling(table: &Table) -> Vec<&str> {
    match &*table.settings_key {
        "audit_logs" => vec!["EventType", "ActorType"],
        "chat_completions" => vec!["Model", "ServiceTier"],
        _ => {
            let is_telling = |column: &&Column| {
                column.kind == ColumnKind::String
                    && column.name != table.key
                    && !matches!(column.from, Origin::Connector | Origin::Constant(_))
            };
            table.columns.iter().filter(is_telling).take(TELLING).map(|column| &*column.name).collect()
        }
    }
}

fn text(value: &ColumnValue<'_>) -> String {
    match value {
        ColumnValue::Null => "-".to_owned(),
        ColumnValue::Text(text) => tame(text),
        ColumnValue::Long(number) => number.to_string(),
        ColumnValue::Real(number) => number.to_string(),
        ColumnValue::Json(json) => tame(json),
        ColumnValue::Time(second) => iso8601(*second).as_str().to_owned(),
    }
}

fn terminal() -> Option<usize> {
    Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: &str = "OpenAIAuditLogs_CL";

    fn at(width: fn() -> Option<usize>) -> TailLines {
        TailLines { width, ..TailLines::new() }
    }

    #[test]
    fn a_record_is_one_line_of_what_tells_most() {
        let mut lines = at(|| None);
        let event = r#"{"id":"audit_log-1","type":"login.succeeded","effective_at":1770979925,"actor":{"type":"session"}}"#;
        assert_eq!(
            lines.line("acme-audit/local", AUDIT, event),
            "2026-02-13T10:52:05Z  acme-audit  login.succeeded  session  audit_log-1\n"
        );
        let completion = r#"{"id":"chatcmpl-1","model":"gpt-5","created":1770979925,"service_tier":null}"#;
        assert_eq!(
            lines.line("acme-chat/local", "OpenAIChatCompletions_CL", completion),
            "2026-02-13T10:52:05Z  acme-chat   gpt-5            -        chatcmpl-1\n"
        );
        assert_eq!(lines.line("x/y", "Vendor_CL", "{}"), "-  x           Vendor_CL\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_holds_an_order_to_it() {
        let hostile = "\u{1b}[2J\u{9b}2J\r\n\u{202e}漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字".repeat(50);
        let record = serde_json::json!({ "id": hostile, "type": hostile, "effective_at": 1, "actor": { "type": hostile } });
        for width in [|| Some(20), || Some(40), || Some(80), || Some(200)] {
            let line = at(width).line(&hostile, AUDIT, &record.to_string());
            let text = line.strip_suffix('\n').unwrap();
            assert!(measure_text_width(text) <= width().unwrap(), "{text:?}");
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
    }

    #[test]
    fn what_no_column_can_hold_is_a_dash() {
        let line = at(|| None).line("a/b", AUDIT, r#"{"id":7,"type":{"x":1},"effective_at":"soon"}"#);
        assert_eq!(line, "-  a  {\"x\":1}  -  7\n");
    }
}
