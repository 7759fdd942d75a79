//! `ccfd deploy`: the resources that a destination needs, as files to apply there.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use super::{UsageError, exit::Exit, text};
use crate::{
    deploy::{
        DeployFile,
        elastic::{self, Retention},
        sentinel,
    },
    tables::Tables,
};

const DAY_SECONDS: u64 = 86_400;
/// A hundred years.
const DAYS_MAX: u32 = 36_525;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the files for a destination: tables, rules and functions, or templates and roles
    Render(Render),
}

#[derive(Debug, Args)]
struct Render {
    target: DeployTarget,
    /// Directory to write to [default: ./deploy/TARGET]
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Overwrite existing files that differ
    #[arg(long)]
    force: bool,
    /// How long data streams with a lifecycle keep documents: days such as 90d or 2y, or forever [default: 365d]
    #[arg(long, value_name = "AGE")]
    retention: Option<Keep>,
}

/// A retention as it is written on the command line.
#[derive(Debug, Clone, Copy)]
struct Keep(Retention);

impl FromStr for Keep {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "forever" {
            return Ok(Self(Retention::Forever));
        }
        let age = humantime::parse_duration(text).map_err(|_| "expected days such as 90d, or forever")?;
        let days = u32::try_from(age.as_secs() / DAY_SECONDS).unwrap_or(u32::MAX);
        if (1..=DAYS_MAX).contains(&days) {
            Ok(Self(Retention::Days(days)))
        } else {
            Err("expected 1d to 100y, or forever")
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeployTarget {
    /// Azure Monitor and Microsoft Sentinel: Bicep, ARM templates, KQL functions
    Sentinel,
    /// Elasticsearch and OpenSearch: index templates, lifecycles, a pipeline, roles
    Elastic,
}

impl Render {
    fn files(&self) -> Result<(&'static str, Vec<DeployFile>), UsageError> {
        match (self.target, self.retention) {
            (DeployTarget::Sentinel, None) => Ok(("./deploy/sentinel", sentinel::files(&Tables::built_in()))),
            (DeployTarget::Sentinel, Some(_)) => {
                let why = "--retention applies to elastic; for Sentinel set the deployment parameter \
                           retentionInDays";
                Err(UsageError(why.to_owned()))
            }
            (DeployTarget::Elastic, retention) => {
                let retention = retention.map_or_else(Retention::default, |Keep(retention)| retention);
                Ok(("./deploy/elastic", elastic::files(&Tables::built_in(), retention)))
            }
        }
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let What::Render(render) = &arguments.what;
    let (default, files) = render.files()?;
    let dir = render.dir.clone().unwrap_or_else(|| PathBuf::from(default));
    let mut found = Vec::with_capacity(files.len());
    for file in &files {
        let path = dir.join(&file.path);
        found.push((FileState::of(&path, file)?, path, file));
    }
    let differing: Vec<String> = found
        .iter()
        .filter(|(state, ..)| *state == FileState::Differs)
        .map(|(_, path, _)| format!("\n  {}", path.display()))
        .collect();
    if !differing.is_empty() && !render.force {
        let text = format!(
            "nothing was written: these files exist and differ; --force overwrites them, --dir D writes \
             elsewhere:{}",
            differing.concat()
        );
        return Err(UsageError(text).into());
    }
    for (state, path, file) in &found {
        let word = match state {
            FileState::Equal => "unchanged",
            FileState::Missing => write(path, file, "written")?,
            FileState::Differs => write(path, file, "overwritten")?,
        };
        text::print(&format!("{word:<12}{}\n", path.display()))?;
    }
    text::say(format_args!("next: {}", render.target.next_step(&dir)));
    Ok(Exit::Done)
}

impl DeployTarget {
    /// What to do with the files.
    fn next_step(self, dir: &Path) -> String {
        let dir = dir.display();
        match self {
            Self::Sentinel => format!(
                "az deployment group create --resource-group GROUP --template-file {dir}/table/main.bicep \
                 --parameters workspaceName=WORKSPACE principalId=PRINCIPAL; its outputs are the settings of the sink"
            ),
            Self::Elastic => {
                "`ccfd check --install` installs the index templates of the configured sink; apply \
                              the files for lifecycles and roles"
                    .to_owned()
            }
        }
    }
}

/// What exists at the path of a file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileState {
    Missing,
    Equal,
    Differs,
}

impl FileState {
    fn of(path: &Path, file: &DeployFile) -> anyhow::Result<Self> {
        match fs::read(path) {
            Ok(content) if content == file.content.as_bytes() => Ok(Self::Equal),
            Ok(_) => Ok(Self::Differs),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::Missing),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }
}

/// Writes a file and its parent directories; returns `word`.
fn write(path: &Path, file: &DeployFile, word: &'static str) -> anyhow::Result<&'static str> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    fs::write(path, &file.content).with_context(|| path.display().to_string())?;
    Ok(word)
}
