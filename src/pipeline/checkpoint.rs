//! What a route stores: the identity of its records, and the position of each walk.

use collectors::Cursor;
use serde::{Deserialize, Serialize};

/// The head of a route's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whose records these are, and where they go.
    pub identity: Identity,
    /// The second from which this route covers its source.
    pub start: i64,
    /// One cursor per walk: the list, then audit logs' tenant walk; or one per window of a backfill.
    pub walks: Vec<Cursor>,
    /// Records delivered to the sink so far.
    #[serde(default)]
    pub delivered: u64,
    /// The latest second of a delivered record.
    #[serde(default)]
    pub last_record: Option<i64>,
}

impl Checkpoint {
    /// For windows that are read once: how many of their seconds are unread, at most the window, and 0 once all
    /// of it is read. Tenant-scoped events are a second list of the same seconds, with few records: they only
    /// keep it from 0.
    pub fn remaining_seconds(&self) -> Option<i64> {
        let is_finished = self.walks.iter().all(|walk| walk.finished);
        let own = self.walks.iter().filter(|walk| !walk.tenant_only);
        let left: i64 = own.map(Cursor::unread_seconds).sum::<Option<_>>()?;
        Some(if is_finished { 0 } else { left.max(1) })
    }

    /// The second before which everything is delivered, of all windows together; `None` before the first page.
    pub fn watermark(&self) -> Option<i64> {
        let own = || self.walks.iter().filter(|walk| !walk.tenant_only);
        let unread = own().find(|walk| !walk.finished).or_else(|| own().next_back());
        unread.map(|walk| walk.watermark)
    }
}

/// What a checkpoint belongs to. A cursor is meaningless for another list, another filter or another
/// destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The collector's base URL.
    pub base_url: String,
    /// `openai-organization` as sent by the API; `None` while it sends none.
    #[serde(default)]
    pub organization: Option<String>,
    /// `openai-project` as sent by the API.
    #[serde(default)]
    pub project: Option<String>,
    /// A digest of the source and its filters.
    pub filters: String,
    /// The sink's own identity.
    pub sink: String,
}

/// A part of the identity that differs from the checkpoint's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} was {before} when this checkpoint was written, and is now {now}")]
pub struct Changed {
    /// Which part.
    pub what: &'static str,
    /// Its value in the checkpoint.
    pub before: String,
    /// Its current value.
    pub now: String,
}

impl Identity {
    /// The first part that differs. A missing organization or project on either side is no difference.
    pub fn change_to(&self, now: &Self) -> Option<Changed> {
        let changed = |what, before: &str, now: &str| {
            (before != now).then(|| Changed { what, before: before.to_owned(), now: now.to_owned() })
        };
        let named = |what, before: &Option<String>, now: &Option<String>| match (before, now) {
            (Some(before), Some(now)) => changed(what, before, now),
            (None, _) | (_, None) => None,
        };
        changed("base_url", &self.base_url, &now.base_url)
            .or_else(|| named("organization", &self.organization, &now.organization))
            .or_else(|| named("project", &self.project, &now.project))
            .or_else(|| changed("filters", &self.filters, &now.filters))
            .or_else(|| changed("sink", &self.sink, &now.sink))
    }

    /// Adds names that were unknown before.
    pub fn learn(&mut self, now: Self) {
        let (organization, project) = (self.organization.take(), self.project.take());
        *self =
            Self { organization: now.organization.or(organization), project: now.project.or(project), ..now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(project: Option<&str>) -> Identity {
        Identity {
            base_url: "https://api.openai.com/v1".into(),
            organization: Some("org-a".into()),
            project: project.map(str::to_owned),
            filters: "0".into(),
            sink: "sqlite:/tables.db".into(),
        }
    }

    #[test]
    fn a_key_of_another_project_is_a_change_and_an_unnamed_project_is_none() {
        let changed = identity(Some("proj_a")).change_to(&identity(Some("proj_b"))).expect("a change");
        assert_eq!((changed.what, changed.now.as_str()), ("project", "proj_b"));
        assert_eq!(identity(None).change_to(&identity(Some("proj_b"))), None);
        assert_eq!(identity(Some("proj_a")).change_to(&identity(None)), None);
    }

    #[test]
    fn tenant_scoped_events_do_not_make_a_window_longer() {
        let window = |tenant_only| Cursor { tenant_only, ..Cursor::begin(1_000, Some(1_099), false) };
        let mut checkpoint = Checkpoint {
            identity: identity(None),
            start: 1_000,
            walks: vec![window(false), window(true)],
            delivered: 0,
            last_record: None,
        };
        assert_eq!(checkpoint.remaining_seconds(), Some(100));
        checkpoint.walks[0].finished = true;
        assert_eq!(checkpoint.remaining_seconds(), Some(1), "until nothing is left");
        checkpoint.walks[1].finished = true;
        assert_eq!(checkpoint.remaining_seconds(), Some(0));
    }

    #[test]
    fn of_a_window_in_parts_everything_before_its_first_unread_part_is_delivered() {
        let windows = [(0, 9), (10, 19), (20, 29)].map(|(from, to)| Cursor::begin(from, Some(to), false));
        let mut checkpoint = Checkpoint {
            identity: identity(None),
            start: 0,
            walks: windows.to_vec(),
            delivered: 0,
            last_record: None,
        };
        for (place, watermark) in [(2, 0), (0, 10), (1, 30)] {
            let walk = &mut checkpoint.walks[place];
            (walk.finished, walk.watermark) = (true, walk.until.map_or(0, |until| until + 1));
            assert_eq!(checkpoint.watermark(), Some(watermark), "after part {place}");
        }
    }

    #[test]
    fn a_name_once_learned_is_kept_while_the_api_does_not_name_it() {
        let mut known = identity(Some("proj_a"));
        known.learn(identity(None));
        assert_eq!(known.project.as_deref(), Some("proj_a"));
    }
}
