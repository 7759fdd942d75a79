//! `ccfd config show`: the settings in effect, each with the place that sets it.

use clap::{Args, Subcommand};

use super::{
    Context,
    exit::Exit,
    text::{print, print_json},
};
use crate::config::{EffectiveSection, effective, find_file};

/// From this column on the origins are written, unless a setting is longer.
const ORIGIN_COLUMN: usize = 52;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every setting with its value and the place that sets it
    Show {
        /// Only those that somebody set
        #[arg(long)]
        changed: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Command::Show { changed, json } = arguments.command;
    let file = find_file(context.file.as_deref(), &context.environment)?;
    let mut sections = effective(file.as_ref(), &context.environment)?;
    if changed {
        for section in &mut sections {
            section.settings.retain(|setting| !setting.is_default());
        }
        sections.retain(|section| !section.settings.is_empty());
    }
    if json {
        print_json(&sections)?;
    } else {
        let from = file
            .as_ref()
            .map_or("no configuration file".to_owned(), |file| file.path().display().to_string());
        print(&format!("# {from}\n{}", toml(&sections)))?;
    }
    // What is wrong with them is reported last, where it is seen.
    context.config()?;
    Ok(Exit::Done)
}

fn toml(sections: &[EffectiveSection]) -> String {
    let mut text = String::new();
    for section in sections {
        text += &format!("\n[{}]\n", section.section);
        for setting in &section.settings {
            let assignment = format!("{} = {}", setting.key, setting.value);
            text += &format!("{assignment:<ORIGIN_COLUMN$}  # {}\n", setting.origin);
        }
    }
    text
}
