//! `ccfd cases resend`

use clap::Args;

use super::{CasesPlace, refused, say_case};
use crate::cli::{
    UsageError,
    exit::Exit,
    text::{counted, say, tame},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Their numbers, or the beginnings of their ids
    #[arg(value_name = "CASE", required_unless_present = "all", conflicts_with = "all")]
    cases: Vec<String>,
    /// All cases that Kibana has refused, or parts of which
    #[arg(long)]
    all: bool,
    /// Create a case again that was deleted in Kibana
    #[arg(long, conflicts_with = "all")]
    create: bool,
}

pub(super) fn run(place: &CasesPlace<'_>, arguments: &Arguments) -> anyhow::Result<Exit> {
    if place.config.cases.as_ref().is_none_or(|cases| cases.space != place.space) {
        let text = format!(
            "there is nothing to send cases of space `{}` to; see [cases] in the settings",
            tame(place.space)
        );
        return Err(UsageError(text).into());
    }
    if arguments.all {
        let count = match place.database()? {
            Some(mut db) => db.cases(place.space).resend_refused().map_err(refused)?,
            None => 0,
        };
        say(format_args!("{} to be sent again", counted(count as u64, "case")));
        return Ok(Exit::Done);
    }
    for case in &arguments.cases {
        let mut db = place.database_with(case)?;
        let mut cases = db.cases(place.space);
        let case = cases.named(case).map_err(refused)?;
        cases.resend(&case.id, arguments.create).map_err(refused)?;
        say_case(&case, "to be sent again");
    }
    Ok(Exit::Done)
}
