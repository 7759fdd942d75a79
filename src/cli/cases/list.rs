//! `ccfd cases list`

use clap::Args;

use super::{CaseStatusWord, CasesPlace, OwnerWord, SeverityWord, refused};
use crate::{
    cases::{Case, CaseFilter},
    cli::{
        exit::Exit,
        text::{Align, counted, cut_end, fitted, print, print_json_line, say, tame, width},
    },
};

/// How many cases a table shows unless more are asked for.
const SHOWN: u32 = 50;
/// How many are read at once.
const PAGE: u32 = 100;
/// The widest title and the widest list of assignees of a table.
const TITLE_CHARS: usize = 60;
const ASSIGNEES_CHARS: usize = 20;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only those with this status
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Vec<CaseStatusWord>,
    /// Only those with this severity
    #[arg(long, value_enum, value_name = "SEVERITY")]
    severity: Vec<SeverityWord>,
    /// Only those with this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only those that this person is to work on; "none" for those without anyone
    #[arg(long, value_name = "NAME")]
    assignee: Vec<String>,
    /// Only those of this owner
    #[arg(long, value_enum, value_name = "OWNER")]
    owner: Vec<OwnerWord>,
    /// Only those with one of these words in title, description or comments
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many [default: 50 in a table, all with --json]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(place: &CasesPlace<'_>, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(mut db) = place.database()? else {
        say(format_args!("no cases"));
        return Ok(Exit::Done);
    };
    let limit = arguments.limit.unwrap_or(if arguments.json { u32::MAX } else { SHOWN });
    let mut filter = CaseFilter {
        statuses: arguments.status.iter().map(|one| one.status()).collect(),
        severities: arguments.severity.iter().map(|one| one.severity()).collect(),
        tags: arguments.tag.clone(),
        assignees: arguments.assignee.clone(),
        owners: arguments.owner.iter().map(|one| one.owner()).collect(),
        search: arguments.search.clone(),
        page: 1,
        per_page: PAGE,
        ..CaseFilter::default()
    };
    let mut rows = Vec::new();
    let mut left = limit as usize;
    let total = loop {
        let page = db.cases(place.space).find(&filter).map_err(refused)?;
        let is_last = page.cases.len() < PAGE as usize;
        for case in page.cases.into_iter().take(left) {
            left -= 1;
            match arguments.json {
                true => print_json_line(&case)?,
                false => rows.push(row(&case)),
            }
        }
        if is_last || left == 0 {
            break page.total;
        }
        filter.page += 1;
    };
    if arguments.json {
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        say(format_args!("no cases"));
        return Ok(Exit::Done);
    }
    let count = rows.len() as u64;
    rows.insert(0, HEADS.map(str::to_owned).to_vec());
    print(&fitted(&ALIGNS, &LEAST, &rows, width(&place.context.environment)))?;
    let rest = if total.unsigned_abs() > count { "; there are more, see --limit" } else { "" };
    say(format_args!("{}{rest}; see one with `ccfd cases show CASE`", counted(count, "case")));
    Ok(Exit::Done)
}

const HEADS: [&str; 8] =
    ["CASE", "CREATED", "STATUS", "SEVERITY", "ALERTS", "COMMENTS", "ASSIGNED TO", "TITLE"];
const ALIGNS: [Align; 8] = [
    Align::Left,
    Align::Left,
    Align::Left,
    Align::Left,
    Align::Right,
    Align::Right,
    Align::Left,
    Align::Left,
];
/// Which columns a narrow terminal loses, in this order.
const LEAST: [usize; 5] = [5, 6, 1, 4, 3];

fn row(case: &Case) -> Vec<String> {
    vec![
        format!("#{}", case.number),
        tame(&case.created_at),
        case.status.word().to_owned(),
        case.severity.word().to_owned(),
        case.total_alerts.to_string(),
        case.total_comment.to_string(),
        cut_end(&tame(&assignees(case)), ASSIGNEES_CHARS),
        cut_end(&tame(&case.title), TITLE_CHARS),
    ]
}

/// Who is to work on a case.
pub(super) fn assignees(case: &Case) -> String {
    let names: Vec<&str> = case.assignees.iter().map(|one| one.uid.as_str()).collect();
    names.join(", ")
}
