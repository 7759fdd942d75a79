//! `ccfd cases attach`

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{ByPerson, CasesPlace, refused, say_case, stamp};
use crate::{
    cases::{
        AttachedRule, FILE_BYTES_MAX, FileToAttach,
        action::{CaseAlert, CaseRule},
    },
    cli::{UsageError, alerts::no_alert, exit::Exit},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Its number, or the beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Alerts as shown by `ccfd alerts list`; the beginning is enough
    #[arg(value_name = "ALERT", required_unless_present = "file")]
    alerts: Vec<String>,
    /// A file to keep with the case
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    by: ByPerson,
}

pub(super) fn run(place: &CasesPlace<'_>, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut db = place.database_with(&arguments.case)?;
    let person = place.person(&arguments.by);
    let id = db.cases(place.space).named(&arguments.case).map_err(refused)?.id;
    let content = arguments.file.as_deref().map(content).transpose()?;
    let mut alerts = Vec::new();
    for name in &arguments.alerts {
        alerts.push(db.alert_named(name).map_err(no_alert)?);
    }
    let mut cases = db.cases(place.space);
    let before = cases.get(&id).map_err(refused)?.total_alerts;
    let mut last = None;
    for alert in &alerts {
        let rule = CaseRule::of(alert);
        let rule = AttachedRule { id: Some(rule.id), name: Some(rule.name) };
        let new = CaseAlert::of(alert).to_attach();
        last = Some(cases.attach_alerts(&id, &[new], &rule, stamp(&person)).map_err(refused)?);
    }
    if let (Some(path), Some(content)) = (&arguments.file, &content) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = FileToAttach { name: &name, mime: None, content };
        last = Some(cases.attach_file(&id, file, stamp(&person)).map_err(refused)?);
    }
    if let Some(case) = last {
        let new = case.total_alerts - before;
        let file = if content.is_some() { " and a file" } else { "" };
        say_case(&case, &format!("{new} new alerts{file} attached"));
    }
    Ok(Exit::Done)
}

/// What is in a file that may be attached.
fn content(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = || format!("cannot read {}", path.display());
    let mut content = Vec::new();
    let file = File::open(path).with_context(shown)?;
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut content).with_context(shown)?;
    if content.len() > FILE_BYTES_MAX {
        return Err(
            UsageError(format!("{} is too large: at most {FILE_BYTES_MAX} bytes", path.display())).into()
        );
    }
    Ok(content)
}
