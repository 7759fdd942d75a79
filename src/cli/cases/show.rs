//! `ccfd cases show`

use clap::Args;
use serde_json::{Value, json};

use super::{CasesPlace, list::assignees, refused};
use crate::{
    cases::{AttachedAlert, AttachedContent, Case, CaseSending, HistoryFilter, RefusedPart, UserAction},
    cli::{
        exit::Exit,
        text::{lines, print, print_json_line, tame},
    },
};

/// How much of a case's history is shown.
const HISTORY_SHOWN: u32 = 1_000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Its number, or the beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// Also show what was done to it
    #[arg(long)]
    history: bool,
    /// Print one JSON object on one line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(place: &CasesPlace<'_>, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut db = place.database_with(&arguments.case)?;
    let mut cases = db.cases(place.space);
    let id = cases.named(&arguments.case).map_err(refused)?.id;
    let case = cases.get(&id).map_err(refused)?;
    let alerts = cases.alerts(&id).map_err(refused)?;
    let sending = cases.sending(&id).map_err(refused)?;
    let filter = HistoryFilter { page: 1, per_page: HISTORY_SHOWN, ..HistoryFilter::default() };
    let history = match arguments.history {
        true => cases.history(&id, &filter).map_err(refused)?.actions,
        false => Vec::new(),
    };
    if arguments.json {
        let mut shown = json!(case);
        shown["alerts"] = json!(alerts);
        if let Some(sending) = &sending {
            shown["kibana"] = json!(sending);
        }
        if arguments.history {
            shown["userActions"] = json!(history);
        }
        print_json_line(&shown)?;
    } else {
        print(&text(&case, &alerts, sending.as_ref(), &history))?;
    }
    Ok(Exit::Done)
}

fn text(
    case: &Case,
    alerts: &[AttachedAlert],
    sending: Option<&CaseSending>,
    history: &[UserAction],
) -> String {
    let by = |at: &Option<String>, who: Option<&String>| match (at, who) {
        (Some(at), Some(who)) => format!("{at} by {who}"),
        (Some(at), None) => at.clone(),
        (None, _) => String::new(),
    };
    let status = match &case.disposition {
        Some(disposition) => format!("{} as {disposition}", case.status.word()),
        None => case.status.word().to_owned(),
    };
    let closed_by = case.closed_by.as_ref().map(|who| &who.username);
    let updated_by = case.updated_by.as_ref().map(|who| &who.username);
    let known = [
        ("case", format!("#{} {}", case.number, case.title)),
        ("id", case.id.clone()),
        ("status", status),
        ("severity", case.severity.word().to_owned()),
        ("owner", case.owner.word().to_owned()),
        ("category", case.category.clone().unwrap_or_default()),
        ("assigned to", assignees(case)),
        ("tags", case.tags.join(", ")),
        ("created", format!("{} by {}", case.created_at, case.created_by.username)),
        ("changed", by(&case.updated_at, updated_by)),
        ("closed", by(&case.closed_at, closed_by)),
        ("alerts", if case.settings.sync_alerts { "follow the case" } else { "" }.to_owned()),
        ("in Kibana", sending.map(in_kibana).unwrap_or_default()),
        ("sent to", case.external_service.as_ref().map(Value::to_string).unwrap_or_default()),
    ];
    let mut shown: String = known
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<13}{}\n", tame(value)))
        .collect();
    for part in sending.iter().flat_map(|sending| &sending.refused_parts) {
        shown += &format!("{:<13}{}\n", "  refused", tame(&one_refused(part)));
    }
    shown += "\n";
    shown += &indented(&case.description);
    for attachment in case.comments.iter().flatten() {
        let who = format!("{} by {}", attachment.created_at, attachment.created_by.username);
        match &attachment.content {
            AttachedContent::Comment { comment } => {
                shown += &format!("\ncomment {}\n{}", tame(&who), indented(comment));
            }
            AttachedContent::File { id, about, .. } => {
                let name = about["files"][0]["name"].as_str().unwrap_or_default();
                shown += &format!("\nfile {}\n  {} ({})\n", tame(&who), tame(name), tame(id));
            }
            AttachedContent::Alerts { ids, rule, .. } => {
                let rule = rule.name.as_deref().unwrap_or("(no rule)");
                shown += &format!("\nalerts of {} {}\n", tame(rule), tame(&who));
                for alert in alerts.iter().filter(|alert| ids.contains(&alert.id)) {
                    shown += &format!("  {}\n", tame(&one_alert(alert)));
                }
            }
        }
    }
    if !history.is_empty() {
        shown += "\n";
    }
    for action in history {
        let what = format!(
            "{} {}: {} {} {}",
            action.created_at, action.created_by.username, action.action, action.kind, action.payload
        );
        shown += &format!("{}\n", tame(&what));
    }
    shown
}

/// What became of sending a case to Kibana. The answer may quote others.
fn in_kibana(sending: &CaseSending) -> String {
    let text = match (sending.state.as_str(), &sending.answer) {
        ("done", Some(answer)) => answer.clone(),
        ("done", None) => "not sent: it was closed before".to_owned(),
        (state, Some(answer)) => format!("{state}: {answer}"),
        (state, None) => state.to_owned(),
    };
    match sending.refused {
        0 => text,
        count => format!("{text} (Kibana has refused {count} of its parts)"),
    }
}

/// What of a case was refused, and why. The answer may quote others.
fn one_refused(part: &RefusedPart) -> String {
    let name = match part.part.split_once(':') {
        Some(("alert", id)) => format!("alert {id}"),
        Some(("ccfd", id)) => format!("comment {id}"),
        Some(_) | None => part.part.clone(),
    };
    format!("{name}: {}", part.why)
}

/// An alert, as it was when it was attached.
fn one_alert(alert: &AttachedAlert) -> String {
    let text = |name: &str| alert.summary[name].as_str().unwrap_or_default();
    if alert.summary.is_null() {
        return format!("{} in {}", alert.id, alert.index);
    }
    let group: Vec<&str> = alert.summary["group"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_str())
        .collect();
    let records = alert.summary["event_count"].as_u64().unwrap_or_default();
    format!(
        "{} {} {} {}, {} records to {}",
        alert.id,
        text("level"),
        text("rule"),
        group.join(", "),
        records,
        text("last_event_at")
    )
}

/// A text of somebody else, each line of it set in: it cannot look like what surrounds it.
fn indented(text: &str) -> String {
    lines(text).lines().map(|line| format!("  {line}\n")).collect()
}
