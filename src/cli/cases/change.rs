//! `ccfd cases assign`, `comment`, `close` and `reopen`

use clap::Args;

use super::{ByPerson, CasesPlace, list::assignees, refused, say_case, stamp};
use crate::{
    cases::{Assignee, Case, CaseChange, CaseStatus},
    cli::{alerts::VerdictWord, exit::Exit, text::tame},
};

#[derive(Debug, Args)]
pub struct AssignArguments {
    /// Its number, or the beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Who is to work on it, in place of those before; without a name nobody is
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    by: ByPerson,
}

#[derive(Debug, Args)]
pub struct CommentArguments {
    /// Its number, or the beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// What to say
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    by: ByPerson,
}

#[derive(Debug, Args)]
pub struct CloseCaseArguments {
    /// Their numbers, or the beginnings of their ids
    #[arg(value_name = "CASE", required = true)]
    cases: Vec<String>,
    /// What it was
    #[arg(long = "as", value_enum, value_name = "VERDICT")]
    verdict: VerdictWord,
    /// A comment to add
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Close its alerts with the same verdict, also if they do not follow the case
    #[arg(long)]
    alerts: bool,
    #[command(flatten)]
    by: ByPerson,
}

#[derive(Debug, Args)]
pub struct ReopenArguments {
    /// Their numbers, or the beginnings of their ids
    #[arg(value_name = "CASE", required = true)]
    cases: Vec<String>,
    #[command(flatten)]
    by: ByPerson,
}

pub(super) fn assign(place: &CasesPlace<'_>, arguments: &AssignArguments) -> anyhow::Result<Exit> {
    let names = arguments.names.iter().map(|uid| Assignee { uid: uid.clone() }).collect();
    let change = CaseChange { assignees: Some(names), ..CaseChange::default() };
    change_all(place, std::slice::from_ref(&arguments.case), &arguments.by, None, &change, |case| {
        match assignees(case) {
            names if names.is_empty() => "assigned to nobody".to_owned(),
            names => format!("assigned to {}", tame(&names)),
        }
    })
}

pub(super) fn comment(place: &CasesPlace<'_>, arguments: &CommentArguments) -> anyhow::Result<Exit> {
    let mut db = place.database_with(&arguments.case)?;
    let person = place.person(&arguments.by);
    let mut cases = db.cases(place.space);
    let id = cases.named(&arguments.case).map_err(refused)?.id;
    let case = cases.comment(&id, &arguments.text, stamp(&person)).map_err(refused)?;
    say_case(&case, "commented");
    Ok(Exit::Done)
}

pub(super) fn close(place: &CasesPlace<'_>, arguments: &CloseCaseArguments) -> anyhow::Result<Exit> {
    let change = CaseChange {
        status: Some(CaseStatus::Closed),
        disposition: Some(arguments.verdict.disposition()),
        with_alerts: arguments.alerts,
        ..CaseChange::default()
    };
    change_all(place, &arguments.cases, &arguments.by, arguments.note.as_deref(), &change, |case| {
        format!("closed as {}", case.disposition.as_deref().unwrap_or_default())
    })
}

pub(super) fn reopen(place: &CasesPlace<'_>, arguments: &ReopenArguments) -> anyhow::Result<Exit> {
    let change = CaseChange { status: Some(CaseStatus::Open), ..CaseChange::default() };
    change_all(place, &arguments.cases, &arguments.by, None, &change, |_| "open".to_owned())
}

fn change_all(
    place: &CasesPlace<'_>,
    names: &[String],
    by: &ByPerson,
    note: Option<&str>,
    change: &CaseChange,
    done: impl Fn(&Case) -> String,
) -> anyhow::Result<Exit> {
    let Some(first) = names.first() else { return Ok(Exit::Done) };
    let mut db = place.database_with(first)?;
    let person = place.person(by);
    let mut cases = db.cases(place.space);
    // All are looked for first: nothing is changed where one of them is misspelt.
    let ids: Result<Vec<String>, _> =
        names.iter().map(|name| cases.named(name).map(|case| case.id)).collect();
    for id in ids.map_err(refused)? {
        let case = cases.change(&id, change, stamp(&person)).map_err(refused)?;
        if let Some(note) = note {
            cases.comment(&id, note, stamp(&person)).map_err(refused)?;
        }
        say_case(&case, &done(&case));
    }
    Ok(Exit::Done)
}
