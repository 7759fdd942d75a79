//! `ccfd rejects prune`

use std::{collections::HashSet, path::Path, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::{RejectsFilter, all_files, is_gone, turn::RejectsTurn};
use crate::{
    cli::{
        UsageError,
        exit::Exit,
        text::{counted, print, say},
    },
    config::Config,
    pipeline::rejects::kept::{self, KeptReject, LineKey},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these, as shown by `list`; the beginning is enough
    #[arg(value_name = "REJECT")]
    rejects: Vec<String>,
    /// Only records with this id
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Only those kept for longer than this, such as 30d
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Only those of this kind, as `list` shows it
    #[arg(long, value_name = "KIND")]
    reason: Vec<String>,
    #[command(flatten)]
    filter: RejectsFilter,
    /// All rejects; required if nothing else selects any
    #[arg(long, conflicts_with_all = ["rejects", "id", "older_than", "reason", "collector", "sink"])]
    all: bool,
    /// Count them, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object: removed, or matching with --dry-run
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    let which = Which::of(arguments)?;
    let _turn = match arguments.dry_run {
        true => None,
        false => RejectsTurn::take(config, "ccfd rejects prune")?,
    };
    let mut count = 0;
    let mut seen = HashSet::new();
    // A file may be renamed meanwhile: the newer copies replace the older ones.
    while let Some(path) = all_files(config)?.into_iter().find(|path| !seen.contains(path)) {
        count += which.file(&path, arguments.dry_run).or_else(|error| {
            let gone = is_gone(&error).then_some(0);
            gone.ok_or_else(|| error.context(format!("cannot process {}", path.display())))
        })?;
        seen.insert(path);
    }
    if arguments.json {
        let name = if arguments.dry_run { "matching" } else { "removed" };
        print(&format!("{}\n", json!({ name: count })))?;
        return Ok(Exit::Done);
    }
    let records = counted(count, "record");
    match arguments.dry_run {
        true => say(format_args!("{records} would be removed; nothing was changed")),
        false => say(format_args!("{records} removed")),
    }
    Ok(Exit::Done)
}

/// Which rejects to remove: those that match every filter.
struct Which<'a> {
    arguments: &'a Arguments,
    before: Option<DateTime<Utc>>,
}

impl<'a> Which<'a> {
    fn of(arguments: &'a Arguments) -> anyhow::Result<Self> {
        let Arguments { rejects, id, older_than, reason, filter, all, .. } = arguments;
        let is_given = !rejects.is_empty()
            || !id.is_empty()
            || older_than.is_some()
            || !reason.is_empty()
            || filter.is_given()
            || *all;
        if !is_given || rejects.iter().any(String::is_empty) {
            let text = "specify which: REJECT, --id, --older-than, --reason, --collector, --sink, or --all";
            return Err(UsageError(text.to_owned()).into());
        }
        let age = older_than.map(chrono::TimeDelta::from_std).transpose().context("--older-than")?;
        // Older than any time: matches nothing.
        let before = age.map(|age| Utc::now().checked_sub_signed(age).unwrap_or(DateTime::UNIX_EPOCH));
        Ok(Self { arguments, before })
    }

    /// Removes the matching rejects of one file, or counts them.
    fn file(&self, path: &Path, dry_run: bool) -> anyhow::Result<u64> {
        let mut chosen = HashSet::new();
        let mut count = 0;
        let seen = kept::read(path, |key, kept| {
            if self.admits(key, &kept) {
                count += 1;
                chosen.insert(key);
            }
            Ok::<(), anyhow::Error>(())
        })?;
        if dry_run || (chosen.is_empty() && seen.taken == 0) {
            return Ok(count);
        }
        Ok(kept::remove(path, &chosen)?)
    }

    fn admits(&self, key: LineKey, kept: &KeptReject<'_>) -> bool {
        let Arguments { rejects, id, reason, filter, .. } = self.arguments;
        let key = key.to_string();
        let is_old =
            |before: &DateTime<Utc>| DateTime::parse_from_rfc3339(kept.time).is_ok_and(|time| time < *before);
        (rejects.is_empty() || rejects.iter().any(|one| key.starts_with(one.as_str())))
            && (id.is_empty() || kept.id().is_some_and(|own| id.contains(&own)))
            && (reason.is_empty() || reason.contains(&kept.kind))
            && self.before.as_ref().is_none_or(is_old)
            && filter.admits(kept)
    }
}
