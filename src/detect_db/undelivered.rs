//! Alerts that a sink has still to get. A database that is too large keeps them for as long as it can, however long the sink is
//! down.

use rusqlite::{OptionalExtension as _, params};

use super::{DetectDb, delivery::DeliveryPlace, forget::CHUNK_ALERTS, retain::Forgotten};

/// How long alerts stay after their last change, whatever the size: the longest time for which notifications are counted.
const SPARED_SECONDS: i64 = 60 * 60;
/// How many times too large the database may be before alerts go that are not delivered.
pub(super) const UNDELIVERED_FACTOR: u64 = 2;

/// Which alerts may go.
struct Spendable {
    /// They changed before.
    changed_before: i64,
    /// They are delivered up to here.
    place: DeliveryPlace,
    /// The second of the oldest alert that stays, by the id of its rule, as JSON: a detection must not forget it, nor what is
    /// younger.
    stays: String,
}

impl DetectDb {
    /// Alerts are delivered by these routes, each to a destination.
    pub fn deliver_by(&mut self, routes: Vec<(String, String)>) {
        self.alert_routes = routes;
    }

    /// Up to here every route has delivered to its destination. `None` if there is no route.
    pub(super) fn delivered_by_all(&self) -> rusqlite::Result<Option<DeliveryPlace>> {
        let sql = "SELECT change, uid FROM delivery WHERE route = ?1 AND destination = ?2";
        let mut query = self.connection.prepare_cached(sql)?;
        let mut least: Option<DeliveryPlace> = None;
        for (route, destination) in &self.alert_routes {
            let place = query.query_row([route, destination], |row| {
                Ok(DeliveryPlace { change: row.get(0)?, id: row.get(1)? })
            });
            let place = place.optional()?.unwrap_or_default();
            least = Some(least.map_or_else(|| place.clone(), |least| least.min(place.clone())));
        }
        Ok(least)
    }

    /// How many of these alerts lie behind a place.
    pub(super) fn count_behind(&self, ids: &[i64], place: Option<&DeliveryPlace>) -> rusqlite::Result<u64> {
        let Some(DeliveryPlace { change, id }) = place else { return Ok(0) };
        let sql = "SELECT count(*) FROM alert WHERE id IN (SELECT value FROM json_each(?1)) AND (change, uid) > (?2, ?3)";
        let ids = serde_json::to_string(ids).unwrap_or_default();
        let count: i64 =
            self.connection.prepare_cached(sql)?.query_row(params![ids, change, id], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// About how many bytes so many alerts take.
    pub(super) fn bytes_of_alerts(&self, count: u64) -> rusqlite::Result<u64> {
        if count == 0 {
            return Ok(0);
        }
        let sql = "SELECT coalesce(sum((SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND dbstat.name = part.name)), 0),
                       (SELECT count(*) FROM alert)
                   FROM sqlite_schema AS part WHERE rootpage > 0 AND tbl_name = 'alert'";
        let (bytes, all): (i64, i64) =
            self.connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((bytes.unsigned_abs() / all.unsigned_abs().max(1)).saturating_mul(count))
    }

    /// Removes the oldest alerts that may go, up to a place, while the database is larger than this.
    pub(super) fn shrink_alerts(
        &mut self,
        (size_max, place): (u64, Option<&DeliveryPlace>),
        now: i64,
        left: &mut usize,
        gone: &mut Forgotten,
    ) -> rusqlite::Result<()> {
        if *left == 0 || !self.is_larger_than(size_max)? {
            return Ok(());
        }
        let spendable = self.spendable(now, place)?;
        while *left > 0 && self.is_larger_than(size_max)? {
            let alerts = self.first_alerts(&spendable)?;
            if alerts.is_empty() {
                break;
            }
            *left -= 1;
            self.forget_alerts(&alerts, now, gone)?;
        }
        Ok(())
    }

    /// The alerts up to a place may go. Those that have just changed decide who is notified of the next ones, and those whose
    /// actions wait are still to be sent.
    fn spendable(&self, now: i64, place: Option<&DeliveryPlace>) -> rusqlite::Result<Spendable> {
        let changed_before = now.saturating_sub(SPARED_SECONDS);
        let everything = || DeliveryPlace { change: i64::MAX, id: String::new() };
        let place = place.cloned().unwrap_or_else(everything);
        let sql = "SELECT json_group_object(rule, at) FROM
                       (SELECT rule, min(last_event_at) AS at FROM alert
                        WHERE grp IS NULL AND (changed_at >= ?1 OR (change, uid) > (?2, ?3) OR EXISTS
                            (SELECT 1 FROM outbox WHERE outbox.alert = alert.uid AND outbox.state = 'waiting'))
                        GROUP BY rule)";
        let key = params![changed_before, place.change, place.id];
        let stays = self.connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
        Ok(Spendable { changed_before, place, stays })
    }

    /// Some of the alerts that may go and that nothing leads to again, those with the oldest records.
    fn first_alerts(&self, spendable: &Spendable) -> rusqlite::Result<Vec<i64>> {
        let Spendable { changed_before, place: DeliveryPlace { change, id }, stays } = spendable;
        // Without a delivery no alert is read in vain.
        if !self.connection.prepare_cached("SELECT 1 FROM alert WHERE change <= ?1")?.exists([change])? {
            return Ok(Vec::new());
        }
        // As in `old_alerts`, the mark of a detection must not pass an alert that stays.
        let sql = "SELECT id FROM alert WHERE iif(grp IS NULL,
                       last_event_at < coalesce(json_extract(?4, '$.\"' || rule || '\"'), last_event_at + 1) OR outdated,
                       merged_into IS NOT NULL OR outdated
                           OR ep_to <= (SELECT mark FROM rule WHERE rule.id = alert.rule))
                       AND changed_at < ?1 AND (change, uid) <= (?2, ?3)
                       AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.alert = alert.uid AND outbox.state = 'waiting')
                   ORDER BY last_event_at LIMIT ?5";
        let mut query = self.connection.prepare_cached(sql)?;
        let key = params![changed_before, change, id, stays, CHUNK_ALERTS];
        query.query_map(key, |row| row.get(0))?.collect()
    }
}
