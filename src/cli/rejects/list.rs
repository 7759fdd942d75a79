//! `ccfd rejects list`

use std::collections::BTreeMap;

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
    /// One JSON object a line: reject, time, collector, sink, table, side, kind, id, bytes
    #[arg(long)]
    json: bool,
}

/// How many lines of the table are written at a time, so that the first of very many rejects appear at once.
const LINES: usize = 1_000;
const HEADS: [&str; 6] = ["reject", "time", "collector", "sink", "kind", "id"];

pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
    let (mut kinds, mut count) = (BTreeMap::<String, u64>::new(), 0);
    each(config, |key, kept| {
        if !arguments.filter.admits(&kept) {
            return Ok(());
        }
        count += 1;
        *kinds.entry(kept.kind.clone()).or_default() += 1;
        if arguments.json {
            let line = json!({
                "reject": key.to_string(), "time": kept.time, "collector": kept.connector, "sink": kept.sink(),
                "table": kept.table, "side": kept.side, "kind": kept.kind, "id": kept.id(),
                "bytes": kept.record.get().len(),
            });
            return print_json_line(&line);
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
    if arguments.json {
        return Ok(Exit::Done);
    }
    if count == 0 {
        say(format_args!("no rejects"));
        return Ok(Exit::Done);
    }
    print(&table(&[Align::Left; HEADS.len()], &rows))?;
    let kinds: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{} {kind}", grouped(*count))).collect();
    say(format_args!(
        "{}: {}; see one with `ccfd rejects show REJECT`",
        counted(count, "record"),
        kinds.join(", ")
    ));
    Ok(Exit::Done)
}
