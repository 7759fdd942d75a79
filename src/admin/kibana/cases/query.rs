//! Queries of requests.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value;

use crate::{
    admin::kibana::{KibanaError, fields::RequestFields},
    cases::{CaseFilter, CaseOwner, CaseSeverity, CaseSort, CaseStatus, SearchField},
};

/// The most cases of a page.
const PAGE_MAX: u32 = 100;
/// The most cases that pages lead to.
const REACH_MAX: u64 = 10_000;
/// What a page has if the query does not say so.
const PAGE: u32 = 20;

/// A page: its number from 1 on, and how many it has.
pub(super) fn page(fields: &mut RequestFields, per_page: u32) -> Result<(u32, u32), KibanaError> {
    let mut number = |name: &str, otherwise: u32| match fields.optional_text(name)? {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| fields.wrong(name, "expected a number")),
    };
    let (page, per_page) = (number("page", 1)?, number("perPage", per_page)?);
    if per_page > PAGE_MAX {
        let message = format!(
            "The provided perPage value is too high. The maximum allowed perPage value is {PAGE_MAX}."
        );
        return Err(KibanaError::bad_request(message));
    }
    if u64::from(page) * u64::from(per_page) > REACH_MAX {
        let message = format!(
            "The number of documents is too high. Paginating through more than {REACH_MAX} documents is not possible."
        );
        return Err(KibanaError::bad_request(message));
    }
    Ok((page.max(1), per_page))
}

/// Whether the first is the smallest; `otherwise` if the query does not say so.
pub(super) fn ascending(fields: &mut RequestFields, otherwise: bool) -> Result<bool, KibanaError> {
    match fields.optional_text("sortOrder")?.as_deref() {
        None => Ok(otherwise),
        Some("asc") => Ok(true),
        Some("desc") => Ok(false),
        Some(_) => Err(fields.wrong("sortOrder", "expected \"asc\" or \"desc\"")),
    }
}

/// A name that may come several times.
pub(super) fn list(fields: &mut RequestFields, name: &str) -> Vec<String> {
    let texts = |values: Vec<Value>| {
        values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    match fields.any(name) {
        Some(Value::Array(values)) => texts(values),
        Some(one) => texts(vec![one]),
        None => Vec::new(),
    }
}

fn words<T>(
    fields: &mut RequestFields,
    name: &str,
    of: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, KibanaError> {
    let given = list(fields, name);
    let read: Option<Vec<T>> = given.iter().map(|word| of(word)).collect();
    read.ok_or_else(|| fields.wrong(name, "is none of the values that it can have"))
}

/// The owners.
pub(super) fn owners(fields: &mut RequestFields) -> Result<Vec<CaseOwner>, KibanaError> {
    words(fields, "owner", CaseOwner::of)
}

/// What `_find` selects.
pub(super) fn filter(fields: &mut RequestFields, now: i64) -> Result<CaseFilter, KibanaError> {
    let (page, per_page) = page(fields, PAGE)?;
    let field = |word: &str| SearchField::ALL.into_iter().find(|one| one.word() == word);
    let sort = words(fields, "sortField", CaseSort::of)?.pop().unwrap_or_default();
    let all_words = match fields.optional_text("defaultSearchOperator")?.as_deref() {
        None | Some("OR") => false,
        Some("AND") => true,
        Some(_) => return Err(fields.wrong("defaultSearchOperator", "expected \"AND\" or \"OR\"")),
    };
    Ok(CaseFilter {
        owners: owners(fields)?,
        tags: list(fields, "tags"),
        statuses: words(fields, "status", CaseStatus::of)?,
        severities: words(fields, "severity", CaseSeverity::of)?,
        assignees: list(fields, "assignees"),
        reporters: list(fields, "reporters"),
        categories: list(fields, "category"),
        from: time(fields, "from", now)?,
        to: time(fields, "to", now)?,
        search: fields.optional_text("search")?,
        search_fields: words(fields, "searchFields", field)?,
        all_words,
        sort,
        ascending: ascending(fields, false)?,
        page,
        per_page,
    })
}

fn time(fields: &mut RequestFields, name: &str, now: i64) -> Result<Option<i64>, KibanaError> {
    let Some(text) = fields.optional_text(name)? else { return Ok(None) };
    second(&text, now).map(Some).ok_or_else(|| fields.wrong(name, "expected a time, or one such as now-7d"))
}

/// A time, a day, or a time from now on.
fn second(text: &str, now: i64) -> Option<i64> {
    if let Some(rest) = text.strip_prefix("now") {
        return after(rest, now);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp());
    }
    text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc().timestamp())
}

/// `-7d`; rounding such as `/d` is left out.
fn after(rest: &str, now: i64) -> Option<i64> {
    let rest = rest.split('/').next().unwrap_or_default();
    let sign = match rest.chars().next() {
        None => return Some(now),
        Some('-') => -1,
        Some('+') => 1,
        Some(_) => return None,
    };
    let rest = &rest[1..];
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = rest.split_at(end);
    let day = 24 * 60 * 60;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" | "H" => 60 * 60,
        "d" => day,
        "w" => 7 * day,
        "M" => 30 * day,
        "y" => 365 * day,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(unit)?.checked_mul(sign)?.checked_add(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_each_of_its_forms() {
        let at = |text: &str| second(text, 1_000_000);
        assert_eq!(at("now"), Some(1_000_000));
        assert_eq!(at("now-1d/d"), Some(913_600));
        assert_eq!(at("now+1m"), Some(1_000_060));
        assert_eq!(at("1970-01-02"), Some(86_400));
        assert_eq!(at("1970-01-02T00:00:01Z"), Some(86_401));
        assert_eq!(at("1970-01-02T00:00:01"), Some(86_401));
        for text in ["", "yesterday", "now-", "now-d", "now1d", "now-1é", "now-99999999999999999999d", "nowé"]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_has_at_most_a_hundred_cases_and_pages_have_an_end() {
        let read = |query: &str| page(&mut RequestFields::of_query(Some(query)), 20);
        assert_eq!(read(""), Ok((1, 20)));
        assert_eq!(read("page=0&perPage=100"), Ok((1, 100)));
        assert!(read("perPage=101").is_err() && read("page=101&perPage=100").is_err());
        assert!(read("page=-1").is_err() && read("page=1&page=2").is_err());
    }
}
