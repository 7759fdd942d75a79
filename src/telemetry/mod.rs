//! Traces and metrics by OpenTelemetry's protocol, for builds with the cargo feature `otel`. They leave on threads of their
//! own: a receiver that is slow or away holds nothing up.
//!
//! A span that is to leave has the target `telemetry`. It holds numbers, names of the configuration and paths, never
//! anything of a record. Its numbers have a sign: others leave as text.

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod instruments;
#[cfg(feature = "otel")]
mod reported;

use tracing_subscriber::{Layer, Registry};

#[cfg(not(feature = "otel"))]
pub use absent::Telemetry;
#[cfg(feature = "otel")]
pub use export::Telemetry;

/// What listens beside the log.
pub type Listener = Box<dyn Layer<Registry> + Send + Sync>;
