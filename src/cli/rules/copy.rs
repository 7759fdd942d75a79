//! `ccfd rules copy`

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;

use crate::{
    cli::{
        UsageError,
        exit::Exit,
        text::{counted, say},
    },
    detect::rules::builtin_files,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Where to; created if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    // Looked at first, so that nothing is half written.
    if let Some((name, _)) = builtin_files().find(|(name, _)| directory.join(name).exists()) {
        let path = directory.join(name);
        return Err(UsageError(format!("{} exists: nothing is overwritten", path.display())).into());
    }
    let mut files = 0;
    for (name, text) in builtin_files() {
        let path = directory.join(name);
        let opened = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| path.display().to_string())?;
        files += 1;
    }
    let directory = directory.display();
    say(format_args!(
        "{} in {directory}; use them by `rules = [\"{directory}\"]` in the section of the sink, or keep only those that you \
         change there, and `rules = [\"builtin\", \"{directory}\"]`: a file replaces the built-in one of its name",
        counted(files, "file")
    ));
    Ok(Exit::Done)
}
