//! What `ccfd check` looks at: whether each stream accepts a call without a row.

use std::sync::Arc;

use futures::future::join_all;

use super::client::LogsIngestionConnection;
use crate::{
    config::LogsIngestionSettings,
    sinks::{
        Concern, Looked, SinkError,
        remote::{RemoteError, RemoteErrorKind},
    },
    tables::Table,
};

/// Asks all streams at once.
pub(super) async fn check(
    settings: &LogsIngestionSettings,
    api: &LogsIngestionConnection,
    tables: &[Arc<Table>],
) -> Result<Looked, SinkError> {
    let streams = tables.iter().map(|table| settings.streams.of(table));
    let looks = join_all(streams.map(async |stream| (stream, api.probe(stream).await))).await;
    let works = looks.iter().any(|(_, look)| look.is_ok());
    let mut lines = vec![format!("{}, {}", settings.endpoint, settings.dcr_immutable_id)];
    let mut concerns = Vec::new();
    for (stream, look) in looks {
        match look {
            Ok(()) => lines.push(format!("{stream}: accepts rows")),
            // A rule with a stream for only one of the two lists is valid.
            Err(SinkError::Remote(RemoteError { kind: RemoteErrorKind::NotFound { .. }, .. })) if works => {
                concerns.push(Concern {
                    text: format!("{stream}: not in this rule, so a route that needs it would park"),
                    advice: "if a collector fills this table, deploy the rule of `ccfd deploy render sentinel`, or \
                             correct `streams`",
                });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Looked { text: lines.join("\n"), concerns })
}
