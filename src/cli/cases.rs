//! `ccfd cases`: lists cases, and says what is done about them. The database is used beside a daemon.

mod attach;
mod change;
mod create;
mod list;
mod push;
mod resend;
mod show;

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use collectors::Clock;

use super::{
    Context, UsageError,
    alerts::database,
    exit::Exit,
    person::person,
    text::{say, tame},
};
use crate::{
    cases::{Case, CaseError, CaseOwner, CasePerson, CaseSeverity, CaseStamp, CaseStatus, DEFAULT_SPACE},
    config::Config,
    detect_db::DetectDb,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The space of the cases
    #[arg(long, global = true, value_name = "NAME", default_value = DEFAULT_SPACE)]
    space: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List cases, the newest first
    List(list::Arguments),
    /// Show one in full
    Show(show::Arguments),
    /// Create one
    Create(create::Arguments),
    /// Say who is to work on it
    Assign(change::AssignArguments),
    /// Add a comment
    Comment(change::CommentArguments),
    /// Close it with a verdict
    Close(change::CloseCaseArguments),
    /// Open it again
    Reopen(change::ReopenArguments),
    /// Attach alerts, or a file
    Attach(attach::Arguments),
    /// Send it to another system with a connector, or what has changed of it
    Push(push::Arguments),
    /// Send again what Kibana has refused of it, or what was given up
    Resend(resend::Arguments),
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let place = CasesPlace { config: context.readable()?.config, context, space: &arguments.space };
    place.look_for_space()?;
    match &arguments.command {
        Command::List(arguments) => list::run(&place, arguments),
        Command::Show(arguments) => show::run(&place, arguments),
        Command::Create(arguments) => create::run(&place, arguments),
        Command::Assign(arguments) => change::assign(&place, arguments),
        Command::Comment(arguments) => change::comment(&place, arguments),
        Command::Close(arguments) => change::close(&place, arguments),
        Command::Reopen(arguments) => change::reopen(&place, arguments),
        Command::Attach(arguments) => attach::run(&place, arguments),
        Command::Push(arguments) => push::run(&place, arguments),
        Command::Resend(arguments) => resend::run(&place, arguments),
    }
}

/// Where the cases are.
struct CasesPlace<'a> {
    config: Config,
    context: &'a Context,
    space: &'a str,
}

impl CasesPlace<'_> {
    /// The database; `None` while there is none.
    fn database(&self) -> anyhow::Result<Option<DetectDb>> {
        database(&self.config)
    }

    /// Fails if there is no such space: one that is misspelt would look like a space without cases.
    fn look_for_space(&self) -> anyhow::Result<()> {
        let mut known = BTreeSet::from([DEFAULT_SPACE.to_owned()]);
        // Actions make cases in their spaces without asking whether there are such.
        known.extend(self.config.alerts.actions.iter().map(|action| action.space.clone()));
        if known.contains(self.space) {
            return Ok(());
        }
        if let Some(db) = self.database()? {
            known.extend(db.spaces()?.into_iter().map(|space| space.id));
        }
        if known.contains(self.space) {
            return Ok(());
        }
        let names: Vec<String> = known.iter().map(|space| tame(space)).collect();
        let text = format!("no space `{}`; there are: {}", tame(self.space), names.join(", "));
        Err(UsageError(text).into())
    }

    /// The database, in which a case is to be.
    fn database_with(&self, case: &str) -> anyhow::Result<DetectDb> {
        let none = || refused(CaseError::Unknown { kind: "cases", id: case.to_owned() });
        self.database()?.ok_or_else(none)
    }

    /// Who says so.
    fn person(&self, by: &ByPerson) -> CasePerson {
        CasePerson::named(&by.by.clone().unwrap_or_else(|| person(&self.context.environment)))
    }
}

/// Who says so.
#[derive(Debug, Args)]
struct ByPerson {
    /// Who says so [default: the user of the process]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

fn stamp(by: &CasePerson) -> CaseStamp<'_> {
    CaseStamp { by, now: Clock::system().now() }
}

/// An error of the command line, where it is one.
fn refused(error: CaseError) -> anyhow::Error {
    match error {
        CaseError::Unknown { kind: "cases", id } => {
            UsageError(format!("no case `{}`; see `ccfd cases list`", tame(&id))).into()
        }
        CaseError::Unchanged => UsageError("the case is like that already".to_owned()).into(),
        CaseError::Unknown { .. } | CaseError::Invalid(_) | CaseError::Conflict(_) => {
            UsageError(error.to_string()).into()
        }
        CaseError::Database(error) => error.into(),
    }
}

/// Says what a case is now.
fn say_case(case: &Case, done: &str) {
    say(format_args!("#{} {}: {done}", case.number, tame(&case.title)));
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CaseStatusWord {
    Open,
    InProgress,
    Closed,
}

impl CaseStatusWord {
    fn status(self) -> CaseStatus {
        match self {
            Self::Open => CaseStatus::Open,
            Self::InProgress => CaseStatus::InProgress,
            Self::Closed => CaseStatus::Closed,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SeverityWord {
    Low,
    Medium,
    High,
    Critical,
}

impl SeverityWord {
    fn severity(self) -> CaseSeverity {
        match self {
            Self::Low => CaseSeverity::Low,
            Self::Medium => CaseSeverity::Medium,
            Self::High => CaseSeverity::High,
            Self::Critical => CaseSeverity::Critical,
        }
    }
}

/// Spelt as Kibana spells them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OwnerWord {
    Cases,
    Observability,
    #[value(name = "securitySolution")]
    SecuritySolution,
}

impl OwnerWord {
    fn owner(self) -> CaseOwner {
        match self {
            Self::Cases => CaseOwner::Cases,
            Self::Observability => CaseOwner::Observability,
            Self::SecuritySolution => CaseOwner::SecuritySolution,
        }
    }
}
