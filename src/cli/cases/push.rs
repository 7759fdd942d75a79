//! `ccfd cases push`

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use collectors::Clock;

use super::{ByPerson, CasesPlace, refused, say_case};
use crate::{
    cases::CaseError,
    cli::{
        UsageError, block_on,
        exit::Exit,
        text::{say, tame},
    },
    connectors::{Caller, ConnectorError, Registry},
    daemon::{
        push::{CasePushError, CaseToPush, PUSH_END_MAX, PushEnder, push_case},
        signals::watch_stop,
    },
    pipeline::shutdown::{Shutdown, shutdown},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Its number, or the beginning of its id
    #[arg(value_name = "CASE")]
    case: String,
    /// The id of a connector of type .servicenow or .webhook
    #[arg(value_name = "CONNECTOR")]
    connector: String,
    /// Create an incident again if that of the case was deleted
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    by: ByPerson,
}

fn say_wait() {
    say(format_args!("another push is sending this case, or may still create it there; waiting"));
}

/// Ends the push on a signal.
async fn end_on_signal(mut stop: Shutdown, ender: Arc<PushEnder>) {
    stop.requested().await;
    let seconds = PUSH_END_MAX.as_secs();
    say(format_args!("stopping, within {seconds} seconds: what was sent may be answered"));
    ender.end(PUSH_END_MAX).await;
}

pub(super) fn run(place: &CasesPlace<'_>, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut db = place.database_with(&arguments.case)?;
    let case = db.cases(place.space).named(&arguments.case).map_err(refused)?;
    drop(db);
    let config = place.context.config()?;
    let registry = Registry::of(&config, &place.context.environment, Clock::system());
    let person = place.person(&arguments.by);
    let caller = Caller::Operator(person.username.clone());
    let (sender, stop) = shutdown();
    let _stopper = watch_stop(sender).context("cannot watch for signals")?;
    let sent = block_on(async {
        let ender = Arc::new(PushEnder::default());
        let end = ender.for_push();
        tokio::spawn(end_on_signal(stop, ender));
        let push = CaseToPush {
            space: place.space,
            case: &case.id,
            connector: &arguments.connector,
            by: &person,
            creates: arguments.create,
            waits: say_wait,
        };
        let sent = push_case(&registry, push, caller, end).await;
        registry.settle().await;
        Ok(sent)
    })?;
    match sent {
        Ok(case) => {
            let name = |what: &str| {
                let sent = case.external_service.as_ref().map(|sent| &sent[what]);
                tame(sent.and_then(serde_json::Value::as_str).unwrap_or_default())
            };
            say_case(
                &case,
                &format!("sent with {}, there {}", name("connector_name"), name("external_title")),
            );
            Ok(Exit::Done)
        }
        Err(CasePushError::Connector(ConnectorError::NotFound(_))) => {
            let text = format!(
                "no connector `{}` in space `{}`; see `ccfd connectors list`",
                tame(&arguments.connector),
                tame(place.space)
            );
            Err(UsageError(text).into())
        }
        Err(CasePushError::Case(error @ CaseError::Invalid(_))) => Err(refused(error)),
        Err(error) => {
            say(format_args!("ccfd: {}", tame(&crate::reasons::with_reasons(&error))));
            Ok(Exit::Failed)
        }
    }
}
