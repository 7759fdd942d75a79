//! What `ccfd check` looks at, without writing a row.

use std::sync::Arc;

use collectors::Response;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{
    client::Request,
    sink::{ElasticsearchConnection, segment},
};
use crate::{
    config::{OpType, Refresh},
    deploy::elastic::{Product, TargetShape, installs},
    sinks::{
        Concern, Looked,
        remote::{RemoteError, RemoteErrorKind, Service},
    },
    tables::Table,
};

/// What the cluster has under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetKind {
    Index,
    Alias,
    DataStream,
    Nothing,
    /// The key may not look.
    Hidden,
}

/// An index that the first record creates keeps the types that the cluster guessed.
const NO_TEMPLATE: &str = "run `ccfd check --install` before the first record: without its template the cluster \
                           guesses the type of each column";

/// What the key may do.
enum Privileged {
    /// The cluster does not say.
    Unknown,
    /// It may write, by this privilege.
    Writes(&'static str),
    /// It may write to what exists.
    CreatesNone,
}

/// Looks at the cluster, the names, and what the key may do.
pub(super) async fn check(
    state: &ElasticsearchConnection,
    tables: &[Arc<Table>],
) -> Result<Looked, RemoteError> {
    let url = state.cluster.url().to_owned();
    let mut lines = vec![match state.greet().await? {
        Some(server) => {
            format!("{url}: {} {}, cluster {}", name(server.product), server.version, server.cluster)
        }
        None => format!("{url}: responds, but does not show this key its version"),
    }];
    let mut concerns = Vec::new();
    for index in state.indices(tables) {
        let found = look(state, index).await?;
        let (what, advice) = described(state, tables, index, found).await?;
        let text = format!("{index}: {what}");
        match advice {
            None => lines.push(text),
            Some(advice) => concerns.push(Concern { text, advice }),
        }
    }
    match privileges(state, tables).await? {
        Privileged::Unknown => {}
        Privileged::Writes(privilege) => lines.push(format!("the key has the privilege {privilege}")),
        Privileged::CreatesNone => concerns.push(Concern {
            text: "the key may not create an index (auto_configure)".to_owned(),
            advice: "create the indices before the first record, or give the key this privilege",
        }),
    }
    Ok(Looked { text: lines.join("\n"), concerns })
}

/// The tables whose rows go to this index.
pub(super) fn tables_of<'i>(
    state: &ElasticsearchConnection,
    tables: &'i [Arc<Table>],
    index: &'i str,
) -> Vec<(&'i Table, &'i str)> {
    let is_of = |table: &&Arc<Table>| state.settings.index.of(table) == index;
    tables.iter().filter(is_of).map(|table| (&**table, index)).collect()
}

fn name(product: Product) -> &'static str {
    match product {
        Product::Elasticsearch => "Elasticsearch",
        Product::OpenSearch => "OpenSearch",
    }
}

pub(super) async fn look(state: &ElasticsearchConnection, index: &str) -> Result<TargetKind, RemoteError> {
    #[derive(Deserialize)]
    struct Resolved {
        indices: Vec<ResolvedIndex>,
        aliases: Vec<serde::de::IgnoredAny>,
        data_streams: Vec<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct ResolvedIndex {
        #[serde(default)]
        attributes: Vec<String>,
    }
    let path = format!("/_resolve/index/{}?expand_wildcards=all", segment(index));
    let response = state.cluster.send(&Request::get(path)).await?;
    if response.status == StatusCode::NOT_FOUND {
        return Ok(TargetKind::Nothing);
    }
    let resolved = answer::<Resolved>(state, &response)?;
    let Some(Resolved { indices, aliases, data_streams }) = resolved else { return Ok(TargetKind::Hidden) };
    if indices.iter().any(|index| index.attributes.iter().any(|attribute| attribute == "closed")) {
        let (place, code) = (format!("index \"{index}\""), "closed".to_owned());
        return Err(RemoteErrorKind::PlaceAtFault { place, code }.of(Service::Elasticsearch));
    }
    Ok(match (data_streams.len(), aliases.len(), indices.len()) {
        (1.., _, _) => TargetKind::DataStream,
        (0, 1.., _) => TargetKind::Alias,
        (0, 0, 1..) => TargetKind::Index,
        (0, 0, 0) => TargetKind::Nothing,
    })
}

/// What is under a name, and what to do about it first.
async fn described(
    state: &ElasticsearchConnection,
    tables: &[Arc<Table>],
    index: &str,
    found: TargetKind,
) -> Result<(&'static str, Option<&'static str>), RemoteError> {
    let what = match found {
        TargetKind::Index => "an index",
        TargetKind::Alias => "an alias",
        TargetKind::DataStream if replaces(state, tables, index) => {
            let why = format!("op_type: {index} is a data stream, which accepts only \"create\"");
            return Err(RemoteErrorKind::Settings(why).of(Service::Elasticsearch));
        }
        TargetKind::DataStream => "a data stream",
        TargetKind::Hidden => "not shown to this key",
        TargetKind::Nothing => match template(state, tables, index).await? {
            Some(true) => "does not exist yet; the first record creates it from its template",
            Some(false) => return Ok(("does not exist yet, and has no template", Some(NO_TEMPLATE))),
            None => "does not exist yet; the first record creates it, if the key may",
        },
    };
    Ok((what, None))
}

/// Whether rows that go to this index replace earlier versions.
fn replaces(state: &ElasticsearchConnection, tables: &[Arc<Table>], index: &str) -> bool {
    tables_of(state, tables, index).iter().any(|(table, _)| state.op_type(table) == OpType::Index)
}

/// Whether our template of this name is installed, if the cluster says so.
async fn template(
    state: &ElasticsearchConnection,
    tables: &[Arc<Table>],
    index: &str,
) -> Result<Option<bool>, RemoteError> {
    let puts = installs(Product::Elasticsearch, TargetShape::Index, &tables_of(state, tables, index));
    let Some(template) = puts.last() else { return Ok(None) };
    let response = state.cluster.send(&Request::get(format!("/{}", template.path))).await?;
    if response.status == StatusCode::NOT_FOUND {
        return Ok(Some(false));
    }
    Ok(answer::<Templates>(state, &response)?.map(|_| true))
}

/// What the key may do, if the cluster says so: Elasticsearch with security does. An error if a write needs
/// more.
async fn privileges(
    state: &ElasticsearchConnection,
    tables: &[Arc<Table>],
) -> Result<Privileged, RemoteError> {
    #[derive(Deserialize)]
    struct Privileges {
        index: std::collections::BTreeMap<String, std::collections::BTreeMap<String, bool>>,
    }
    let privilege = |op_type: OpType| match op_type {
        OpType::Create => "create_doc",
        OpType::Index => "index",
    };
    let writes = privilege(state.settings.op_type);
    let refreshes = match state.settings.refresh {
        Refresh::AtOnce => Some("maintenance"),
        Refresh::Later | Refresh::WaitFor => None,
    };
    let asked: Vec<&str> = ["create_doc", "index", "auto_configure"].into_iter().chain(refreshes).collect();
    let (replacing, adding): (Vec<&str>, Vec<&str>) =
        state.indices(tables).into_iter().partition(|index| replaces(state, tables, index));
    let names = [(adding, OpType::Create), (replacing, OpType::Index)];
    let of = |(names, op_type): (Vec<&str>, OpType)| {
        let asked = [privilege(op_type), "auto_configure"].into_iter().chain(refreshes);
        (!names.is_empty()).then(|| json!({ "names": names, "privileges": asked.collect::<Vec<_>>() }))
    };
    let body = json!({ "index": names.into_iter().filter_map(of).collect::<Vec<_>>() });
    let request = Request::json(Method::POST, "/_security/user/_has_privileges", &body);
    let response = state.cluster.send(&request).await?;
    let Some(Privileges { index }) = answer::<Privileges>(state, &response)? else {
        return Ok(Privileged::Unknown);
    };
    let lacks = |privilege: &str| index.values().any(|held| held.get(privilege) == Some(&false));
    let missing: Vec<&str> = asked.into_iter().filter(|privilege| lacks(privilege)).collect();
    match missing.as_slice() {
        [] => Ok(Privileged::Writes(writes)),
        ["auto_configure"] => Ok(Privileged::CreatesNone),
        _ => {
            let code = format!("the key lacks {}", missing.join(", "));
            Err(RemoteErrorKind::Forbidden { code }.of(Service::Elasticsearch))
        }
    }
}

#[derive(Deserialize)]
struct Templates {
    #[serde(alias = "component_templates", rename = "index_templates")]
    _found: Vec<serde::de::IgnoredAny>,
}

/// What a successful response says. One that is not the cluster's own is a page of a gateway or proxy.
pub(super) fn understood<'a, T: Deserialize<'a>>(
    state: &ElasticsearchConnection,
    response: &'a Response,
) -> Result<T, RemoteError> {
    serde_json::from_slice(&response.body).map_err(|_| {
        let (status, bytes) = (response.status.as_u16(), response.body.len());
        let why = format!("status {status}, {bytes} bytes that are not a cluster's response");
        state.cluster.error(RemoteErrorKind::NotUnderstood(why), &response.headers)
    })
}

/// A successful response. `None` if this cluster does not know the request or does not answer it to this key;
/// wrong credentials are always an error.
fn answer<'a, T: Deserialize<'a>>(
    state: &ElasticsearchConnection,
    response: &'a Response,
) -> Result<Option<T>, RemoteError> {
    match response.status {
        StatusCode::OK => understood(state, response).map(Some),
        StatusCode::UNAUTHORIZED => Err(state.cluster.refusal(response, "")),
        status if status.is_server_error() => Err(state.cluster.refusal(response, "")),
        _ => Ok(None),
    }
}
