//! `ccfd reload`: lets the daemon take up a changed configuration.

use std::{collections::HashSet, time::Duration};

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Context, UsageError, block_on,
    exit::Exit,
    logging,
    text::{counted, print, print_json, say},
};
use crate::{
    admin::client::{AdminClient, AdminError},
    config::{Config, find_file},
    daemon::control::Reloaded,
    pipeline::progress::RouteState,
};

/// How long to wait for the first steps of routes: what parks a route at once is seen before its first request is
/// answered.
const FIRST_STEPS_MAX: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object: started, restarted, ended, unchanged, at_next_start; parked: those of them that need an operator, with error and
    /// advice
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    // Read only to find the daemon, which reads its own configuration and reports its errors.
    let file = find_file(context.file.as_deref(), &context.environment)?;
    let config = Config::load_readable(file.as_ref(), &context.environment)?.config;
    logging::start(&config.log);
    block_on(reload(&config, context, arguments))
}

async fn reload(config: &Config, context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let found = AdminClient::find(&config.state.dir, &config.admin, &context.environment).await;
    let Some(daemon) = found else {
        let text = format!(
            "no daemon responds for the state directory {}; if it has no admin interface, send it SIGHUP",
            config.state.dir.display()
        );
        return Err(UsageError(text).into());
    };
    let reloaded = daemon.reload().await?;
    let parked = parked(&daemon, &reloaded).await?;
    let exit = if parked.is_empty() { Exit::Done } else { Exit::Operator };
    if arguments.json {
        print_json(&Outcome { reloaded, parked })?;
    } else {
        print(&in_words(&reloaded))?;
        for Parked { route, error, advice } in parked {
            say(format_args!("ccfd: {route} is parked: {error}\n      {advice}"));
        }
    }
    Ok(exit)
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    reloaded: Reloaded,
    parked: Vec<Parked>,
}

/// A route that this reload started and that needs an operator.
#[derive(Serialize)]
struct Parked {
    route: String,
    error: String,
    advice: String,
}

/// Waits until the routes that were started show what they do, and returns those that parked.
async fn parked(daemon: &AdminClient, reloaded: &Reloaded) -> Result<Vec<Parked>, AdminError> {
    let names: HashSet<&String> = reloaded.started.iter().chain(&reloaded.restarted).collect();
    let deadline = Instant::now() + FIRST_STEPS_MAX;
    loop {
        let routes = daemon.status().await?.routes;
        let (starting, others): (Vec<_>, Vec<_>) = routes
            .into_iter()
            .filter(|route| names.contains(&route.route))
            .partition(|route| route.state == RouteState::Starting);
        if starting.is_empty() || Instant::now() >= deadline {
            let parked = others.into_iter().filter(|route| route.state == RouteState::Parked);
            return Ok(parked
                .map(|route| {
                    let error = route.error.unwrap_or_default();
                    Parked { route: route.route, error: error.text, advice: error.advice }
                })
                .collect());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn in_words(reloaded: &Reloaded) -> String {
    let mut text = String::new();
    for (what, names) in [
        ("started", &reloaded.started),
        ("restarted", &reloaded.restarted),
        ("ended", &reloaded.ended),
        ("effective at the next start", &reloaded.at_next_start),
    ] {
        if !names.is_empty() {
            text += &format!("{what}: {}\n", names.join(", "));
        }
    }
    text + &format!("unchanged: {}\n", counted(reloaded.unchanged as u64, "route"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_says_what_it_counted() {
        let reloaded = Reloaded {
            started: vec!["acme-chat/local".to_owned()],
            at_next_start: vec!["log".to_owned()],
            unchanged: 1,
            ..Reloaded::default()
        };
        assert_eq!(
            in_words(&reloaded),
            "started: acme-chat/local\neffective at the next start: log\nunchanged: 1 route\n"
        );
    }
}
