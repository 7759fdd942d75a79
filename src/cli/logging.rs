//! Log lines on standard error: text on a terminal, JSON elsewhere.

use std::{
    env,
    io::{self, IsTerminal},
};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt, layer::SubscriberExt as _, registry, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    config::{LogFormat, LogSettings},
    stderr,
    telemetry::Listener,
};

/// Starts logging. `RUST_LOG`, levels by target, takes precedence over the configured level. A second call
/// has no effect.
pub fn start(settings: &LogSettings) {
    start_with(settings, None);
}

/// Starts logging, with a second layer for spans meant for it.
pub fn start_with(settings: &LogSettings, listener: Option<Listener>) {
    let asked = env::var("RUST_LOG").ok().map(|asked| asked.parse::<Targets>());
    let filter =
        filter(LevelFilter::from_level(settings.level), asked.as_ref().and_then(|asked| asked.as_ref().ok()));
    let started = match listener {
        Some(listener) => {
            registry().with(listener).with(lines(settings.format).with_filter(filter)).try_init()
        }
        None => for_lines_only(lines(settings.format), filter).try_init(),
    };
    drop(started);
    if let Some(Err(error)) = asked {
        tracing::warn!(%error, "RUST_LOG is ignored: expected levels such as info,ccfd=debug");
    }
}

/// The lines.
fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let lines = fmt::layer().with_target(false).with_writer(stderr::lines());
    if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(io::stderr().is_terminal()).boxed()
    }
}

/// Lines and no listener. The filter is that of all: with one of its own for the lines, spans that nothing records would
/// be made for each request.
fn for_lines_only(
    lines: Box<dyn Layer<Registry> + Send + Sync>,
    filter: Targets,
) -> impl SubscriberInitExt + Subscriber {
    registry().with(lines).with(filter)
}

/// The filter: everything from `level` on, unless other levels are requested.
fn filter(level: LevelFilter, asked: Option<&Targets>) -> Targets {
    // The embedded store, the HTTP client and Azure's libraries log internals below warnings, some of them
    // headers; these are off whatever is requested.
    let libraries = ["sled", "hyper", "reqwest", "azure_core", "azure_identity", "typespec_client_core"];
    Targets::new()
        .with_default(asked.and_then(Targets::default_level).unwrap_or(level))
        .with_targets(asked.cloned().unwrap_or_default())
        .with_targets(libraries.map(|library| (library, LevelFilter::WARN)))
        // Spans meant for the listener.
        .with_target("telemetry", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn spans_for_a_listener_are_not_made_without_one() {
        let lines = for_lines_only(lines(LogFormat::Json), filter(LevelFilter::WARN, None));
        tracing::subscriber::with_default(lines, || {
            assert!(tracing::debug_span!(target: "telemetry", "request").is_disabled());
            assert!(tracing::event_enabled!(Level::WARN));
        });
    }

    #[test]
    fn libraries_are_heard_from_warnings_on_whatever_is_asked_for() {
        let quiet = filter(LevelFilter::DEBUG, None);
        assert!(quiet.would_enable("ccfd", &Level::DEBUG) && !quiet.would_enable("ccfd", &Level::TRACE));
        assert!(quiet.would_enable("hyper::client", &Level::WARN));
        assert!(!quiet.would_enable("hyper::client", &Level::INFO));
        assert!(!quiet.would_enable("telemetry", &Level::ERROR));

        let asked = "warn,hyper=trace,ccfd::state=debug,telemetry=info".parse().unwrap();
        let asked = filter(LevelFilter::TRACE, Some(&asked));
        assert!(!asked.would_enable("hyper::client", &Level::INFO));
        assert!(
            asked.would_enable("ccfd::state", &Level::DEBUG) && !asked.would_enable("ccfd", &Level::INFO)
        );
        assert!(!asked.would_enable("telemetry", &Level::ERROR));
    }
}
