//! What makes one list differ from another, as data only. How a list is walked follows from its [`Paging`].
//!
//! A new list is one file here, with one function that makes its [`List`], and one `mod` line.

mod audit_logs;
mod chat_completions;

use std::{borrow::Cow, fmt, time::Duration};

pub use audit_logs::AuditLogs;
pub use chat_completions::ChatCompletions;
pub(crate) use chat_completions::{PATH as COMPLETIONS_PATH, SCOPE as COMPLETIONS_SCOPE};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use url::form_urlencoded::Serializer;

use crate::{
    LIMIT,
    page::{
        head::{Scalar, TimeField},
        record::Record,
    },
    walk::crowded::Probe,
};

/// One list with its filters.
#[derive(Debug, Clone)]
pub struct List {
    /// Its name in logs.
    pub name: &'static str,
    /// Path relative to the base URL.
    pub path: &'static str,
    /// The scope that a key needs, as the API's errors name it.
    pub scope: &'static str,
    /// The field that dates its records.
    pub time: TimeField,
    /// How pages are asked for.
    pub paging: Paging,
    /// The field that divides the records of one second.
    pub kind: FilterField,
    /// Parameters of every request.
    pub filters: Vec<(Cow<'static, str>, String)>,
    /// How long the API is said to keep a record; `None` if unlimited.
    pub kept_for: Option<Duration>,
}

/// How pages of a list are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// By a time filter: closed ranges of seconds, no cursor. The order is undocumented and detected from the
    /// pages.
    ByTime {
        /// The parameter for the first second, inclusive.
        from: &'static str,
        /// The parameter for the last second, inclusive.
        to: &'static str,
    },
    /// After a record (an anchor), in the order that the request names. There is no time filter.
    ByAnchor {
        /// The parameter for the order: `asc` or `desc`.
        order: &'static str,
    },
}

/// What a list accepts as order, where the request names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum AcceptedOrders {
    /// Oldest first and newest first.
    #[default]
    Both,
    /// Not newest first.
    OldestFirst,
    /// Neither: requests name no order, and the list's own is detected.
    Unnamed,
}

/// The field by which a list can be filtered.
#[derive(Debug, Clone, Copy)]
pub struct FilterField {
    /// Its name in a record.
    pub member: &'static str,
    /// Its query parameter.
    pub parameter: &'static str,
    /// Whether the list shows records with this value; `None` if it shows all.
    pub is_listed: Option<fn(&str) -> bool>,
}

/// What one request asks for, apart from the list's filters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// First second, and last second if there is one. Only for lists with a time filter.
    pub window: (i64, Option<i64>),
    /// The record after which the page begins. Only for lists read from anchors.
    pub after: Option<&'a str>,
    /// Newest first, where the list has a parameter for the order.
    pub newest_first: bool,
    /// How a crowded second is searched.
    pub probe: Option<Probe<'a>>,
    /// What the list accepts as order.
    pub orders: AcceptedOrders,
}

impl List {
    /// Path and query of a page of at most `limit` records.
    pub(crate) fn query(&self, asked: Asked<'_>, limit: usize) -> String {
        let mut query = Serializer::for_suffix(format!("{}?", self.path), self.path.len() + 1);
        query.append_pair("limit", &limit.to_string());
        let mut after = asked.after;
        let mut only = None;
        match self.paging {
            Paging::ByTime { from, to } => {
                let (first, last) = asked.window;
                if first > 0 {
                    query.append_pair(from, &first.to_string());
                }
                if let Some(last) = last {
                    query.append_pair(to, &last.to_string());
                }
            }
            Paging::ByAnchor { order } => {
                let newest_first = asked.newest_first || matches!(asked.probe, Some(Probe::FarEnd(_)));
                if asked.orders != AcceptedOrders::Unnamed {
                    query.append_pair(order, if newest_first { "desc" } else { "asc" });
                }
            }
        }
        match asked.probe {
            Some(Probe::After(id)) => after = Some(id),
            Some(Probe::Before(id)) => _ = query.append_pair("before", id),
            Some(Probe::FarEnd(anchor)) => after = anchor.map(|anchor| anchor.id.as_str()),
            Some(Probe::Only(kind)) => only = Some(kind),
            Some(Probe::Again) | None => {}
        }
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        if let Some(kind) = only {
            query.append_pair(self.kind.parameter, kind);
        }
        for (name, value) in &self.filters {
            if only.is_none() || name != self.kind.parameter {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// Text that identifies the list and its filters, without the parameters of one page.
    pub(crate) fn identity(&self, probe: Option<Probe<'_>>, newest_first: bool) -> String {
        self.query(Asked { probe, newest_first, ..Asked::default() }, LIMIT)
    }

    /// Whether the list can be requested by time.
    pub fn has_time_filter(&self) -> bool {
        matches!(self.paging, Paging::ByTime { .. })
    }

    /// Whether the list shows a record of this kind. `filtered` if the request carries the list's filters.
    pub(crate) fn shows(&self, kind: &str, filtered: bool) -> bool {
        let mut wanted = self.wanted_kinds().peekable();
        self.kind.is_listed.is_none_or(|is_listed| is_listed(kind))
            && (!filtered || wanted.peek().is_none() || wanted.any(|wanted| wanted == kind))
    }

    /// Whether the list is limited to some kinds.
    pub(crate) fn limits_kinds(&self) -> bool {
        self.kind.is_listed.is_some() || self.wanted_kinds().next().is_some()
    }

    fn wanted_kinds(&self) -> impl Iterator<Item = &str> {
        let of_kind = |(name, _): &&(Cow<'static, str>, String)| name == self.kind.parameter;
        self.filters.iter().filter(of_kind).map(|(_, value)| value.as_str())
    }

    /// The kind of a record; `None` if it has none.
    pub(crate) fn kind_of(&self, record: &Record) -> Option<String> {
        member(&record.raw, self.kind.member)
    }
}

/// The text of one member of an object, parsed without building the rest. Of a duplicate member the last
/// value counts.
fn member(json: &[u8], name: &str) -> Option<String> {
    struct Wanted<'n>(&'n str);
    impl<'de> Visitor<'de> for Wanted<'_> {
        type Value = Option<String>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<Scalar<'de>>()? {
                match key {
                    Scalar::Text(key) if key == self.0 => {
                        found = map.next_value::<Scalar<'de>>()?.into_text()
                    }
                    _ => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_slice(json).deserialize_map(Wanted(name)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit() -> List {
        AuditLogs { event_types: vec!["login.failed".to_owned()], ..AuditLogs::default() }.list()
    }

    #[test]
    fn a_probe_for_one_kind_replaces_the_filter_by_kind_and_keeps_the_others() {
        let list = List {
            filters: [audit().filters, vec![("project_ids[]".into(), "p".into())]].concat(),
            ..audit()
        };
        let probe = Some(Probe::Only("login.succeeded"));
        let asked = Asked { window: (5, Some(5)), probe, ..Asked::default() };
        assert_eq!(
            list.query(asked, 7),
            "/organization/audit_logs?limit=7&effective_at%5Bgte%5D=5&effective_at%5Blte%5D=5\
             &event_types%5B%5D=login.succeeded&project_ids%5B%5D=p"
        );
    }

    #[test]
    fn a_look_from_the_far_end_replaces_the_anchor_and_turns_the_order() {
        let list = ChatCompletions { model: Some("m".to_owned()), metadata: Vec::new() }.list();
        let anchor = crate::walk::anchors::Anchor { second: 7, id: "b".to_owned() };
        let probe = Some(Probe::FarEnd(Some(&anchor)));
        let asked = Asked { after: Some("a"), probe, ..Asked::default() };
        assert_eq!(list.query(asked, 1), "/chat/completions?limit=1&order=desc&after=b&model=m");
    }

    #[test]
    fn the_kind_of_a_record_is_the_text_of_its_own_member() {
        assert_eq!(member(br#"{"a":{"type":"x"},"type":"y"}"#, "type").as_deref(), Some("y"));
        assert_eq!(member(br#"{"type":7}"#, "type"), None);
        assert_eq!(member(b"[1]", "type"), None);
    }

    #[test]
    fn kinds_are_limited_by_the_list_itself_and_by_its_filter() {
        assert!(audit().shows("login.failed", true) && !audit().shows("login.succeeded", true));
        assert!(audit().shows("login.succeeded", false));
    }
}
