//! Log lines on standard error: text on a terminal, JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

use crate::{
    config::{LogFormat, LogSettings},
    telemetry::Listener,
};

/// Starts logging. `RUST_LOG` wins over the configured level. A second call has no effect.
pub fn start(settings: &LogSettings) {
    start_with(settings, None);
}

/// Starts logging, and lets another one listen to what is said for it.
pub fn start_with(settings: &LogSettings, listener: Option<Listener>) {
    let level = LevelFilter::from_level(settings.level);
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    // The embedded store, the HTTP client and Azure's libraries speak of their own affairs below warnings.
    let own_affairs = [
        "sled=warn",
        "hyper=warn",
        "reqwest=warn",
        "azure_core=warn",
        "azure_identity=warn",
        "typespec_client_core=warn",
        // Spans that are meant for the listener.
        "telemetry=off",
    ];
    let filter = own_affairs
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let lines = fmt::layer().with_target(false).with_writer(io::stderr);
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(io::stderr().is_terminal()).boxed()
    };
    let started = registry().with(listener).with(lines.with_filter(filter)).try_init();
    drop(started);
}
