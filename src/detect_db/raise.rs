//! Alerts: raised, and kept in step with the episodes of their group.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, params};

use super::{random::random_id, rules::group_fields, store::Turn};
use crate::detect::{
    episodes::Episode,
    model::{RuleIndex, RuleState},
};

/// An alert whose episode may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LiveAlert {
    pub(super) id: i64,
    pub(super) episode: Episode,
    /// The earliest second that a record of it can have.
    pub(super) since: i64,
    pub(super) event_count: i64,
    /// The second of the last record that it names, or the largest number while it names all.
    pub(super) head_to: i64,
}

/// An alert whose episode has changed, and what it was before.
#[derive(Clone, Debug)]
pub(super) struct PendingAlert {
    pub(super) episode: Episode,
    /// The alerts that it consists of, as they were before the batch.
    pub(super) parts: Vec<LiveAlert>,
}

/// The alerts of a group that have changed, by their ids.
pub(super) type PendingAlerts = BTreeMap<i64, PendingAlert>;

impl Turn<'_> {
    /// The alerts of a group whose episodes meet a stretch, in order of time.
    pub(super) fn live(&self, group: i64, near: Episode) -> rusqlite::Result<Vec<LiveAlert>> {
        if !self.held.alerted.contains(&group) {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, ep_from, ep_to, since, event_count, head_to FROM alert
                   WHERE live = 1 AND grp = ?1 AND ep_from <= ?2 ORDER BY ep_from DESC";
        let mut query = self.begun.prepare_cached(sql)?;
        let mut rows = query.query([group, near.to])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            self.read(1);
            let alert = live_alert(row)?;
            if alert.episode.to < near.from {
                break;
            }
            found.push(alert);
        }
        found.reverse();
        Ok(found)
    }

    /// Brings the alerts of a stretch in step with its episodes. Each alert follows the earliest episode that it meets; of
    /// several that follow one, the oldest remains and the others are merged into it.
    pub(super) fn replace(
        &mut self,
        rule: RuleIndex,
        group: i64,
        known: &[LiveAlert],
        episodes: &[Episode],
        pending: &mut PendingAlerts,
    ) -> rusqlite::Result<()> {
        let heirs: Vec<Option<usize>> = known
            .iter()
            .map(|alert| episodes.iter().position(|episode| episode.meets(&alert.episode)))
            .collect();
        let mut next = Vec::new();
        for (place, episode) in episodes.iter().enumerate() {
            let meets: Vec<&LiveAlert> = known.iter().filter(|alert| alert.episode.meets(episode)).collect();
            let mut follow: Vec<&LiveAlert> = known
                .iter()
                .zip(&heirs)
                .filter(|(_, heir)| **heir == Some(place))
                .map(|(one, _)| one)
                .collect();
            follow.sort_unstable_by_key(|alert| alert.id);
            if let ([only], [_]) = (&follow[..], &meets[..])
                && only.episode == *episode
            {
                continue;
            }
            let parts = |alert: &&LiveAlert| match pending.get(&alert.id) {
                Some(changed) => changed.parts.clone(),
                None => vec![**alert],
            };
            let parts = meets.iter().flat_map(parts).collect();
            let id = match follow.split_first() {
                Some((keeper, others)) => {
                    self.stretch(keeper.id, *episode)?;
                    if episode.to > keeper.episode.to {
                        self.reopen(keeper.id, None)?;
                    }
                    for other in others {
                        self.reopen(keeper.id, Some(other.id))?;
                        self.merge(other.id, keeper.id)?;
                    }
                    keeper.id
                }
                None => match self.revived(group, *episode)? {
                    Some(id) => id,
                    None => self.create_for(rule, group, *episode)?,
                },
            };
            next.push((
                id,
                PendingAlert { episode: *episode, parts },
                follow.iter().map(|one| one.id).collect::<Vec<_>>(),
            ));
        }
        for (alert, heir) in known.iter().zip(&heirs) {
            if heir.is_none() {
                self.withdraw(alert.id)?;
                pending.remove(&alert.id);
            }
        }
        for (id, changed, followed) in next {
            for one in followed {
                pending.remove(&one);
            }
            pending.insert(id, changed);
        }
        Ok(())
    }

    fn create_for(&mut self, rule: RuleIndex, group: i64, episode: Episode) -> rusqlite::Result<i64> {
        let values = self.group_values(group)?;
        let names = self.book.correlation(rule).map(|correlation| &correlation.group_by[..]);
        let fields = group_fields(names.unwrap_or_default(), &values);
        self.held.alerted.insert(group);
        let Some((rule, known)) = self.book.rule(rule) else { return Ok(0) };
        let sql = "INSERT INTO alert (uid, change, rule, edition, grp, fields, created_at, changed_at, ep_from, ep_to, since,
                       first_event_at, last_event_at, event_count, head_to, record_ids, shown, tables, connectors,
                       historical, staging, notify, live)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?8, ?8, ?9, 0, ?10, '[]', '{}', '[]', '[]', 0, ?11, 0, 1)";
        let id = self.begun.prepare_cached(sql)?.insert(params![
            new_uid(self.now),
            self.next_change()?,
            known.id,
            known.edition,
            group,
            fields,
            self.now,
            episode.from,
            episode.to,
            i64::MAX,
            rule.state == RuleState::Staging,
        ])?;
        self.stored.raised += 1;
        Ok(id)
    }

    fn stretch(&self, id: i64, episode: Episode) -> rusqlite::Result<()> {
        let sql = "UPDATE alert SET ep_from = ?2, ep_to = ?3 WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([id, episode.from, episode.to]).map(drop)
    }

    /// Opens a closed alert again: somebody has judged less than it is now. With `because_of`, only if that one is not closed.
    fn reopen(&self, id: i64, because_of: Option<i64>) -> rusqlite::Result<()> {
        let sql = "UPDATE alert SET status = 'open', disposition = NULL, judged_case = NULL WHERE id = ?1 AND status = 'closed'
                       AND (?2 IS NULL OR EXISTS (SELECT 1 FROM alert WHERE id = ?2 AND status <> 'closed'))";
        self.begun.prepare_cached(sql)?.execute(params![id, because_of]).map(drop)
    }

    fn merge(&self, id: i64, into: i64) -> rusqlite::Result<()> {
        let change = self.next_change()?;
        let sql = "UPDATE alert SET live = 0, merged_into = ?2, change = ?3, changed_at = ?4 WHERE id = ?1 OR merged_into = ?1";
        self.begun.prepare_cached(sql)?.execute([id, into, change, self.now]).map(drop)
    }

    fn withdraw(&self, id: i64) -> rusqlite::Result<()> {
        let change = self.next_change()?;
        let sql = "UPDATE alert SET live = 0, withdrawn = 1, change = ?2, changed_at = ?3 WHERE id = ?1";
        self.begun.prepare_cached(sql)?.execute([id, change, self.now]).map(drop)
    }

    /// An alert that was withdrawn and is right after all.
    fn revived(&self, group: i64, episode: Episode) -> rusqlite::Result<Option<i64>> {
        if !self.held.alerted.contains(&group) {
            return Ok(None);
        }
        let sql = "SELECT id FROM alert WHERE withdrawn = 1 AND grp = ?1 AND ep_from <= ?3 AND ep_to >= ?2
                   ORDER BY id LIMIT 1";
        let found =
            self.begun.prepare_cached(sql)?.query_row([group, episode.from, episode.to], |row| row.get(0));
        let found: Option<i64> = found.optional()?;
        if let Some(id) = found {
            let sql = "UPDATE alert SET withdrawn = 0, live = 1, ep_from = ?2, ep_to = ?3 WHERE id = ?1";
            self.begun.prepare_cached(sql)?.execute([id, episode.from, episode.to])?;
        }
        Ok(found)
    }
}

pub(super) fn live_alert(row: &Row<'_>) -> rusqlite::Result<LiveAlert> {
    Ok(LiveAlert {
        id: row.get(0)?,
        episode: Episode { from: row.get(1)?, to: row.get(2)? },
        since: row.get(3)?,
        event_count: row.get(4)?,
        head_to: row.get(5)?,
    })
}

/// A UUID of version 7: sorted by its time, and the rest random.
pub(crate) fn new_uid(now: i64) -> String {
    let mut bytes = random_id();
    bytes[..6].copy_from_slice(&now.unsigned_abs().saturating_mul(1000).to_be_bytes()[2..]);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}
