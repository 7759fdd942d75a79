//! `[cases]`: whether the space whose cases are sent is there, and whether Kibana shows cases to the key.

use super::{CheckFinding, actions::spaces, probe::LOOK_MAX};
use crate::{
    config::KibanaCasesSettings,
    daemon::{assembly::Assembly, cases},
    pipeline::policy::Failure,
    sinks::SinkError,
};

pub(super) async fn all(assembly: &Assembly) -> Vec<CheckFinding> {
    space(assembly).into_iter().chain(lag(assembly)).chain(target(assembly).await).collect()
}

/// A warning if it is shorter than a request may take.
fn lag(assembly: &Assembly) -> Option<CheckFinding> {
    let timeout = cases::believes_searches_before(&assembly.config)?;
    let KibanaCasesSettings { sink, search_lag, .. } = assembly.config.cases.as_ref()?;
    let text = format!(
        "`search_lag` ({}) is shorter than the `timeout` of sink `{sink}` ({}): a case that arrives late may be created twice",
        humantime::format_duration(*search_lag),
        humantime::format_duration(timeout),
    );
    Some(CheckFinding::warn(
        "cases",
        text,
        "make `search_lag` of [cases] longer, or `timeout` of the sink shorter",
    ))
}

/// A failure if it is not.
fn space(assembly: &Assembly) -> Option<CheckFinding> {
    let space = &assembly.config.cases.as_ref()?.space;
    let known = spaces(assembly)?;
    if known.contains(space) {
        return None;
    }
    let text = format!("there is no space {space}; known are {}", known.join(", "));
    Some(CheckFinding::fail("cases", text, Some("correct `space` of [cases]")))
}

/// Whether the key has the privilege to read cases; that it may create them shows only when it does.
async fn target(assembly: &Assembly) -> Option<CheckFinding> {
    let sink = &assembly.config.cases.as_ref()?.sink;
    let looked = tokio::time::timeout(LOOK_MAX, cases::look(assembly)).await;
    Some(match looked {
        Ok(found) => match found? {
            Ok(text) => CheckFinding::ok("cases", text),
            Err(error) => CheckFinding::of("cases", &Failure::Sink(SinkError::from(error))),
        },
        Err(_) => CheckFinding::of("cases", &Failure::Sink(SinkError::Busy { path: sink.clone() })),
    })
}
