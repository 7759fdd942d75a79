//! What `ccfd check --install` puts in place.

use std::sync::Arc;

use http::Method;
use serde::Deserialize;

use super::{
    check::{TargetKind, look, tables_of, understood},
    client::Request,
    sink::ElasticsearchConnection,
};
use crate::{
    deploy::elastic::{TargetShape, installs},
    sinks::remote::{RemoteError, RemoteErrorKind, Service},
    tables::Table,
};

#[derive(Deserialize)]
struct Put {
    acknowledged: bool,
}

/// Installs the index templates. Returns a line for each, and one for each name that existed before its
/// template.
pub(super) async fn install(
    state: &ElasticsearchConnection,
    tables: &[Arc<Table>],
) -> Result<String, RemoteError> {
    let server = state.greet().await?.ok_or_else(|| {
        RemoteErrorKind::Forbidden { code: "monitor".to_owned() }.of(Service::Elasticsearch)
    })?;
    let mut lines = Vec::new();
    for index in state.indices(tables) {
        let found = look(state, index).await?;
        let shape = match found {
            TargetKind::DataStream => TargetShape::DataStream,
            TargetKind::Nothing | TargetKind::Hidden if is_named_as_stream(index) => TargetShape::DataStream,
            TargetKind::Index | TargetKind::Alias | TargetKind::Nothing | TargetKind::Hidden => {
                TargetShape::Index
            }
        };
        for put in installs(server.product, shape, &tables_of(state, tables, index)) {
            let request = Request::json(Method::PUT, format!("/{}", put.path), &put.body);
            let response = state.cluster.send(&request).await?;
            if !response.status.is_success() {
                return Err(state.cluster.refusal(&response, index));
            }
            // A page of a proxy has put nothing.
            if !understood::<Put>(state, &response)?.acknowledged {
                return Err(state.cluster.error(
                    RemoteErrorKind::Overloaded { status: 200, retry_after: None },
                    &response.headers,
                ));
            }
            lines.push(format!("{}: put", put.path));
        }
        match found {
            TargetKind::Index | TargetKind::DataStream => {
                lines.push(format!("{index}: exists, and keeps its mapping until it is created again"));
            }
            TargetKind::Alias => {
                lines.push(format!("{index}: is an alias: apply the template to its indices by hand"))
            }
            TargetKind::Nothing | TargetKind::Hidden => {}
        }
    }
    Ok(lines.join("\n"))
}

/// `<type>-<dataset>-<namespace>`: Elastic's naming scheme, in which everything is a data stream.
fn is_named_as_stream(index: &str) -> bool {
    index.starts_with("logs-")
}
