//! `ccfd alerts actions`: what alerts have to do in other systems. A daemon, if one runs, does it within seconds.

use clap::{Args, Subcommand, ValueEnum};
use collectors::Clock;

use super::database;
use crate::{
    cli::{
        Context, UsageError,
        exit::Exit,
        text::{Align, asked, counted, fitted, print, print_json_line, say, tame, width},
    },
    config::Config,
    detect_db::{ActionState, ConnectorPause, DetectDb, ListedAction, ListedWait, OutboxFilter},
    tables::format_utc,
};

/// How many a table shows unless more are asked for.
const SHOWN: u32 = 50;
/// Of how many `retry` says what they wait for.
const WAITING_SAID: usize = 10;
/// The widest answer of a table.
const ANSWER_CHARS: usize = 60;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: ActionsCommand,
}

#[derive(Debug, Subcommand)]
enum ActionsCommand {
    /// List what waits, failed or was dropped, the newest first
    List(ListActions),
    /// Let them be tried again from now on
    Retry(ChosenActions),
    /// Remove them, so that they are never tried
    Drop(DropArguments),
}

#[derive(Debug, Args)]
struct ListActions {
    /// Only those in this state; may be given several times
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<StateWord>,
    /// Only those of this action, by its name
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only those of this alert; the beginning of its id is enough
    #[arg(long, value_name = "ALERT")]
    alert: Option<String>,
    /// At most so many [default: 50 in a table, all with --json]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ChosenActions {
    /// Their numbers, as shown by `list`
    #[arg(value_name = "NUMBER", required_unless_present = "all")]
    numbers: Vec<i64>,
    /// All that failed or were dropped
    #[arg(long, conflicts_with = "numbers")]
    all: bool,
    /// With --all: only those of this action, by its name
    #[arg(long, requires = "all", value_name = "ACTION")]
    action: Option<String>,
}

#[derive(Debug, Args)]
struct DropArguments {
    #[command(flatten)]
    chosen: ChosenActions,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateWord {
    /// To be done, now or later
    Waiting,
    /// Being done
    Running,
    /// Done
    Done,
    /// Failed for good
    Failed,
    /// Without room: too many waited
    Dropped,
}

impl StateWord {
    fn state(self) -> ActionState {
        match self {
            Self::Waiting => ActionState::Waiting,
            Self::Running => ActionState::Running,
            Self::Done => ActionState::Done,
            Self::Failed => ActionState::Failed,
            Self::Dropped => ActionState::Dropped,
        }
    }
}

impl ChosenActions {
    fn filter(&self) -> OutboxFilter {
        let states = if self.all { vec![ActionState::Failed, ActionState::Dropped] } else { Vec::new() };
        OutboxFilter {
            states,
            action: self.action.clone(),
            ids: self.numbers.clone(),
            ..OutboxFilter::default()
        }
    }

    /// Those of actions that the settings have: nothing would ever do the others. `None` if there are none.
    fn of_settings(
        &self,
        db: &DetectDb,
        (config, is_whole): (&Config, bool),
    ) -> anyhow::Result<Option<OutboxFilter>> {
        let filter = self.filter();
        let is_known = |name: &str| config.alerts.actions.iter().any(|action| *action.outbox.name == *name);
        let (known, left): (Vec<_>, Vec<_>) =
            db.actions(&filter)?.into_iter().partition(|row| !is_whole || is_known(&row.action));
        match left.first() {
            None => Ok(Some(filter)),
            Some(_) if self.all && self.action.is_none() => {
                let ids: Vec<i64> = known.into_iter().map(|row| row.id).collect();
                Ok((!ids.is_empty()).then_some(OutboxFilter { ids, ..filter }))
            }
            Some(row) => {
                let name = tame(&row.action);
                let refused = format!(
                    "the settings have no action `{name}`: add it again, or remove what it left with `ccfd alerts actions \
                     drop --all --action {name}`"
                );
                Err(UsageError(refused).into())
            }
        }
    }

    /// Whether all that were named were found.
    fn found(&self, count: u64) -> Result<Exit, UsageError> {
        match self.all || count as usize >= self.numbers.len() {
            true => Ok(Exit::Done),
            false => Err(UsageError(
                "some are not there, are running or are done; see `ccfd alerts actions list`".to_owned(),
            )),
        }
    }
}

pub fn run(
    (config, is_whole): (&Config, bool),
    context: &Context,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    match &arguments.command {
        ActionsCommand::List(arguments) => list(config, context, arguments),
        ActionsCommand::Retry(chosen) => {
            let Some(mut db) = database(config)? else { return Ok(chosen.found(0)?) };
            let (mut count, mut ids) = (0, Vec::new());
            if let Some(filter) = chosen.of_settings(&db, (config, is_whole))? {
                ids = db.actions(&filter)?.into_iter().map(|row| row.id).collect();
                count = db.retry_actions(&filter, Clock::system().now())?;
            }
            say(format_args!("{} tried again, by the daemon if it runs", counted(count, "action")));
            if count > 0 {
                say_what_waits(&db.actions(&OutboxFilter { ids, ..OutboxFilter::default() })?);
            }
            Ok(chosen.found(count)?)
        }
        ActionsCommand::Drop(DropArguments { chosen, yes }) => {
            let Some(mut db) = database(config)? else { return Ok(chosen.found(0)?) };
            let filter = chosen.filter();
            let question = "Remove them? They are never done then.";
            if !yes && !asked(question)? {
                return Ok(Exit::Failed);
            }
            let count = db.drop_actions(&filter)?;
            say(format_args!("{} removed", counted(count, "action")));
            Ok(chosen.found(count)?)
        }
    }
}

/// Says which of these wait for others, although somebody wants them tried.
fn say_what_waits(rows: &[ListedAction]) {
    let waiting = rows.iter().filter_map(|row| Some((row.id, row.waits_for?)));
    for (id, opening) in waiting.clone().take(WAITING_SAID) {
        say(format_args!("{id} waits until {opening}, the opening of its alert, is done or has failed"));
    }
    let more = waiting.count().saturating_sub(WAITING_SAID);
    if more > 0 {
        say(format_args!("{} too; see `ccfd alerts actions list`", counted(more as u64, "other")));
    }
}

fn list(config: &Config, context: &Context, arguments: &ListActions) -> anyhow::Result<Exit> {
    let Some(db) = database(config)? else { return Ok(Exit::Done) };
    let open = [ActionState::Waiting, ActionState::Running, ActionState::Failed, ActionState::Dropped];
    let states = match arguments.state.is_empty() {
        true => open.to_vec(),
        false => arguments.state.iter().map(|word| word.state()).collect(),
    };
    let limit = arguments.limit.or((!arguments.json).then_some(SHOWN));
    let mut found = db.actions(&OutboxFilter {
        states,
        action: arguments.action.clone(),
        alert: arguments.alert.clone(),
        ids: Vec::new(),
        limit,
    })?;
    let paused = db.paused_connectors(Clock::system().now())?;
    found.iter_mut().for_each(|row| row.waits = wait_of(row, config, &paused));
    if arguments.json {
        found.iter().try_for_each(print_json_line)?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        return Ok(Exit::Done);
    }
    let heads = ["number", "action", "state", "tries", "next", "alert", "rule", "answer"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(row));
    let aligns = [
        Align::Right,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Left,
    ];
    print(&fitted(&aligns, &[6, 4, 5], &rows, width(&context.environment)))?;
    Ok(Exit::Done)
}

/// What a row waits for: the pause of its connector.
fn wait_of(row: &ListedAction, config: &Config, paused: &[ConnectorPause]) -> Option<ListedWait> {
    if row.state != ActionState::Waiting.word() || row.is_urgent {
        return None;
    }
    let action = config.alerts.actions.iter().find(|action| *action.outbox.name == *row.action)?;
    let is_its =
        |pause: &&ConnectorPause| pause.space == action.space && pause.connector == action.connector();
    let pause = paused.iter().rfind(is_its)?;
    let (connector, until, reason) = (pause.connector.clone(), format_utc(pause.until), pause.reason.clone());
    Some(ListedWait { connector, until, reason })
}

fn row(action: &ListedAction) -> Vec<String> {
    let mut answer = action.answer.clone().unwrap_or_default();
    let mut next_at = action.next_at.clone();
    if let Some(ListedWait { connector, until, reason }) = &action.waits {
        // Both are in UTC and of one length.
        next_at = next_at.max(Some(until.clone()));
        if answer.is_empty() {
            answer = format!("{connector} waits: {reason}");
        }
    }
    if let Some(opening) = action.waits_for {
        answer = format!("waits for {opening}, the opening of its alert");
    }
    let answer: String = answer.chars().take(ANSWER_CHARS).collect();
    vec![
        action.id.to_string(),
        tame(&action.action).to_string(),
        action.state.clone(),
        action.tries.to_string(),
        next_at.unwrap_or_default(),
        tame(&action.alert).to_string(),
        tame(action.rule.as_deref().unwrap_or_default()).to_string(),
        tame(&answer).to_string(),
    ]
}
