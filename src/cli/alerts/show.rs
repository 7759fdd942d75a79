//! `ccfd alerts show`

use clap::Args;
use serde::Serialize;

use super::{
    database,
    list::{group, remarks},
};
use crate::{
    cli::{
        UsageError,
        exit::Exit,
        text::{counted, grouped, print, print_json_line, tame, wrap},
    },
    config::Config,
    detect::model::FLOODING,
    detect_db::{AdviceRow, Alert, VerdictError},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// As shown by `list`; the beginning is enough
    #[arg(value_name = "ALERT")]
    alert: String,
    /// Print one JSON object on one line
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(db) = database(config)? else {
        return Err(refused(VerdictError::Unknown(arguments.alert.clone())));
    };
    let alert = db.alert_named(&arguments.alert).map_err(refused)?;
    let advice = db.advice(&alert.id)?;
    match arguments.json {
        true => print_json_line(&AdvisedAlert { alert: &alert, advice: &advice })?,
        false => print(&(text(&alert) + &advised(&advice)))?,
    }
    Ok(Exit::Done)
}

/// An alert, and what models said of it.
#[derive(Serialize)]
struct AdvisedAlert<'a> {
    #[serde(flatten)]
    alert: &'a Alert,
    advice: &'a [AdviceRow],
}

/// What models said, for people. A record may have steered it.
fn advised(advice: &[AdviceRow]) -> String {
    let mut lines = String::new();
    for one in advice {
        let model = one.model.as_deref().unwrap_or("a model");
        let AdviceRow { action, at, connector, verdict, confidence, .. } = one;
        let heading = format!(
            "advice of {model} by connector {connector} (action {action}, {at}): {verdict}, confidence {confidence:.2}"
        );
        lines += &format!("\n{}\n", tame(&heading));
        lines +=
            "A model wrote this, and what it read may have been written to steer it. It changed nothing.\n";
        lines += &wrap("  ", &tame(&one.summary));
        for record in &one.evidence {
            lines += &format!("  see {}\n", tame(record));
        }
    }
    lines
}

/// An error of the command line, where it is one.
pub(in crate::cli) fn refused(error: VerdictError) -> anyhow::Error {
    match error {
        VerdictError::Unknown(_) => UsageError(format!("{error}; see `ccfd alerts list`")).into(),
        VerdictError::Ambiguous(_) | VerdictError::Settled(_) => UsageError(error.to_string()).into(),
        VerdictError::Database(error) => error.into(),
    }
}

/// Everything that is known of an alert, for people.
fn text(alert: &Alert) -> String {
    let when = match alert.first_event_at == alert.last_event_at {
        true => alert.last_event_at.clone(),
        false => format!("{} to {}", alert.first_event_at, alert.last_event_at),
    };
    let group = if alert.group.is_empty() { String::new() } else { group(alert) };
    let what = if alert.rule == FLOODING { "alert" } else { "record" };
    let known = [
        ("alert", alert.id.clone()),
        ("rule", format!("{} ({})", alert.rule, alert.title)),
        ("level", alert.level.clone()),
        ("status", status(alert)),
        ("events", format!("{}, {when}", counted(alert.event_count, what))),
        ("group", group),
        ("remarks", remarks(alert)),
        ("raised", format!("{}, changed {}", alert.created_at, alert.changed_at)),
        ("notified", notified(alert)),
        ("merged into", alert.merged_into.clone().unwrap_or_default()),
        ("note", alert.note.clone().unwrap_or_default()),
        ("tags", alert.tags.join(", ")),
        ("tables", alert.tables.join(", ")),
        ("collectors", alert.connectors.join(", ")),
    ];
    let mut lines: String = known
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<13}{}\n", tame(value)))
        .collect();
    lines += "\n";
    for (heading, texts) in [
        ("", std::slice::from_ref(&alert.description)),
        ("wrong when", &alert.falsepositives),
        ("see", &alert.references),
    ] {
        for text in texts.iter().filter(|text| !text.is_empty()) {
            let heading = if heading.is_empty() { String::new() } else { format!("{heading}: ") };
            lines += &wrap("", &tame(&format!("{heading}{text}")));
        }
    }
    lines += "\n";
    for (field, values) in &alert.shown {
        let values: Vec<String> = values.iter().map(|value| tame(value)).collect();
        lines += &format!("{}: {}\n", tame(field), values.join(" | "));
    }
    lines += "\n";
    for record in &alert.record_ids {
        lines += &format!("{}\n", tame(record));
    }
    let named = alert.record_ids.len() as u64;
    if alert.event_count > named && named > 0 {
        lines += &format!("and {} more\n", grouped(alert.event_count - named));
    }
    lines
}

fn status(alert: &Alert) -> String {
    let mut status = alert.status.word().to_owned();
    if let Some(disposition) = &alert.disposition {
        status += &format!(" as {disposition}");
    }
    if let (Some(by), Some(at)) = (&alert.judged_by, &alert.judged_at) {
        status += &format!(" by {by} at {at}");
    }
    status
}

fn notified(alert: &Alert) -> String {
    let notified = match (&alert.notify_reason, alert.notify) {
        (Some(reason), _) => format!("no: {reason}"),
        (None, notify) => if notify { "yes" } else { "no" }.to_owned(),
    };
    match alert.suppressed_count {
        0 => notified,
        count => format!("{notified}, and {count} more alerts since notified nobody"),
    }
}
