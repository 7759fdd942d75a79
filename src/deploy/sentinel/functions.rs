//! Functions for people and detection rules that return each record once.

use super::{Output, asim};
use crate::tables::{Table, render::TIME};

/// The reason for this aggregate, for readers of the function.
const WHY: &str = "\
// Logs Ingestion delivers at least once: after a crash or a lost response a record can be here twice, identical except for
// TimeGenerated, which Azure replaces by the time of receipt when it is older than two days. So the earliest copy is the
// true one: arg_min finds it in one pass and keeps one row per id. (take_any would be slightly cheaper, and would
// sometimes return an old record as a new one.)
";

/// The same for rows of which later versions follow.
const WHY_NEWEST: &str = "\
// Logs Ingestion only adds: an alert that changes is here once for each version, and after a crash or a lost response a
// version can be here twice. arg_max keeps the newest one.
";

/// The function's text.
pub(super) fn query(table: &Table, output: Output) -> String {
    match output {
        Output::Own if table.newest_wins => {
            format!("{WHY_NEWEST}{}\n| summarize arg_max(Change, *) by {}\n", table.name, table.key)
        }
        Output::Own => {
            format!("{WHY}{}\n| summarize arg_min({}, *) by {}\n", table.name, table.time, table.key)
        }
        Output::Asim => {
            let condition = |(column, field): (&str, &str)| {
                asim::constant(table, field).map(|text| format!("{column} == \"{text}\""))
            };
            let of_openai = [
                ("EventVendor", "eventVendor"),
                ("EventProduct", "eventProduct"),
                ("EventType", "eventType"),
            ];
            let conditions: Vec<String> = of_openai.into_iter().filter_map(condition).collect();
            format!(
                "{WHY}ASimAgentEventLogs\n| where {}\n| summarize arg_min({TIME}, *) by EventUid\n",
                conditions.join(" and ")
            )
        }
    }
}
