//! `ccfd connectors test` and `run`

use std::io::{self, IsTerminal};

use bytes::Bytes;
use clap::Args;
use futures::{StreamExt as _, stream::BoxStream};
use serde_json::Value;
use tokio::time::Instant;

use super::{SpaceArgument, given, refused, stream_text::StreamText};
use crate::{
    cli::{
        exit::Exit,
        text::{counted, print_json, say, tame},
    },
    connectors::{Caller, ConnectorError, Registry, RunFailure, RunOutput, StreamEnding, StreamTiming},
};

#[derive(Debug, Args)]
pub struct TestArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    space: SpaceArgument,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The connector
    #[arg(value_name = "ID")]
    id: String,
    /// The parameters, a JSON object: written out, @FILE, or @- for standard input
    #[arg(long, value_name = "JSON")]
    params: String,
    #[command(flatten)]
    space: SpaceArgument,
}

pub async fn test(registry: &Registry, caller: &Caller, arguments: &TestArguments) -> anyhow::Result<Exit> {
    let begun = Instant::now();
    match registry.test(&arguments.space.space, &arguments.id, caller.clone()).await {
        Ok(Ok(RunOutput::Stream { bytes, .. })) => {
            let timing = StreamTiming::since(begun, bytes).await;
            registry.settle().await;
            Ok(timed(&timing))
        }
        run => ended(registry, run).await,
    }
}

/// What the test of a stream shows: whether it was complete, and whether it came piece by piece.
fn timed(timing: &StreamTiming) -> Exit {
    let StreamTiming { first, end, events, ending, .. } = timing;
    if *events == 0 {
        say(format_args!("answered in {end:.1?}, not as a stream"));
        return Exit::Done;
    }
    say(format_args!(
        "answered in {end:.1?}: {}, the first after {first:.1?}",
        counted(u64::from(*events), "event")
    ));
    match ending {
        StreamEnding::Complete => {}
        StreamEnding::Failed => {
            say(format_args!("ccfd: the answer ended with an error"));
            return Exit::Failed;
        }
        StreamEnding::Cut | StreamEnding::ReaderLeft => {
            say(format_args!("ccfd: the answer broke off"));
            return Exit::Failed;
        }
    }
    if timing.is_held_back() {
        say(format_args!(
            "ccfd: a proxy holds answers back: all events came together in the end; switch off its buffering (nginx: `proxy_buffering off`)"
        ));
    }
    Exit::Done
}

pub async fn run(registry: &Registry, caller: &Caller, arguments: &RunArguments) -> anyhow::Result<Exit> {
    let params = given::object("--params", &arguments.params)?;
    let space = &arguments.space.space;
    ended(registry, registry.run(space, &arguments.id, params, caller.clone(), None).await).await
}

/// What a run that has ended prints: what it returned, or why it failed.
async fn ended(
    registry: &Registry,
    run: Result<Result<RunOutput, RunFailure>, ConnectorError>,
) -> anyhow::Result<Exit> {
    let output = match run {
        Ok(Ok(output)) => output,
        Ok(Err(failure)) => {
            say(format_args!("ccfd: {}", tame(&failure.to_string())));
            return Ok(Exit::Failed);
        }
        Err(error) => return Ok(refused(&error)),
    };
    match output {
        RunOutput::Nothing | RunOutput::Data { data: Value::Null, .. } => say(format_args!("done")),
        RunOutput::Data { data, .. } => print_json(&data)?,
        RunOutput::Stream { content_type, bytes, .. } => {
            let passed = pass_on(&content_type, bytes, &mut io::stdout()).await;
            // However it ended: tokens were used, and the run is kept.
            registry.settle().await;
            passed?;
        }
    }
    Ok(Exit::Done)
}

/// Writes a stream as it comes. When this returns, the stream has ended, whether it could be written or not.
async fn pass_on(
    content_type: &str,
    mut bytes: BoxStream<'static, io::Result<Bytes>>,
    out: &mut (impl io::Write + IsTerminal),
) -> io::Result<()> {
    // Programs get it as it comes.
    let mut text = out.is_terminal().then(|| StreamText::of(content_type));
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk?;
        match &mut text {
            Some(text) => put(out, text.piece(&chunk).as_bytes())?,
            None => put(out, &chunk)?,
        }
    }
    match text {
        Some(text) => put(out, text.end().as_bytes()),
        None => Ok(()),
    }
}

fn put(out: &mut impl io::Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}
