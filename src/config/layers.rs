//! Layers default.toml, the file, the environment and the flags; later ones override earlier ones.

use std::{fs::File, io::Read, path::Path};

use config::{Map, Source, Value};

use super::{
    ConfigError, ConfigFile, Environment,
    encoding::{is_utf_16, text_of},
    layer::{Layer, value_of_text},
    report::ConfigReport,
};

/// The manual: every key with its default and its reason.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Far larger than any real file; keeps a wrong path (a database, a log) from being read whole.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// More faulty lines than this make another kind of file.
const FAULTY_LINES_MAX: usize = 100;

const WITHOUT_FILE_SINK: &str = r#"
[sink.local]
type = "sqlite"
path = "./ccfd-data/tables.db"
"#;
const WITHOUT_FILE_COLLECTORS: [(&str, &str); 2] = [
    (
        "OPENAI_ADMIN_KEY",
        r#"
[collector.audit-logs]
source = "audit_logs"
api_key = { env = "OPENAI_ADMIN_KEY" }
sinks = ["local"]
"#,
    ),
    (
        "OPENAI_API_KEY",
        r#"
[collector.chat-completions]
source = "chat_completions"
api_key = { env = "OPENAI_API_KEY" }
sinks = ["local"]
"#,
    ),
];

/// All layers as one tree. Problems of single variables and flags are added to the report.
pub(super) fn merge(
    file: Option<&ConfigFile>,
    environment: &Environment,
    flags: &[(String, String)],
    report: &mut ConfigReport,
) -> Result<Map<String, Value>, ConfigError> {
    let below = match file {
        Some(file) => layer_of_file(file)?,
        None => layer_without_file(environment)?,
    };
    let variables = environment.layer(below.tables(), report);
    let defaults = built_in(DEFAULTS)?;
    // Not with the crate's builder, which sets every top-level key a second time, as a path expression.
    Ok(vec![defaults, below, variables, layer_of_flags(flags, report)].collect()?)
}

/// The same, without the lines of the file that are not TOML.
pub(super) fn merge_sound(
    file: Option<&ConfigFile>,
    environment: &Environment,
    report: &mut ConfigReport,
) -> Result<Map<String, Value>, ConfigError> {
    let below = match file {
        Some(file) => sound_layer(file)?,
        None => layer_without_file(environment)?,
    };
    let variables = environment.layer(below.tables(), report);
    Ok(vec![built_in(DEFAULTS)?, below, variables].collect()?)
}

/// default.toml alone.
pub(super) fn defaults() -> Result<Map<String, Value>, ConfigError> {
    Ok(vec![built_in(DEFAULTS)?].collect()?)
}

/// A faulty line seldom spoils the next one, so it is left out, and the rest is read again.
fn sound_layer(found: &ConfigFile) -> Result<Layer, ConfigError> {
    let (path, mut text) = (found.path(), text_of_file(found)?);
    let origin = format!("in {}", path.display());
    for _ in 0..FAULTY_LINES_MAX {
        let error = match Layer::of_toml(&text, &origin) {
            Ok(layer) => return Ok(layer),
            Err(error) => error,
        };
        let Some(start) = error.span().map(|span| span.start.min(text.len())) else { break };
        let Some((before, _)) = text.split_at_checked(start) else { break };
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        // Without it the state directory would be guessed.
        if text[begin..end].contains("dir") || text[begin..end].contains("state") {
            break;
        }
        // A comment instead of nothing, so that the numbers of the lines remain.
        text.replace_range(begin..end, "#");
    }
    Layer::of_toml(&text, &origin).map_err(|error| syntax(path, &text, &error))
}

fn layer_of_file(found: &ConfigFile) -> Result<Layer, ConfigError> {
    let (path, text) = (found.path(), text_of_file(found)?);
    Layer::of_toml(&text, &format!("in {}", path.display())).map_err(|error| syntax(path, &text, &error))
}

fn text_of_file(found: &ConfigFile) -> Result<String, ConfigError> {
    let path = found.path();
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    found.check(&file.metadata().map_err(unreadable)?)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(std::io::Error::other("larger than 1 MiB: not a configuration file")));
    }
    let other = || ConfigError::Encoding { path: path.to_owned(), utf_16: is_utf_16(&bytes) };
    text_of(&bytes).map(str::to_owned).ok_or_else(other)
}

fn layer_without_file(environment: &Environment) -> Result<Layer, ConfigError> {
    let mut text = WITHOUT_FILE_SINK.to_owned();
    text.extend(
        WITHOUT_FILE_COLLECTORS.iter().filter(|(key, _)| environment.holds(key)).map(|(_, toml)| *toml),
    );
    built_in(&text)
}

fn built_in(text: &str) -> Result<Layer, ConfigError> {
    Layer::of_toml(text, "in the built-in defaults")
        .map_err(|error| syntax(Path::new("default.toml"), text, &error))
}

fn layer_of_flags(flags: &[(String, String)], report: &mut ConfigReport) -> Layer {
    let mut layer = Layer::default();
    for (path, text) in flags {
        let keys: Vec<String> = path.split('.').map(String::from).collect();
        if !layer.insert(&keys, value_of_text(text, "on the command line")) {
            report.problem(format!("`{path}` is given twice on the command line"));
        }
    }
    layer
}

/// The display form of a TOML error quotes the line, which may contain a key: only the position and the
/// reason are kept.
fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    ConfigError::Syntax {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        reason: error.message().lines().next().unwrap_or("not TOML").to_owned(),
    }
}
