//! `ccfd reload`: lets the daemon take up a changed configuration.

use clap::Args;

use super::{
    Context, UsageError, block_on,
    exit::Exit,
    logging,
    text::{print, print_json},
};
use crate::{admin::client::AdminClient, config::Config, daemon::control::Reloaded};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object: started, restarted, ended, unchanged, at_next_start
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    // Read only to find the daemon, which reads its own configuration and reports its errors.
    let config = context.config()?;
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
    if arguments.json {
        print_json(&reloaded)?;
    } else {
        print(&in_words(&reloaded))?;
    }
    Ok(Exit::Done)
}

fn in_words(reloaded: &Reloaded) -> String {
    let mut text = String::new();
    for (what, names) in [
        ("started", &reloaded.started),
        ("restarted", &reloaded.restarted),
        ("ended", &reloaded.ended),
        ("at next start", &reloaded.at_next_start),
    ] {
        if !names.is_empty() {
            text += &format!("{what}: {}\n", names.join(", "));
        }
    }
    text + &format!("unchanged: {}\n", reloaded.unchanged)
}
