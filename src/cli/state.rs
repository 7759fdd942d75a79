//! `ccfd state`: shows, exports or imports the checkpoints.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Context, UsageError,
    exit::Exit,
    logging, runtime,
    state_access::StateAccess,
    text::{
        Align::{Left, Right},
        counted, grouped, print, print_json, say, table, tame,
    },
};
use crate::{
    config::Config,
    daemon::{
        assembly::Assembly,
        export::{Export, ImportError, export},
    },
    pipeline::{checkpoint::Checkpoint, names::parts_of},
    tables::format_utc,
};

/// The largest file that is read: a million dedup ids take some 30 MiB.
const FILE_BYTES_MAX: u64 = 1 << 30;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the checkpoint of each route and backfill
    Show(Show),
    /// Write all checkpoints, with the ids they remember, to a file
    Export(ExportFile),
    /// Replace checkpoints by those of the same names in an exported file. The daemon must be stopped
    Import(Import),
}

#[derive(Debug, Args)]
struct Show {
    /// Only checkpoints whose names begin with this
    #[arg(value_name = "NAME", default_value = "")]
    name: String,
    /// Print one JSON object of checkpoints by name, without the ids they remember
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExportFile {
    /// The file; `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Import {
    /// The file; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut config = match &arguments.command {
        Command::Show(_) | Command::Export(_) => context.readable()?.config,
        Command::Import(_) => context.config()?,
    };
    config.log.level = config.log.level.min(tracing::Level::WARN);
    logging::start(&config.log);
    let runtime = runtime()?;
    match &arguments.command {
        Command::Show(show) => {
            let found = runtime.block_on(read(&config, context, "ccfd state show"))?;
            show_some(found, show)
        }
        Command::Export(to) => {
            let found = runtime.block_on(read(&config, context, "ccfd state export"))?;
            write(&found, &to.file)
        }
        Command::Import(import) => runtime.block_on(take_in(&config, context, import)),
    }
}

async fn read(config: &Config, context: &Context, command: &str) -> anyhow::Result<Export> {
    match StateAccess::find(config, context, command).await? {
        StateAccess::Daemon(daemon) => Ok(daemon.checkpoints().await?),
        StateAccess::Own(store) => {
            let found = export(&store).await;
            store.close().await?;
            Ok(found?)
        }
    }
}

fn show_some(found: Export, show: &Show) -> anyhow::Result<Exit> {
    let meant = found.checkpoints.into_iter().filter(|(name, _)| name.starts_with(&show.name));
    if show.json {
        let heads: serde_json::Map<_, _> =
            meant.map(|(name, whole)| (name, json!(whole.checkpoint))).collect();
        print_json(&heads)?;
        return Ok(Exit::Done);
    }
    let mut rows =
        vec![["CHECKPOINT", "FROM", "WATERMARK", "LAST RECORD", "DELIVERED"].map(str::to_owned).to_vec()];
    for (name, whole) in meant {
        let checkpoint = whole.checkpoint;
        rows.push(vec![
            name,
            format_utc(checkpoint.start),
            match (checkpoint.remaining_seconds(), checkpoint.watermark()) {
                (Some(0), Some(_)) => "finished".to_owned(),
                (_, watermark) => watermark.map_or_else(|| "-".to_owned(), format_utc),
            },
            checkpoint.last_record.map_or_else(|| "-".to_owned(), format_utc),
            grouped(checkpoint.delivered),
        ]);
    }
    print(&table(&[Left, Left, Left, Left, Right], &rows))?;
    Ok(Exit::Done)
}

fn write(found: &Export, file: &Path) -> anyhow::Result<Exit> {
    if file == Path::new("-") {
        print_json(found)?;
    } else {
        let text = serde_json::to_string_pretty(found)? + "\n";
        let named = || file.display().to_string();
        let mut out = fs::File::create_new(file).with_context(named)?;
        out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).with_context(named)?;
        let count = counted(found.checkpoints.len() as u64, "checkpoint");
        say(format_args!("{count} written to {}", file.display()));
    }
    Ok(Exit::Done)
}

async fn take_in(config: &Config, context: &Context, import: &Import) -> anyhow::Result<Exit> {
    let named = || import.file.display().to_string();
    let mut text = String::new();
    let from: Box<dyn Read> = if import.file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(fs::File::open(&import.file).with_context(named)?)
    };
    from.take(FILE_BYTES_MAX).read_to_string(&mut text).with_context(named)?;
    let wanted: Export = serde_json::from_str(&text)
        .map_err(|error| UsageError(format!("{}: not an export of checkpoints: {error}", named())))?;
    let store = match StateAccess::find(config, context, "ccfd state import").await? {
        StateAccess::Own(store) => store,
        StateAccess::Daemon(daemon) => {
            let text = format!("the daemon (process {}) uses these checkpoints: stop it first", daemon.pid);
            return Err(UsageError(text).into());
        }
    };
    let there = store.names()?;
    for name in wanted.checkpoints.keys() {
        let how = if there.contains(name) { "replaces an existing one" } else { "new" };
        say(format_args!("{name}: {how}"));
    }
    let assembly = Assembly::new(config.clone(), context.environment.clone());
    for (name, whole) in &wanted.checkpoints {
        if let Some((before, now)) = moved(&assembly, name, &whole.checkpoint) {
            say(format_args!(
                "{name}: written for {before}, and the sink is now {now}: put its data there, then run `ccfd run --once \
                 --accept-change`, or the route parks"
            ));
        }
    }
    let count = counted(wanted.checkpoints.len() as u64, "checkpoint");
    let agreed = import.yes || asked(&import.file)?;
    let done = if agreed { wanted.import(&store).await } else { Ok(()) };
    store.close().await?;
    match done {
        Ok(()) if agreed => say(format_args!("{count} imported")),
        Ok(()) => say(format_args!("nothing was changed")),
        Err(error @ (ImportError::Newer(_) | ImportError::Damaged(_))) => {
            return Err(UsageError(format!("{}: {error}", named())).into());
        }
        Err(ImportError::State(error)) => return Err(error.into()),
    }
    Ok(Exit::Done)
}

/// The sink that a checkpoint was written for, and the one that is configured, if they differ.
fn moved(assembly: &Assembly, name: &str, checkpoint: &Checkpoint) -> Option<(String, String)> {
    let (collector, sink) = parts_of(name);
    let settings = assembly.config.collectors.get(collector)?;
    let now = assembly.sink(sink)?.identity(&Assembly::table(settings));
    let before = &checkpoint.identity.sink;
    (*before != now).then(|| (tame(before), tame(&now)))
}

fn asked(file: &Path) -> anyhow::Result<bool> {
    if file == Path::new("-") || !io::stdin().is_terminal() {
        return Err(UsageError("no terminal to ask on: use --yes".to_owned()).into());
    }
    Ok(super::text::asked("import them?")?)
}
