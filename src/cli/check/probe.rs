//! The checks: keys, upstream, sinks, state. Each has a timeout, and those that wait for others run
//! concurrently.

use std::{sync::Arc, time::Duration};

use collectors::{AskMessages, Client, CollectError, CollectErrorKind};
use futures::future::join_all;
use state::{Opened, StateError, Store, StoreOptions};

use super::CheckFinding;
use crate::{
    cli::{
        disk_usage::{dir_bytes, free_near},
        state_access::LOCK_WAIT,
        text::{counted, size, span},
    },
    config::CollectorSettings,
    daemon::assembly::Assembly,
    pipeline::{
        names::REJECTS_DIR,
        policy::{Failure, Meaning, advice, meaning},
    },
    reasons::with_reasons,
    redact::{Path, RuleAction},
    sinks::{Looked, Sink, SinkError},
    tables::{MESSAGES, Table, format_utc},
};

/// Timeout of one check.
pub(super) const LOOK_MAX: Duration = Duration::from_secs(30);
/// A difference between the clocks that is reported, in seconds.
const CLOCK_DIFFERENCE_MAX: i64 = 60;
/// Free space of the state directory below which a warning is shown, in bytes.
const STATE_FREE_MIN: u64 = 256 << 20;

/// All checks, in the order in which a record passes what they check. With `install`, what the sinks need is
/// created first.
pub(super) async fn all(assembly: &Arc<Assembly>, install: bool) -> Vec<CheckFinding> {
    let (state, in_use) = state(assembly).await;
    let collectors = assembly.config.collectors.iter();
    let redacted = collectors.filter_map(|(name, settings)| redaction(assembly, name, settings));
    let upstream = join_all(
        assembly.config.collectors.iter().map(|(name, settings)| upstream(assembly, name, settings)),
    );
    let sinks = join_all(assembly.config.sinks.keys().map(|name| sink(assembly, name, in_use, install)));
    let (upstream, sinks) = futures::join!(upstream, sinks);
    upstream.into_iter().flatten().chain(redacted).chain(sinks.into_iter().flatten()).chain(state).collect()
}

/// Checks a collector's key and, if it can be read, sends one request to its list.
async fn upstream(assembly: &Assembly, name: &str, settings: &CollectorSettings) -> Vec<CheckFinding> {
    let key = format!("key {name}");
    let client = match assembly.client(settings) {
        Ok(client) => client,
        Err(failure) => return vec![CheckFinding::of(format!("{} {name}", concern(&failure)), &failure)],
    };
    let mut findings = vec![CheckFinding::ok(key, settings.api_key.to_string())];
    let what = format!("upstream {name}");
    let (source, _) = Assembly::source(settings);
    let hello = match tokio::time::timeout(LOOK_MAX, source.hello(&client)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => {
            findings.push(CheckFinding::of(what, &Failure::Collect(error)).at(&settings.base_url));
            return findings;
        }
        Err(_) => {
            findings.push(CheckFinding::of(what, &Failure::Collect(no_answer())).at(&settings.base_url));
            return findings;
        }
    };
    let prompts = messages(&client, name, settings, hello.newest_id.as_deref()).await;
    let owner: Vec<String> = [hello.organization, hello.project].into_iter().flatten().collect();
    let place = [vec![settings.base_url.to_string()], owner].concat().join(", ");
    findings.push(match hello.newest {
        Some(newest) => CheckFinding::ok(&what, format!("{place}: newest record {}", format_utc(newest))),
        None => {
            CheckFinding::warn(&what, format!("{place}: no record ever seen"), settings.source.list.why_empty)
        }
    });
    findings.extend(prompts);
    let difference = client.clock_difference().unwrap_or(0);
    if difference.abs() > CLOCK_DIFFERENCE_MAX {
        let by = span(difference.abs());
        let which = if difference > 0 { "behind" } else { "ahead of" };
        let text = format!("this machine's clock is {by} {which} the server's");
        findings.push(CheckFinding::warn(
            format!("clock {name}"),
            text,
            "set the clock, or start a time service",
        ));
    }
    findings
}

/// The part of a collector that prevents a request.
fn concern(failure: &Failure) -> &'static str {
    match failure {
        Failure::Proxy(_) => "proxy",
        // `ca_file`, or what a header cannot carry: the text names the setting.
        Failure::Collect(CollectError { kind: CollectErrorKind::Settings(_), .. }) => "connection",
        Failure::Collect(_)
        | Failure::Sink(_)
        | Failure::State(_)
        | Failure::Rejects(_)
        | Failure::RefusesAll { .. }
        | Failure::Changed(_)
        | Failure::Clocks(_)
        | Failure::Secret(_)
        | Failure::HashKey(_)
        | Failure::Action(_) => "key",
    }
}

/// If completions are collected with their messages: whether those of the newest one can be read.
async fn messages(
    client: &Client,
    name: &str,
    settings: &CollectorSettings,
    newest: Option<&str>,
) -> Option<CheckFinding> {
    settings.messages?;
    let what = format!("messages {name}");
    let dropped = |path: &Path| path.to_string() == MESSAGES;
    if settings.redact.as_ref().is_some_and(|redact| redact.rules.paths(RuleAction::Drop).any(dropped)) {
        let text = format!("every message is requested, then dropped as {MESSAGES}");
        return Some(CheckFinding::warn(what, text, "set include_messages = false, or drop less"));
    }
    let Some(completion) = newest else {
        return Some(CheckFinding::ok(what, "no completion to test it with"));
    };
    // One message is enough, however long the conversation is.
    let ask = AskMessages { completion, after: None, limit: 1, body_max: usize::MAX };
    let refused = match tokio::time::timeout(LOOK_MAX, client.messages(ask)).await {
        Ok(Ok(_)) => return Some(CheckFinding::ok(what, "those of the newest completion can be read")),
        Ok(Err(error)) => error,
        Err(_) => no_answer(),
    };
    Some(match meaning(&refused.kind) {
        Meaning::OfTheRoute | Meaning::Passing => {
            CheckFinding::of(what, &Failure::Collect(refused)).at(&settings.base_url)
        }
        Meaning::IfListed { missing, .. } => {
            CheckFinding::fail(what, refused.to_string(), Some(advice(&missing)))
        }
        Meaning::OfTheCompletion(missing) => {
            let text = format!("those of the newest completion are missing: {missing}");
            CheckFinding::warn(what, text, advice(&missing))
        }
    })
}

/// The failure of a check that times out.
fn no_answer() -> CollectError {
    CollectErrorKind::Unreachable(format!("no response within {}s", LOOK_MAX.as_secs())).into()
}

/// The redaction of a collector: its paths, and whether its key can be read.
fn redaction(assembly: &Assembly, name: &str, settings: &CollectorSettings) -> Option<CheckFinding> {
    let redact = settings.redact.as_ref()?;
    let what = format!("redact {name}");
    if let Err(failure) = assembly.redaction(settings) {
        return Some(CheckFinding::of(what, &failure));
    }
    let done = [("drops", RuleAction::Drop), ("masks", RuleAction::Mask), ("hashes", RuleAction::Hash)];
    let parts = done.into_iter().filter_map(|(verb, action)| {
        let paths: Vec<String> = redact.rules.paths(action).map(ToString::to_string).collect();
        (!paths.is_empty()).then(|| format!("{verb} {}", paths.join(", ")))
    });
    let key = redact.hash_key.as_ref().map(|place| format!("key from {place}"));
    Some(CheckFinding::ok(what, parts.chain(key).collect::<Vec<_>>().join("; ")))
}

async fn sink(assembly: &Assembly, name: &str, state_in_use: bool, install: bool) -> Vec<CheckFinding> {
    let Some(sink) = assembly.sink(name) else { return Vec::new() };
    let tables = assembly.config.tables_of(name);
    let installed = match install {
        true => put_in_place(name, sink.as_ref(), &tables).await,
        false => None,
    };
    let what = format!("sink {name}");
    let mut findings = Vec::from_iter(installed);
    match within(name, sink.check(&tables)).await {
        Ok(Looked { text, concerns }) => {
            findings.push(CheckFinding::ok(&what, text));
            let warnings = concerns.into_iter().map(|one| CheckFinding::warn(&what, one.text, one.advice));
            findings.extend(warnings);
        }
        Err(SinkError::Busy { path }) if state_in_use => {
            findings.push(CheckFinding::ok(what, format!("{path}: in use, as the state is")));
        }
        Err(error) => findings.push(CheckFinding::of(what, &Failure::Sink(error))),
    }
    findings.extend(read_back(assembly, name, &tables).await);
    findings
}

/// If the daemon verifies: whether it may read what it delivered. A route works without that.
async fn read_back(assembly: &Assembly, name: &str, tables: &[Arc<Table>]) -> Option<CheckFinding> {
    assembly.config.verify.every?;
    let what = format!("verify {name}");
    let advice = "grant the right to read, as docs/verify.md says, or remove `every` of [verify]";
    let rows = match assembly.comparable(assembly.config.sinks.get(name)?) {
        Ok(rows) => rows,
        Err(why) => return Some(CheckFinding::warn(what, format!("not comparable: {why}"), advice)),
    };
    for table in tables {
        if let Err(error) = within(name, rows.readable(table)).await {
            let text = format!("{} cannot be read: {}", table.name, with_reasons(&error));
            return Some(CheckFinding::warn(what, text, advice));
        }
    }
    Some(CheckFinding::ok(what, "what was delivered can be read back"))
}

/// What a sink created; `None` if it has nothing to create.
async fn put_in_place(name: &str, sink: &dyn Sink, tables: &[Arc<Table>]) -> Option<CheckFinding> {
    let what = format!("install {name}");
    match within(name, sink.install(tables)).await {
        Ok(text) => Some(CheckFinding::ok(what, text?)),
        Err(error) => Some(CheckFinding::of(what, &Failure::Sink(error))),
    }
}

/// Limits the time of a check of a sink.
async fn within<T>(name: &str, look: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    let busy = |_| SinkError::Busy { path: name.to_owned() };
    tokio::time::timeout(LOOK_MAX, look).await.map_err(busy)?
}

/// Checks the state directory, and whether another command uses it.
async fn state(assembly: &Assembly) -> (Vec<CheckFinding>, bool) {
    let dir = assembly.config.state.dir.clone();
    let place = dir.display().to_string();
    let options = StoreOptions { lock_wait: LOCK_WAIT, holder: "ccfd check".to_owned() };
    let opened = {
        let dir = dir.clone();
        tokio::task::spawn_blocking(move || Store::open(&dir, options)).await
    };
    let mut in_use = false;
    let mut findings = match opened {
        Ok(Ok(Opened { store, recovery })) => vec![found_store(store, recovery, &place).await],
        Ok(Err(StateError::Locked { holder, .. })) => {
            in_use = true;
            vec![CheckFinding::ok("state", format!("{place}: in use by {holder}"))]
        }
        Ok(Err(error)) => vec![CheckFinding::of("state", &Failure::State(error))],
        Err(_) => {
            vec![CheckFinding::of(
                "state",
                &Failure::State(StateError::Damaged("opening it crashed".to_owned())),
            )]
        }
    };
    if let Some(free) = free_near(&dir) {
        let text = format!("{} free for the state", size(free));
        findings.push(if free < STATE_FREE_MIN {
            CheckFinding::warn("space", text, "free some space: without it, progress cannot be stored")
        } else {
            CheckFinding::ok("space", text)
        });
    }
    let rejects = dir.join(REJECTS_DIR);
    let bytes = dir_bytes(&rejects);
    if bytes > 0 {
        let text = format!("{} in {}", size(bytes), rejects.display());
        let advice = "undelivered records are kept there until you act: see `ccfd rejects list`";
        findings.push(CheckFinding::warn("rejects", text, advice));
    }
    (findings, in_use)
}

async fn found_store(store: Store, recovery: Option<state::Recovery>, place: &str) -> CheckFinding {
    let names = store.names();
    let closed = store.close().await;
    match (names, closed, recovery) {
        (Err(error), _, _) | (_, Err(error), _) => CheckFinding::of("state", &Failure::State(error)),
        (Ok(_), Ok(()), Some(recovery)) => CheckFinding::warn(
            "state",
            format!("{place}: {recovery}"),
            "recent records of these routes may be delivered once more",
        ),
        (Ok(names), Ok(()), None) => CheckFinding::ok(
            "state",
            format!("{place}: writable, {}", counted(names.len() as u64, "checkpoint")),
        ),
    }
}
