//! `ccfd alerts ack` and `ccfd alerts close`

use clap::{Args, ValueEnum};
use collectors::Clock;

use super::{database, show::refused};
use crate::{
    cli::{
        Context,
        exit::Exit,
        person::person,
        text::{say, tame},
    },
    config::Config,
    detect_db::{Disposition, VerdictError},
};

#[derive(Debug, Args)]
pub struct AckArguments {
    #[command(flatten)]
    judged: JudgedAlerts,
}

#[derive(Debug, Args)]
pub struct CloseArguments {
    #[command(flatten)]
    judged: JudgedAlerts,
    /// Whether the rule was right
    #[arg(long = "as", value_enum, value_name = "VERDICT")]
    verdict: VerdictWord,
}

/// The alerts, and who says so.
#[derive(Debug, Args)]
struct JudgedAlerts {
    /// As shown by `list`; the beginning is enough
    #[arg(value_name = "ALERT", required = true)]
    alerts: Vec<String>,
    /// Who says so [default: the user of the process]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// A remark to keep with the alert
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum VerdictWord {
    /// It was right, and something had to be done
    TruePositive,
    /// It was wrong
    FalsePositive,
    /// It was right, and nothing had to be done
    Benign,
}

impl VerdictWord {
    /// The verdict.
    pub(in crate::cli) fn disposition(self) -> Disposition {
        match self {
            Self::TruePositive => Disposition::TruePositive,
            Self::FalsePositive => Disposition::FalsePositive,
            Self::Benign => Disposition::Benign,
        }
    }
}

pub fn ack(config: &Config, context: &Context, arguments: &AckArguments) -> anyhow::Result<Exit> {
    judge(config, context, &arguments.judged, None)
}

pub fn close(config: &Config, context: &Context, arguments: &CloseArguments) -> anyhow::Result<Exit> {
    judge(config, context, &arguments.judged, Some(arguments.verdict.disposition()))
}

fn judge(
    config: &Config,
    context: &Context,
    judged: &JudgedAlerts,
    verdict: Option<Disposition>,
) -> anyhow::Result<Exit> {
    let by = judged.by.clone().unwrap_or_else(|| person(&context.environment));
    let mut db = database(config)?;
    // All are looked for first: nothing is judged where one of them is misspelt.
    for alert in db.iter().flat_map(|db| judged.alerts.iter().map(move |alert| db.alert_named(alert))) {
        alert.map_err(refused)?;
    }
    for alert in &judged.alerts {
        let done = match &mut db {
            Some(db) => db.judge_alert(alert, verdict, &by, judged.note.as_deref(), Clock::system().now()),
            None => Err(VerdictError::Unknown(alert.clone())),
        };
        let alert = done.map_err(refused)?;
        let verdict = alert.disposition.map(|verdict| format!(" as {verdict}")).unwrap_or_default();
        say(format_args!("{} ({}): {}{verdict}", tame(&alert.id), tame(&alert.rule), alert.status.word()));
    }
    Ok(Exit::Done)
}
