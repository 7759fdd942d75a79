//! `ccfd rejects show`

use clap::Args;
use serde_json::{json, value::RawValue};

use super::each;
use crate::{
    cli::{
        UsageError,
        exit::Exit,
        text::{print, print_json_line, tame},
    },
    config::Config,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// As shown by `list`; the beginning is enough
    #[arg(value_name = "REJECT", required = true)]
    rejects: Vec<String>,
    /// Print one JSON object per line, with everything that is known
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut found = vec![false; arguments.rejects.len()];
    each(config, |key, kept| {
        let key = key.to_string();
        let mut asked = false;
        for (place, _) in
            arguments.rejects.iter().enumerate().filter(|(_, one)| key.starts_with(one.as_str()))
        {
            found[place] = true;
            asked = true;
        }
        if !asked {
            return Ok(());
        }
        if arguments.json {
            let record: &RawValue = kept.record;
            let line = json!({
                "reject": key, "time": kept.time, "route": kept.route, "collector": kept.connector,
                "sink": kept.sink(), "table": kept.table, "side": kept.side, "kind": kept.kind,
                "reason": kept.reason, "record": record,
            });
            return print_json_line(&line);
        }
        let facts = [
            ("reject", key.as_str()),
            ("time", kept.time),
            ("route", kept.route),
            ("table", kept.table),
            ("kind", &kept.kind),
            ("reason", &kept.reason),
        ];
        let lines: String = facts.iter().map(|(name, value)| format!("{name:<8}{}\n", tame(value))).collect();
        Ok(print(&format!("{lines}{}\n\n", tame(kept.record.get())))?)
    })?;
    match found.iter().position(|found| !found) {
        None => Ok(Exit::Done),
        Some(place) => {
            let wanted = &arguments.rejects[place];
            Err(UsageError(format!("no reject `{wanted}`; see `ccfd rejects list`")).into())
        }
    }
}
