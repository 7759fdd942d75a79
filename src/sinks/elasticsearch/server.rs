//! Who answers: product and version.

use collectors::Response;
use http::StatusCode;
use serde::Deserialize;

use super::{client::Request, sink::ElasticsearchConnection};
use crate::{
    deploy::elastic::Product,
    sinks::remote::{RemoteError, RemoteErrorKind, plain},
};

/// The first version of Elasticsearch whose errors need not repeat the document.
const WITHHOLDS_SOURCE: (u32, u32) = (8, 18);

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) product: Product,
    /// As it says it, safe to show.
    pub(super) version: String,
    pub(super) cluster: String,
    serverless: bool,
}

#[derive(Deserialize)]
struct Greeting {
    #[serde(default)]
    cluster_name: String,
    version: Version,
}

#[derive(Deserialize)]
struct Version {
    number: String,
    distribution: Option<String>,
    build_flavor: Option<String>,
}

impl Server {
    fn read(body: &[u8]) -> Option<Self> {
        let Greeting { cluster_name, version } = serde_json::from_slice(body).ok()?;
        let product = match version.distribution.as_deref() {
            Some("opensearch") => Product::OpenSearch,
            Some(_) | None => Product::Elasticsearch,
        };
        let serverless = version.build_flavor.as_deref() == Some("serverless");
        Some(Self { product, version: plain(&version.number), cluster: plain(&cluster_name), serverless })
    }

    /// Whether it accepts `include_source_on_error`, which others refuse as unknown.
    pub(super) fn can_withhold_source(&self) -> bool {
        let mut parts = self.version.split('.').map(|part| part.parse().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        match self.product {
            Product::Elasticsearch => self.serverless || version >= WITHHOLDS_SOURCE,
            Product::OpenSearch => false,
        }
    }
}

impl ElasticsearchConnection {
    /// The product, requested once; `None` if the server does not say, or does not respond now.
    pub(super) async fn server(&self) -> Option<&Server> {
        self.greet().await.ok().flatten()
    }

    /// As [`ElasticsearchConnection::server`], with the reason why there is no response.
    pub(super) async fn greet(&self) -> Result<Option<&Server>, RemoteError> {
        let greeted = self.server.get_or_try_init(|| async {
            let response = self.cluster.send(&Request::get("/")).await?;
            self.understand(&response)
        });
        Ok(greeted.await?.as_ref())
    }

    fn understand(&self, response: &Response) -> Result<Option<Server>, RemoteError> {
        match response.status {
            StatusCode::OK => Server::read(&response.body).map(Some).ok_or_else(|| {
                let why = "neither Elasticsearch nor OpenSearch".to_owned();
                self.cluster.error(RemoteErrorKind::NotUnderstood(why), &response.headers)
            }),
            // A key that may write need not have the privilege for this request.
            StatusCode::FORBIDDEN => Ok(None),
            _ => Err(self.cluster.refusal(response, "/")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str) -> Server {
        Server::read(format!(r#"{{"cluster_name":"c","version":{version}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn the_distribution_tells_the_products_apart() {
        assert_eq!(server(r#"{"number":"9.1.0"}"#).product, Product::Elasticsearch);
        assert_eq!(server(r#"{"number":"2.19.1","distribution":"opensearch"}"#).product, Product::OpenSearch);
    }

    #[test]
    fn documents_can_be_kept_out_of_errors_from_8_18_on_and_without_servers() {
        let can = |version| server(version).can_withhold_source();
        assert!(can(r#"{"number":"8.18.0"}"#) && can(r#"{"number":"9.0.0"}"#));
        assert!(can(r#"{"number":"8.11.0","build_flavor":"serverless"}"#));
        assert!(!can(r#"{"number":"8.17.4"}"#));
        assert!(!can(r#"{"number":"9.0.0","distribution":"opensearch"}"#));
    }
}
