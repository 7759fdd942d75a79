//! The collector that a command is about: as a word of its own, or behind `--collector`.

use clap::Args;

use super::UsageError;
use crate::config::Config;

/// Either of the two forms, in every command that is about one collector.
#[derive(Debug, Args)]
pub struct CollectorArgument {
    /// The collector
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The collector, as a flag
    #[arg(id = "by_flag", long = "collector", value_name = "NAME", conflicts_with = "name")]
    by_flag: Option<String>,
}

impl CollectorArgument {
    /// Its name. `order` is the word of the command, for the error where none is given, or that of a route.
    pub fn of(&self, order: &str, config: &Config) -> Result<&str, UsageError> {
        let Some(name) = self.name.as_deref().or(self.by_flag.as_deref()) else {
            let names = config.collectors.keys().cloned().collect::<Vec<_>>().join(" or ");
            return Err(UsageError(format!("{order} takes a collector: {names}")));
        };
        match name.split_once('/') {
            None => Ok(name),
            Some((collector, _)) => Err(UsageError(format!(
                "{order} takes a collector: {collector} (`{name}` is one of its routes)"
            ))),
        }
    }
}
