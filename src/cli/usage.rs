//! `ccfd usage`: the tokens that models used: in runs of connectors, or in stored completions.

mod stored;

use std::{io, time::Duration};

use clap::{Args, ValueEnum};
use collectors::Clock;

use super::{
    Context,
    exit::Exit,
    rows::{CsvRows, Finish, JsonRows, TableRows},
    text::{duration, say},
};
use crate::{
    connectors::gen_ai,
    detect_db::{DetectDb, FILE_NAME, UsageBy, UsageRow},
    sinks::sqlite::query::ResultCell,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// By what tokens are summed
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = ByWord::Connector)]
    by: ByWord,
    /// How far back to look
    #[arg(long, value_name = "D", default_value = "30d", value_parser = humantime::parse_duration)]
    last: Duration,
    /// From the stored completions that a sink of this machine holds, instead of connectors' runs. There, `connector` is the
    /// collector, and `user` the end user whom the application named
    #[arg(long)]
    stored: bool,
    /// The sink that holds them, if several do
    #[arg(long, value_name = "NAME", requires = "stored")]
    sink: Option<String>,
    /// Print one JSON object per line; what is unknown is null
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV with a header line
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ByWord {
    Connector,
    User,
    Model,
    Day,
}

impl ByWord {
    fn by(self) -> UsageBy {
        match self {
            Self::Connector => UsageBy::Connector,
            Self::User => UsageBy::User,
            Self::Model => UsageBy::Model,
            Self::Day => UsageBy::Day,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UsageSource {
    Runs,
    StoredCompletions,
}

impl UsageSource {
    fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs of connectors",
            Self::StoredCompletions => "stored completions only",
        }
    }
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = context.readable()?.config;
    let back = i64::try_from(arguments.last.as_secs()).unwrap_or(i64::MAX);
    let since = Clock::system().now().saturating_sub(back).max(0);
    let by = arguments.by.by();
    let (counted, rows) = if arguments.stored {
        (UsageSource::StoredCompletions, stored::usage(&config, arguments.sink.as_deref(), by, since)?)
    } else {
        let db = DetectDb::open_existing(&config.state.dir.join(FILE_NAME))?;
        let rows = db.map_or(Ok(Vec::new()), |db| db.token_usage(gen_ai::TYPE_ID, None, by, since))?;
        (UsageSource::Runs, rows)
    };
    let out = io::BufWriter::new(io::stdout().lock());
    let shown = if arguments.json {
        show(JsonRows::new(out), by, counted, &rows, None)
    } else if arguments.csv {
        show(CsvRows::new(out, false), by, counted, &rows, Some(UNKNOWN))
    } else {
        say(format_args!(
            "tokens of {}, by {}, last {}",
            counted.word(),
            by.word(),
            duration(arguments.last)
        ));
        if rows.is_empty() {
            say(format_args!("none"));
            return Ok(Exit::Done);
        }
        show(TableRows::new(out), by, counted, &rows, Some(UNKNOWN))
    };
    match shown {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        shown => Ok(shown.map(|()| Exit::Done)?),
    }
}

/// Where people read it: an empty field would look like zero.
const UNKNOWN: &str = "unknown";

fn show(
    mut out: impl Finish,
    by: UsageBy,
    counted: UsageSource,
    rows: &[UsageRow],
    unknown: Option<&str>,
) -> io::Result<()> {
    let absent = unknown.map_or(ResultCell::Null, ResultCell::Text);
    let count = |count: u64| ResultCell::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let maybe = |tokens: Option<u64>| tokens.map_or(absent, count);
    // A stored completion is one that succeeded: of the others nothing is known.
    let failed = |row: &UsageRow| match counted {
        UsageSource::Runs => count(row.failed),
        UsageSource::StoredCompletions => absent,
    };
    out.columns(&[
        by.word(),
        "runs",
        "failed",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "unknown",
        "counted",
    ])?;
    for row in rows {
        out.row(&[
            row.key.as_deref().map_or(absent, ResultCell::Text),
            count(row.runs),
            failed(row),
            maybe(row.prompt_tokens),
            maybe(row.completion_tokens),
            maybe(row.total_tokens),
            count(row.unknown),
            ResultCell::Text(counted.word()),
        ])?;
    }
    out.finish()
}
