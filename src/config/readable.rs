//! What can be read of a configuration that has errors: enough to find a daemon, its state and its databases.

use config::{Map, Value};

use super::{Config, ConfigError, ConfigFile, Environment, NOTHING_TO_DO, layers, report::ConfigReport};
use crate::tables::Tables;

/// Sections that a command which only reads can do without, when they have errors.
const DISPENSABLE: [&str; 8] =
    ["log", "admin", "telemetry", "pipeline", "health_table", "connectors", "connector", "collector"];

/// As much of a configuration as can be read.
#[derive(Debug)]
pub struct Readable {
    /// What can be read of it.
    pub config: Config,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// What is wrong with the rest. That there is nothing to collect is no error for a command that only reads.
    pub error: Option<ConfigError>,
}

impl Config {
    /// Loads as much as can be read, for commands that change nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or so little of it that the state directory would be guessed.
    pub fn load_readable(
        file: Option<&ConfigFile>,
        environment: &Environment,
    ) -> Result<Readable, ConfigError> {
        let error = match Self::load_found(file, environment, &[]) {
            Ok(config) => return Ok(Readable { config, is_whole: true, error: None }),
            Err(error @ (ConfigError::Invalid(_) | ConfigError::Syntax { .. })) => error,
            Err(error) => return Err(error),
        };
        let base = file.and_then(ConfigFile::base);
        let mut scratch = ConfigReport::default();
        let Ok(mut merged) = layers::merge_sound(file, environment, &mut scratch) else { return Err(error) };
        let read = |merged: &Map<String, Value>| {
            let mut report = ConfigReport { base: base.clone(), ..ConfigReport::default() };
            Self::read(merged, &Tables::built_in(), &mut report)
        };
        let config = read(&merged).or_else(|| {
            for section in DISPENSABLE {
                merged.remove(section);
            }
            let defaults = layers::defaults().ok()?;
            merged.extend(DISPENSABLE.iter().filter_map(|section| {
                defaults.get(*section).map(|value| ((*section).to_owned(), value.clone()))
            }));
            read(&merged)
        });
        let Some(config) = config else { return Err(error) };
        let is_idle = matches!(&error, ConfigError::Invalid(problems) if problems == &[NOTHING_TO_DO]);
        Ok(Readable { config, is_whole: false, error: (!is_idle).then_some(error) })
    }
}
