//! Traces and metrics by OpenTelemetry's protocol, for builds with the cargo feature `otel`. They are sent by
//! separate threads: a receiver that is slow or unreachable delays nothing.
//!
//! A span that is sent has the target `telemetry`. It contains numbers, configured names and paths, never
//! data of a record. Its numbers are signed, because unsigned ones are sent as text.

#[cfg(any(test, not(feature = "otel")))]
#[cfg_attr(feature = "otel", expect(dead_code, reason = "only its test is in such a build"))]
mod absent;
#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod instruments;
#[cfg(feature = "otel")]
mod reported;

#[cfg(not(feature = "otel"))]
pub use absent::Telemetry;
#[cfg(feature = "otel")]
pub use export::Telemetry;
use tracing_subscriber::{Layer, Registry};

/// A second layer next to the log.
pub type Listener = Box<dyn Layer<Registry> + Send + Sync>;
