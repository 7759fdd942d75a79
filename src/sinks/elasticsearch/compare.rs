//! What an index holds, for `ccfd verify`: a composite aggregation on time and id, which is exact and shows copies.

mod query;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use collectors::Response;
use http::Method;
use query::{
    AskedFields, Bucket, BucketPage, Caps, Composite, HourKey, IdKey, OtherKey, Refreshed, Searched,
};
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
        comparable::{Comparable, HOUR, PAGE_ROWS, Question, Shows, SinkRow, Span, Statement},
        patience::Patience,
        remote::{RemoteError, RemoteErrorKind},
    },
    tables::{Table, format_utc},
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

/// An aggregation that is read page by page.
struct Pages<K> {
    /// The request for the next page.
    next: Option<Value>,
    /// The last key. Keys only grow: otherwise a page came twice, and reading might never end.
    last: Option<K>,
    /// Documents in the buckets so far.
    read: u64,
    /// The most documents that an answer spoke of.
    documents: u64,
}

impl<K> Pages<K> {
    fn of(request: Value) -> Self {
        Self { next: Some(request), last: None, read: 0, documents: 0 }
    }
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
    async fn next_page<K: DeserializeOwned + Ord + Clone>(
        &self,
        index: &str,
        pages: &mut Pages<K>,
    ) -> Result<Option<Vec<Bucket<K>>>, RemoteError> {
        let Some(body) = pages.next.take() else { return Ok(None) };
        let path = format!("/{}/{}", segment(index), query::SEARCH);
        let searched: Searched<K> = self.ask(&Request::json(Method::POST, path, &body), index).await?;
        let BucketPage { found: Composite { buckets, after_key }, documents } =
            searched.complete().map_err(|why| self.failed(RemoteErrorKind::RunFailed { code: why }))?;
        let not_understood = |why: &str| self.failed(RemoteErrorKind::NotUnderstood(why.to_owned()));
        for bucket in &buckets {
            if pages.last.as_ref().is_some_and(|last| *last >= bucket.key) {
                return Err(not_understood("buckets of an aggregation that come again, or in no order"));
            }
            pages.last = Some(bucket.key.clone());
            pages.read = pages.read.saturating_add(bucket.doc_count);
        }
        pages.documents = pages.documents.max(documents);
        if buckets.len() >= query::PAGE {
            pages.next = Some(query::behind(body, after_key).ok_or_else(|| {
                not_understood("a full page of an aggregation without a key for the next one")
            })?);
        }
        Ok(Some(buckets))
    }

    /// More can only have been added meanwhile. Fewer would be taken for missing.
    fn ensure_whole<K>(&self, pages: &Pages<K>, span: Span, field: &str) -> Result<(), RemoteError> {
        let Some(unseen @ 1..) = pages.documents.checked_sub(pages.read) else { return Ok(()) };
        let Span { from, to } = span;
        let why = format!(
            "{} from {} to {} cannot be found by `{field}`, which is empty, or they were removed meanwhile",
            counted(unseen, "document"),
            format_utc(from),
            format_utc(to),
        );
        Err(self.failed(RemoteErrorKind::Settings(why)))
    }

    /// The hours that have documents, joined up to a number of them.
    async fn stretches(
        &self,
        question: &Question,
        fields: &AskedFields,
        span: Span,
    ) -> Result<Vec<Stretch>, RemoteError> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut pages = Pages::<HourKey>::of(query::hours(question, fields, span));
        while let Some(buckets) = self.next_page(self.index(question), &mut pages).await? {
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
        self.ensure_whole(&pages, span, &fields.time)?;
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
        let mut pages = Pages::<IdKey>::of(query::ids(question, fields, stretch.span));
        pages.documents = stretch.documents;
        while let Some(buckets) = self.next_page(self.index(question), &mut pages).await? {
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
        self.ensure_whole(&pages, stretch.span, &fields.id)?;
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

    async fn of_others(
        &self,
        question: &Question,
        ids: Vec<(String, i64)>,
    ) -> Result<BTreeMap<String, String>, SinkError> {
        let ids: Vec<String> = ids.into_iter().map(|(id, _)| id).collect();
        let index = self.index(question);
        let fields = self.fields(question, index).await?;
        let mut found = BTreeMap::new();
        for some in ids.chunks(PAGE_ROWS) {
            let Some(request) = query::of_others(question, &fields, some) else { break };
            let mut pages = Pages::<OtherKey>::of(request);
            while let Some(buckets) = self.next_page(index, &mut pages).await? {
                found.extend(buckets.into_iter().map(|bucket| (bucket.key.id, bucket.key.connector)));
            }
        }
        Ok(found)
    }

    async fn readable(&self, table: &Arc<Table>) -> Result<(), SinkError> {
        let index = self.settings.index.of(table);
        let path = format!("/{}/{}", segment(index), query::SEARCH);
        let search = Request::json(Method::POST, path, &query::nothing());
        let asked = async {
            self.refresh(index).await?;
            self.ask_once::<serde::de::IgnoredAny>(&search, index).await
        };
        match asked.await {
            // The first record creates it.
            Ok(_) | Err(RemoteError { kind: RemoteErrorKind::NotFound { .. }, .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
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
