//! `ccfd rejects list`

use std::{cmp::Reverse, collections::BTreeMap};

use clap::Args;
use serde_json::json;

use super::{RejectsFilter, each};
use crate::{
    cli::{
        exit::Exit,
        text::{Align, counted, grouped, print, print_json_line, say, table, tame},
    },
    config::Config,
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    filter: RejectsFilter,
    /// Print one JSON object per line: reject, time, collector, sink, table, side, kind, id, bytes
    #[arg(long)]
    json: bool,
}

/// How many lines of the table are written at a time, so that the first of very many rejects appear at once.
const LINES: usize = 1_000;
const HEADS: [&str; 6] = ["reject", "time", "collector", "sink", "kind", "id"];
const GROUP_HEADS: [&str; 5] = ["records", "kind", "collector", "sink", "reason"];

pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.json {
        return json_lines(config, arguments);
    }
    let groups = Groups::of(config, &arguments.filter)?;
    if groups.0.is_empty() {
        say(format_args!("no rejects"));
        return Ok(Exit::Done);
    }
    print(&groups.table())?;
    let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
    each(config, |key, kept| {
        if !arguments.filter.admits(&kept) {
            return Ok(());
        }
        let id = kept.id().map_or_else(|| "-".to_owned(), |id| tame(&id));
        let row = [key.to_string(), kept.time.to_owned(), kept.connector.to_owned(), kept.sink().to_owned()];
        rows.push(row.into_iter().chain([kept.kind, id]).collect());
        if rows.len() >= LINES {
            print(&table(&[Align::Left; HEADS.len()], &rows))?;
            rows.clear();
        }
        Ok(())
    })?;
    print(&table(&[Align::Left; HEADS.len()], &rows))?;
    say(format_args!("{}", groups.sum()));
    Ok(Exit::Done)
}

fn json_lines(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    each(config, |key, kept| {
        if !arguments.filter.admits(&kept) {
            return Ok(());
        }
        print_json_line(&json!({
            "reject": key.to_string(), "time": kept.time, "collector": kept.connector, "sink": kept.sink(),
            "table": kept.table, "side": kept.side, "kind": kept.kind, "id": kept.id(),
            "bytes": kept.record.get().len(),
        }))
    })?;
    Ok(Exit::Done)
}

/// How many rejects there are of each kind, collector and sink.
struct Groups(BTreeMap<[String; 3], u64>);

impl Groups {
    fn of(config: &Config, filter: &RejectsFilter) -> anyhow::Result<Self> {
        let mut groups = BTreeMap::new();
        each(config, |_, kept| {
            if filter.admits(&kept) {
                let group = [tame(&kept.kind), tame(kept.connector), tame(kept.sink())];
                *groups.entry(group).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(Self(groups))
    }

    /// A line a group, those with the most records first, and an empty line.
    fn table(&self) -> String {
        let mut groups: Vec<_> = self.0.iter().collect();
        groups.sort_by_key(|(_, count)| Reverse(**count));
        let mut rows = vec![GROUP_HEADS.map(str::to_owned).to_vec()];
        rows.extend(groups.into_iter().map(|([kind, collector, sink], count)| {
            vec![grouped(*count), kind.clone(), collector.clone(), sink.clone(), reason(kind).to_owned()]
        }));
        table(&[Align::Right, Align::Left, Align::Left, Align::Left, Align::Left], &rows) + "\n"
    }

    /// All of them, by kind.
    fn sum(&self) -> String {
        let mut kinds = BTreeMap::<&str, u64>::new();
        for ([kind, ..], count) in &self.0 {
            *kinds.entry(kind).or_default() += count;
        }
        let count = self.0.values().sum();
        let kinds: Vec<String> =
            kinds.iter().map(|(kind, count)| format!("{} {kind}", grouped(*count))).collect();
        format!("{}: {}; see one with `ccfd rejects show REJECT`", counted(count, "record"), kinds.join(", "))
    }
}

/// What a kind means. The destination's own words may repeat content, so only `show` has them.
fn reason(kind: &str) -> &'static str {
    match kind {
        "refused" => "the destination refuses it; `rejects show` has its words",
        "too_large" => "larger than the destination accepts",
        "old" => "older than the destination accepts",
        "unusable_id" => "an id that the destination cannot use",
        "unusable" => "no usable id or time, or not JSON",
        "cut" => "delivered with shortened fields; this is the whole copy",
        _ => "",
    }
}
