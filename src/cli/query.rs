//! `ccfd query`: read-only SQL on the SQLite sink.

mod schema;

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Read as _, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{
    Context, UsageError,
    exit::Exit,
    rows::{CsvRows, Finish, JsonRows, TableRows},
    text::{self, say},
};
use crate::{
    config::{Config, SinkPlace},
    connectors::index::INDEX_FILE,
    reasons::with_reasons,
    sinks::sqlite::query::{self, QueryError},
};

/// The longest statement that is read from standard input: somebody may pipe in a file of another kind.
const STATEMENT_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct Arguments {
    /// One read-only statement, or `-` to read it from standard input. The views `audit` and `completions` have the columns
    /// that people want most; `since('1h')` is the time one hour ago, as the time columns have it (units: s, m, h, d, w).
    /// Such as "SELECT type, count(*) FROM audit WHERE time > since('1d') GROUP BY 1"
    #[arg(value_name = "SQL", required_unless_present_any = ["backup", "schema"])]
    sql: Option<String>,
    /// Print the tables and views, and the type and meaning of their columns
    #[arg(long, conflicts_with_all = ["sql", "backup"])]
    schema: bool,
    /// Copy the whole database to a new file; also works while the daemon runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sql", "json", "csv"])]
    backup: Option<PathBuf>,
    /// Print one JSON object per line, with a member for each column; dynamic columns are JSON text
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV with a header line; NULL is an empty field, lines end with LF. For people and spreadsheets: control characters are
    /// replaced, and a text that a spreadsheet would calculate gets a `'` in front
    #[arg(long)]
    csv: bool,
    /// Print CSV with every text exactly as stored
    #[arg(long, requires = "csv")]
    raw: bool,
    /// The sink, if several are of type sqlite
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Query what connectors of type .index have written, a table for each index, instead of a sink
    #[arg(long, conflicts_with_all = ["sink", "schema"])]
    connectors: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.schema {
        let out = io::BufWriter::new(io::stdout().lock());
        let written = if arguments.json {
            schema::write(JsonRows::new(out))
        } else if arguments.csv {
            schema::write(CsvRows::new(out, arguments.raw))
        } else {
            schema::write(TableRows::whole(out))
        };
        return ended(written.map(|()| 0).map_err(QueryError::Output), false);
    }
    let config = context.readable()?.config;
    let of_connectors = config.state.dir.join(INDEX_FILE);
    let path = match arguments.connectors {
        true => of_connectors.as_path(),
        false => database(&config, arguments.sink.as_deref())?,
    };
    if let Some(copy) = &arguments.backup {
        return Ok(match query::backup(path, copy) {
            Ok(bytes) => {
                text::say(format_args!("{}: {}", copy.display(), text::size(bytes)));
                Exit::Done
            }
            Err(error) => explain(&error),
        });
    }
    let sql = statement(arguments.sql.as_deref().unwrap_or_default())?;
    let sql = &*sql;
    let out = io::BufWriter::new(io::stdout().lock());
    let done = if arguments.json {
        collect(path, sql, JsonRows::new(out))
    } else if arguments.csv {
        collect(path, sql, CsvRows::new(out, arguments.raw))
    } else {
        collect(path, sql, TableRows::new(out))
    };
    ended(done, !arguments.json && !arguments.csv)
}

/// What a query came to; how many rows there were is for people only.
fn ended(done: Result<u64, QueryError>, counts: bool) -> anyhow::Result<Exit> {
    match done {
        Ok(rows) => {
            if counts && io::stdout().is_terminal() {
                say(format_args!("{}", text::counted(rows, "row")));
            }
            Ok(Exit::Done)
        }
        // The reader has closed the pipe, as `head` does.
        Err(QueryError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Ok(explain(&error)),
    }
}

/// The text of the statement: what the argument says, or standard input for `-`.
fn statement(argument: &str) -> anyhow::Result<Cow<'_, str>> {
    if argument != "-" {
        return Ok(Cow::Borrowed(argument));
    }
    let mut sql = String::new();
    io::stdin().lock().take(STATEMENT_BYTES_MAX + 1).read_to_string(&mut sql).context("standard input")?;
    if sql.len() as u64 > STATEMENT_BYTES_MAX {
        let limit = text::size(STATEMENT_BYTES_MAX);
        return Err(UsageError(format!("standard input: a statement may have {limit}")).into());
    }
    Ok(Cow::Owned(sql))
}

fn collect(path: &Path, sql: &str, mut rows: impl Finish) -> Result<u64, QueryError> {
    let count = query::run(path, sql, &mut rows)?;
    rows.finish().map_err(QueryError::Output)?;
    Ok(count)
}

/// A result as a table, for people.
pub fn as_table(path: &Path, sql: &str, out: impl Write) -> Result<u64, QueryError> {
    collect(path, sql, TableRows::new(out))
}

fn explain(error: &QueryError) -> Exit {
    say(format_args!("ccfd: {}", with_reasons(error)));
    match error {
        QueryError::Missing { .. } => {
            say(format_args!(
                "      nothing has been collected yet, or ccfd ran in another directory: see `ccfd status`"
            ));
            Exit::Failed
        }
        QueryError::Writes | QueryError::Exists { .. } => Exit::Usage,
        QueryError::Sql(error) => match error.sqlite_error_code() {
            // An error in the statement: syntax, an unknown table or column, two statements in one.
            None | Some(rusqlite::ErrorCode::Unknown) => Exit::Usage,
            Some(_) => Exit::Failed,
        },
        QueryError::Output(_) | QueryError::Copy { .. } | QueryError::Copying { .. } => Exit::Failed,
    }
}

/// The database: the named sink's, or the only one.
fn database<'a>(config: &'a Config, sink: Option<&str>) -> Result<&'a Path, UsageError> {
    let databases: Vec<(&str, &Path)> = config
        .sinks
        .iter()
        .filter_map(|(name, settings)| match settings.place() {
            SinkPlace::Database(path) => Some((name.as_str(), path)),
            SinkPlace::Dir(_) | SinkPlace::Alerts(_) | SinkPlace::StandardOutput | SinkPlace::Service(_) => {
                None
            }
        })
        .collect();
    let names = || databases.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|");
    match (sink, databases.as_slice()) {
        (_, []) => Err(UsageError("no sink of type sqlite is configured".to_owned())),
        (None, [(_, path)]) => Ok(path),
        (None, _) => {
            Err(UsageError(format!("several sinks are of type sqlite, name one: --sink {}", names())))
        }
        (Some(wanted), _) => match databases.iter().find(|(name, _)| *name == wanted) {
            Some((_, path)) => Ok(path),
            None => Err(UsageError(format!(
                "no sink of type sqlite is named `{wanted}` (there are: {})",
                names()
            ))),
        },
    }
}
