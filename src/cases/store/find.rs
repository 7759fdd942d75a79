//! Which cases there are.

use rusqlite::{params_from_iter, types::Value as SqlValue};
use serde::Serialize;
use serde_json::json;

use super::{
    CaseStore,
    row::{COLUMNS, read},
    search::{SearchField, SearchTerms, terms},
};
use crate::cases::{Case, CaseError, CaseOwner, CaseSeverity, CaseStatus, model::words};

words! {
    /// What cases are sorted by.
    CaseSort {
        /// When they were created.
        #[default]
        CreatedAt = "createdAt",
        /// When they were changed.
        UpdatedAt = "updatedAt",
        /// When they were closed.
        ClosedAt = "closedAt",
        /// Their title.
        Title = "title",
        /// Their category.
        Category = "category",
        /// Their status: open ones first.
        Status = "status",
        /// Their severity: low ones first.
        Severity = "severity",
    }
}

impl CaseSort {
    fn expression(self) -> &'static str {
        match self {
            Self::CreatedAt => "cases.created_at",
            Self::UpdatedAt => "coalesce(cases.updated_at, cases.created_at)",
            Self::ClosedAt => "cases.closed_at",
            Self::Title => "cases.title COLLATE NOCASE",
            Self::Category => "cases.category COLLATE NOCASE",
            Self::Status => "CASE cases.status WHEN 'open' THEN 0 WHEN 'in-progress' THEN 1 ELSE 2 END",
            Self::Severity => {
                "CASE cases.severity WHEN 'low' THEN 0 WHEN 'medium' THEN 1 WHEN 'high' THEN 2 ELSE 3 END"
            }
        }
    }
}

/// Selects cases: an empty list selects all.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// Of one of these owners.
    pub owners: Vec<CaseOwner>,
    /// With one of these tags.
    pub tags: Vec<String>,
    /// With one of these status.
    pub statuses: Vec<CaseStatus>,
    /// With one of these severities.
    pub severities: Vec<CaseSeverity>,
    /// With one of these assignees; `none` for those without.
    pub assignees: Vec<String>,
    /// Created by one of these.
    pub reporters: Vec<String>,
    /// With one of these categories.
    pub categories: Vec<String>,
    /// Created in this second or later.
    pub from: Option<i64>,
    /// Created in this second or earlier.
    pub to: Option<i64>,
    /// With these words.
    pub search: Option<String>,
    /// Where; nowhere means everywhere.
    pub search_fields: Vec<SearchField>,
    /// With all of the words, not only one.
    pub all_words: bool,
    /// What they are sorted by.
    pub sort: CaseSort,
    /// From small to large.
    pub ascending: bool,
    /// The page, from 1 on.
    pub page: u32,
    /// How many a page has.
    pub per_page: u32,
}

/// A page of cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CasePage {
    /// The cases.
    pub cases: Vec<Case>,
    /// The page.
    pub page: u32,
    /// How many a page has.
    pub per_page: u32,
    /// How many all pages have.
    pub total: i64,
    /// How many are open, whatever status is selected.
    pub count_open_cases: i64,
    /// How many are in progress.
    pub count_in_progress_cases: i64,
    /// How many are closed.
    pub count_closed_cases: i64,
}

/// Conditions, with the values that they name by their place.
struct Chosen {
    sql: String,
    values: Vec<SqlValue>,
}

impl Chosen {
    fn of(space: &str) -> Self {
        Self { sql: "cases.space = ?1".to_owned(), values: vec![space.to_owned().into()] }
    }

    /// Adds a condition with one value, which it names `?`.
    fn and(&mut self, condition: &str, value: impl Into<SqlValue>) {
        self.values.push(value.into());
        let place = format!("?{}", self.values.len());
        self.sql += &format!(" AND ({})", condition.replace('?', &place));
    }

    /// Adds a condition that names a list, unless that is empty.
    fn and_any<T: Serialize>(&mut self, condition: &str, list: &[T]) {
        if !list.is_empty() {
            self.and(condition, json!(list).to_string());
        }
    }

    fn and_found(&mut self, terms: &SearchTerms) {
        let mut ways: Vec<String> = Vec::new();
        let texts = terms.texts.clone().map(SqlValue::from);
        let comments = terms.comments.clone().map(SqlValue::from);
        for (value, way) in [
            (texts, "cases.id IN (SELECT rowid FROM case_text WHERE case_text MATCH ?)"),
            (
                comments,
                "cases.id IN (SELECT one.case_id FROM case_attachment AS one WHERE one.id IN
                     (SELECT rowid FROM case_comment_text WHERE case_comment_text MATCH ?))",
            ),
            (terms.number.map(SqlValue::from), "cases.number = ?"),
        ] {
            if let Some(value) = value {
                self.values.push(value);
                ways.push(way.replace('?', &format!("?{}", self.values.len())));
            }
        }
        self.sql += &format!(" AND ({})", ways.join(" OR "));
    }
}

const LISTED: &str = "IN (SELECT value FROM json_each(?))";

impl CaseStore<'_> {
    /// A page of the cases that a filter selects.
    pub fn find(&mut self, filter: &CaseFilter) -> Result<CasePage, CaseError> {
        let page = filter.page.max(1);
        let mut found = CasePage {
            cases: Vec::new(),
            page,
            per_page: filter.per_page,
            total: 0,
            count_open_cases: 0,
            count_in_progress_cases: 0,
            count_closed_cases: 0,
        };
        let Some(mut chosen) = chosen(self.space, filter) else { return Ok(found) };
        self.look(|turn| {
            let sql = format!("SELECT status, count(*) FROM cases WHERE {} GROUP BY status", chosen.sql);
            let mut query = turn.begun.prepare_cached(&sql)?;
            let mut rows = query.query(params_from_iter(&chosen.values))?;
            while let Some(row) = rows.next()? {
                let count: i64 = row.get(1)?;
                match CaseStatus::of(&row.get::<_, String>(0)?).unwrap_or_default() {
                    CaseStatus::Open => found.count_open_cases = count,
                    CaseStatus::InProgress => found.count_in_progress_cases = count,
                    CaseStatus::Closed => found.count_closed_cases = count,
                }
            }
            chosen.and_any(&format!("cases.status {LISTED}"), &filter.statuses);
            let sql = format!("SELECT count(*) FROM cases WHERE {}", chosen.sql);
            let mut query = turn.begun.prepare_cached(&sql)?;
            found.total = query.query_row(params_from_iter(&chosen.values), |row| row.get(0))?;
            let (order, per_page) = (if filter.ascending { "ASC" } else { "DESC" }, i64::from(filter.per_page));
            let sql = format!(
                "SELECT {COLUMNS} FROM cases WHERE {} ORDER BY {} {order} NULLS LAST, cases.id {order} LIMIT {per_page} OFFSET {}",
                chosen.sql,
                filter.sort.expression(),
                i64::from(page - 1) * per_page,
            );
            let mut query = turn.begun.prepare(&sql)?;
            let cases = query.query_map(params_from_iter(&chosen.values), read)?;
            found.cases = cases.collect::<rusqlite::Result<_>>()?;
            Ok(found)
        })
    }
}

/// What a filter says of everything but the status. `None` if it selects nothing.
fn chosen(space: &str, filter: &CaseFilter) -> Option<Chosen> {
    let mut chosen = Chosen::of(space);
    chosen.and_any(&format!("cases.owner {LISTED}"), &filter.owners);
    chosen.and_any(&format!("cases.severity {LISTED}"), &filter.severities);
    chosen.and_any(&format!("cases.category {LISTED}"), &filter.categories);
    chosen.and_any(&format!("cases.created_by ->> '$.username' {LISTED}"), &filter.reporters);
    let tagged = format!("EXISTS (SELECT 1 FROM json_each(cases.tags) AS tag WHERE tag.value {LISTED})");
    chosen.and_any(&tagged, &filter.tags);
    let assigned = format!(
        "EXISTS (SELECT 1 FROM json_each(cases.assignees) AS one WHERE one.value ->> '$.uid' {LISTED})
         OR cases.assignees = '[]' AND 'none' {LISTED}"
    );
    chosen.and_any(&assigned, &filter.assignees);
    if let Some(from) = filter.from {
        chosen.and("cases.created_at >= ?", from);
    }
    if let Some(to) = filter.to {
        chosen.and("cases.created_at <= ?", to);
    }
    if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
        let all = &SearchField::ALL[..];
        let fields = if filter.search_fields.is_empty() { all } else { &filter.search_fields };
        chosen.and_found(&terms(search, fields, filter.all_words)?);
    }
    Some(chosen)
}
