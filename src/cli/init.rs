//! `ccfd init`: writes a commented configuration file from answers to a few questions, and a service unit if wanted.

mod questions;
mod render;

use std::{
    fs,
    io::{IsTerminal, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use questions::Answers;

use super::{
    Context, UsageError,
    exit::Exit,
    text::{print, say},
};
use crate::config::{Config, Environment};

/// The unit of the package, with another program and another file.
const UNIT: &str = include_str!("../../deploy/systemd/ccfd.service");
const UNIT_FILE: &str = "ccfd.service";
/// What the unit runs, and with which file.
const UNIT_COMMAND: &str = "ccfd --config /etc/ccfd/ccfd.toml";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ccfd init\n  ccfd init --source audit_logs --admin-key file:/etc/ccfd/admin-key \
                        --sink elasticsearch --set urls=https://es.example.com:9200\n\n\
                        A place of a key is env:NAME, file:/path or credential:NAME (of systemd). The key itself is never written."
)]
pub struct Arguments {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "ccfd.toml")]
    file: PathBuf,
    /// A list to collect: audit_logs or chat_completions; may be given twice
    #[arg(long = "source", value_name = "LIST")]
    sources: Vec<String>,
    /// Where the admin key for audit logs is kept [default: env:OPENAI_ADMIN_KEY]
    #[arg(long, value_name = "PLACE")]
    admin_key: Option<String>,
    /// Where the project key for chat completions is kept [default: env:OPENAI_API_KEY]
    #[arg(long, value_name = "PLACE")]
    project_key: Option<String>,
    /// Where the first run begins: a look-back such as 7d, all, or a time [default: 7d]
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Type of the sink [default: sqlite]
    #[arg(long, value_name = "TYPE")]
    sink: Option<String>,
    // Not a doc comment: rustdoc would want the address to be a link.
    #[arg(
        long = "set",
        value_name = "KEY=VALUE",
        help = "A setting of the sink, such as urls=https://es.example.com:9200; may be given several times"
    )]
    set: Vec<String>,
    /// Also write ccfd.service beside the file, with places below /var/lib/ccfd and keys as credentials
    #[arg(long)]
    service: bool,
    /// Ask nothing: use the default of everything that no flag gives
    #[arg(long)]
    yes: bool,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let unit = arguments.service.then(|| arguments.file.with_file_name(UNIT_FILE));
    if !arguments.force {
        for file in [Some(&arguments.file), unit.as_ref()].into_iter().flatten() {
            if file.exists() {
                let text =
                    format!("{} exists; name another file, or overwrite it with --force", file.display());
                return Err(UsageError(text).into());
            }
        }
    }
    let asks = !arguments.yes && std::io::stdin().is_terminal();
    let answers = Answers::collect(arguments, asks)?;
    let text = render::toml(&answers);
    write_valid(&arguments.file, &text, &context.environment)?;
    let file = fs::canonicalize(&arguments.file).unwrap_or_else(|_| arguments.file.clone());
    print(&format!("written     {}\n", file.display()))?;
    let mut steps = answers.steps(&file);
    if let Some(path) = unit {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("ccfd"));
        let command = format!("{} --config {}", program.display(), file.display());
        fs::write(&path, UNIT.replace(UNIT_COMMAND, &command)).with_context(|| path.display().to_string())?;
        print(&format!("written     {}\n", path.display()))?;
        steps = answers.service_steps(&file, &path);
    }
    say(format_args!("next steps:\n{}", steps.iter().map(|step| format!("  {step}\n")).collect::<String>()));
    Ok(Exit::Done)
}

/// Writes the file if what it says is valid: a wrong answer must not leave a file that no command loads.
fn write_valid(path: &Path, text: &str, environment: &Environment) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir).with_context(place)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).with_context(place)?;
    file.write_all(text.as_bytes()).with_context(place)?;
    if let Err(error) = Config::load(Some(file.path()), environment, &[]) {
        let reasons = error.to_string().replace(&file.path().display().to_string(), "the new file");
        return Err(UsageError(format!(
            "nothing was written, because these answers are not valid: {reasons}"
        ))
        .into());
    }
    file.persist(path).map_err(|error| error.error).with_context(place)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_the_package_runs_the_command_that_is_replaced() {
        assert_eq!(UNIT.matches(UNIT_COMMAND).count(), 2, "ExecStart and ExecReload");
    }
}
