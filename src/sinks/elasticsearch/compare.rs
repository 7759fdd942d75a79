//! What an index holds, for `ccfd verify`: a composite aggregation on time and id, which is exact and shows copies.

mod query;

use async_trait::async_trait;
use collectors::Response;
use http::Method;
use query::{AskedFields, Bucket, Caps, Composite, HourKey, IdKey, Refreshed, Searched};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    client::{Cluster, Request},
    sink::{cluster, segment},
};
use crate::{
    config::{ElasticsearchSettings, Environment},
    sinks::{
        SinkError,
        comparable::{Comparable, HOUR, HourDigest, PAGE_ROWS, Question, Shows, SinkRow, Span, Statement},
        patience::Patience,
        remote::{RemoteError, RemoteErrorKind},
    },
    tables::format_utc,
    units::counted,
};

/// Documents of one stretch. Each page of an aggregation visits all documents that its query finds, so the query is kept
/// small.
const STRETCH_DOCUMENTS: u64 = 3 * query::PAGE as u64;

/// Reads the documents of a sink.
pub struct ElasticsearchRows {
    settings: ElasticsearchSettings,
    cluster: Cluster,
}

/// The request for the next page of an aggregation.
struct Pages {
    next: Option<Value>,
}

/// Some hours of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    span: Span,
    documents: u64,
}

impl ElasticsearchRows {
    /// Connects to nothing yet.
    pub fn new(settings: ElasticsearchSettings, environment: Environment) -> Self {
        Self { cluster: cluster(&settings, environment), settings }
    }

    fn index<'a>(&'a self, question: &'a Question) -> &'a str {
        self.settings.index.of(&question.table)
    }

    /// A successful answer to a question about an index.
    async fn ask<T: DeserializeOwned>(&self, request: &Request, index: &str) -> Result<T, RemoteError> {
        let mut patience = Patience::new();
        loop {
            match self.ask_once(request, index).await {
                Ok(answer) => return Ok(answer),
                Err(error) => patience.bear(error).await?,
            }
        }
    }

    async fn ask_once<T: DeserializeOwned>(&self, request: &Request, index: &str) -> Result<T, RemoteError> {
        let response = self.cluster.send(request).await?;
        if !response.status.is_success() {
            return Err(self.refusal(&response, index));
        }
        serde_json::from_slice(&response.body).map_err(|error| {
            // The parser's own message could quote content.
            let (line, column) = (error.line(), error.column());
            let why = format!("not a cluster's answer (line {line}, column {column})");
            self.cluster.error(RemoteErrorKind::NotUnderstood(why), &response.headers)
        })
    }

    fn refusal(&self, response: &Response, index: &str) -> RemoteError {
        let mut error = self.cluster.refusal(response, index);
        if let RemoteErrorKind::Forbidden { code } = &mut error.kind {
            code.push_str(&format!("; to compare, the key needs read and maintenance on \"{index}\""));
        }
        error
    }

    fn failed(&self, kind: RemoteErrorKind) -> RemoteError {
        self.cluster.error(kind, &http::HeaderMap::new())
    }

    /// Makes every acknowledged document visible.
    async fn refresh(&self, index: &str) -> Result<(), RemoteError> {
        let path = format!("/{}/_refresh", segment(index));
        let request = Request { method: Method::POST, ..Request::get(path) };
        let refreshed: Refreshed = self.ask(&request, index).await?;
        refreshed.shards.complete().map_err(|why| self.failed(RemoteErrorKind::RunFailed { code: why }))
    }

    /// The fields to ask by, as the index maps them.
    async fn fields(&self, question: &Question, index: &str) -> Result<AskedFields, RemoteError> {
        let names = query::candidates(question).join(",");
        let path = format!("/{}/_field_caps?fields={names}&include_unmapped=true", segment(index));
        let caps: Caps = self.ask(&Request::get(path), index).await?;
        caps.fields(question, index).map_err(|why| self.failed(RemoteErrorKind::Settings(why)))
    }

    /// The next page of an aggregation; `None` after the last one.
    async fn next_page<K: DeserializeOwned>(
        &self,
        index: &str,
        pages: &mut Pages,
    ) -> Result<Option<Vec<Bucket<K>>>, RemoteError> {
        let Some(body) = pages.next.take() else { return Ok(None) };
        let path = format!("/{}/{}", segment(index), query::SEARCH);
        let searched: Searched<K> = self.ask(&Request::json(Method::POST, path, &body), index).await?;
        let Composite { buckets, after_key } =
            searched.complete().map_err(|why| self.failed(RemoteErrorKind::RunFailed { code: why }))?;
        if buckets.len() >= query::PAGE {
            pages.next = Some(query::behind(body, after_key).ok_or_else(|| {
                let why = "a full page of an aggregation without a key for the next one".to_owned();
                self.failed(RemoteErrorKind::NotUnderstood(why))
            })?);
        }
        Ok(Some(buckets))
    }

    /// The hours that have documents, joined up to a number of them.
    async fn stretches(
        &self,
        question: &Question,
        fields: &AskedFields,
        span: Span,
    ) -> Result<Vec<Stretch>, RemoteError> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut pages = Pages { next: Some(query::hours(question, fields, span)) };
        while let Some(buckets) = self.next_page::<HourKey>(self.index(question), &mut pages).await? {
            for bucket in buckets {
                let hour = bucket.key.hour.div_euclid(1000);
                let of_hour = Span { from: hour.max(span.from), to: (hour + HOUR).min(span.to) };
                let fits = |last: &&mut Stretch| last.documents + bucket.doc_count <= STRETCH_DOCUMENTS;
                match stretches.last_mut().filter(fits) {
                    Some(last) => {
                        last.span.to = of_hour.to;
                        last.documents += bucket.doc_count;
                    }
                    None => stretches.push(Stretch { span: of_hour, documents: bucket.doc_count }),
                }
            }
        }
        Ok(stretches)
    }

    /// Sends the rows of a stretch; false if nobody wants more.
    async fn read(
        &self,
        question: &Question,
        fields: &AskedFields,
        stretch: Stretch,
        sender: &mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<bool, RemoteError> {
        let mut documents = 0;
        let mut pages = Pages { next: Some(query::ids(question, fields, stretch.span)) };
        while let Some(buckets) = self.next_page::<IdKey>(self.index(question), &mut pages).await? {
            documents += buckets.iter().map(|bucket| bucket.doc_count).sum::<u64>();
            let mut rows = buckets.into_iter().map(|bucket| SinkRow {
                id: bucket.key.id,
                second: bucket.key.second.div_euclid(1000),
                copies: bucket.doc_count,
                record: None,
                redacted: None,
            });
            loop {
                let page: Vec<SinkRow> = rows.by_ref().take(PAGE_ROWS).collect();
                if page.is_empty() {
                    break;
                }
                if sender.send(page).await.is_err() {
                    return Ok(false);
                }
            }
        }
        // More can only have been added meanwhile. Fewer would be taken for missing.
        if documents < stretch.documents {
            let Span { from, to } = stretch.span;
            let unseen = counted(stretch.documents - documents, "document");
            let why = format!(
                "{unseen} from {} to {} cannot be found by `{}`, which is empty, or they were removed meanwhile",
                format_utc(from),
                format_utc(to),
                fields.id
            );
            return Err(self.failed(RemoteErrorKind::Settings(why)));
        }
        Ok(true)
    }
}

#[async_trait]
impl Comparable for ElasticsearchRows {
    fn identity(&self) -> String {
        format!("elasticsearch {}", self.cluster.url())
    }

    fn shows(&self) -> Shows {
        Shows { records: false, doubled: true, collectors: true }
    }

    fn limits(&self, question: &Question) -> Vec<String> {
        let mut limits = vec![
            "ids only: documents are not compared with the record".to_owned(),
            "what a life cycle of the index has removed is reported as missing".to_owned(),
        ];
        if let Some(column) = query::connector_column(question) {
            limits.push(format!(
                "documents whose {column} is not `{}` are those of other collectors and are not compared",
                question.connector
            ));
        }
        limits
    }

    fn statements(&self, question: &Question) -> Vec<Statement> {
        let fields = AskedFields::as_installed(question);
        let path = segment(self.index(question));
        let search = |about: &str, body: &Value| Statement {
            about: about.to_owned(),
            language: "JSON",
            text: format!("POST /{path}/{}\n{body:#}", query::SEARCH),
        };
        let refresh = "makes every document visible, before the others";
        vec![
            Statement { about: refresh.to_owned(), language: "JSON", text: format!("POST /{path}/_refresh") },
            search(
                "documents of each hour (without the index template, append .keyword to both names in quotes that are text)",
                &query::hours(question, &fields, question.window),
            ),
            search(
                "every id, its time, and how often it is there; repeat it with the after_key of the answer as `after`",
                &query::ids(question, &fields, question.window),
            ),
        ]
    }

    /// A cluster has no XOR: all ids are fetched.
    async fn hours(&self, _: &Question) -> Result<Option<Vec<HourDigest>>, SinkError> {
        Ok(None)
    }

    async fn rows(
        &self,
        question: &Question,
        spans: &[Span],
        pages: mpsc::Sender<Vec<SinkRow>>,
    ) -> Result<(), SinkError> {
        let index = self.index(question);
        self.refresh(index).await?;
        let fields = self.fields(question, index).await?;
        for span in spans {
            for stretch in self.stretches(question, &fields, *span).await? {
                if !self.read(question, &fields, stretch, &pages).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
