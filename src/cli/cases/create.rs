//! `ccfd cases create`

use clap::Args;

use super::{ByPerson, CasesPlace, OwnerWord, SeverityWord, refused, say_case, stamp};
use crate::{
    cases::{Assignee, CaseSettings, NewCase},
    cli::{exit::Exit, text::print_json_line},
    detect_db::{DetectDb, FILE_NAME},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// What it is about
    #[arg(value_name = "TITLE")]
    title: String,
    /// The same at length [default: the title]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A word to find it by
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How bad it is
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "low")]
    severity: SeverityWord,
    /// One more word to find it by
    #[arg(long, value_name = "TEXT")]
    category: Option<String>,
    /// Who is to work on it
    #[arg(long, value_name = "NAME")]
    assignee: Vec<String>,
    /// The application that it belongs to, for clients of Kibana
    #[arg(long, value_enum, value_name = "OWNER", default_value = "cases")]
    owner: OwnerWord,
    /// Whether its alerts follow its status
    #[arg(long)]
    sync_alerts: bool,
    #[command(flatten)]
    by: ByPerson,
    /// Print it as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(place: &CasesPlace<'_>, arguments: &Arguments) -> anyhow::Result<Exit> {
    let new = NewCase {
        title: arguments.title.clone(),
        description: arguments.description.clone().unwrap_or_else(|| arguments.title.clone()),
        tags: arguments.tag.clone(),
        owner: arguments.owner.owner(),
        severity: arguments.severity.severity(),
        category: arguments.category.clone(),
        assignees: arguments.assignee.iter().map(|uid| Assignee { uid: uid.clone() }).collect(),
        settings: CaseSettings { sync_alerts: arguments.sync_alerts },
        ..NewCase::default()
    };
    // The first case may be there before the first alert.
    let mut db = DetectDb::open(&place.config.state.dir.join(FILE_NAME), 0)?;
    let person = place.person(&arguments.by);
    let case = db.cases(place.space).create(&new, stamp(&person)).map_err(refused)?;
    match arguments.json {
        true => print_json_line(&case)?,
        false => say_case(&case, "created"),
    }
    Ok(Exit::Done)
}
