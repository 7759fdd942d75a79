//! Alerts that a sink has still to get. A database that is too large keeps them for as long as it can, however long the sink is
//! down.

use rusqlite::{OptionalExtension as _, params};

use super::{DetectDb, delivery::DeliveryPlace, forget::CHUNK_ALERTS};

/// How long alerts stay after their last change, whatever the size: the longest time for which notifications are counted.
const SPARED_SECONDS: i64 = 60 * 60;
/// How many times too large the database may be before alerts go that are not delivered.
pub(super) const UNDELIVERED_FACTOR: u64 = 2;

impl DetectDb {
    /// Alerts are delivered by these routes.
    pub fn deliver_by(&mut self, routes: Vec<String>) {
        self.alert_routes = routes;
    }

    /// Up to here every route has delivered. `None` if there is no route.
    pub(super) fn delivered_by_all(&self) -> rusqlite::Result<Option<DeliveryPlace>> {
        let sql = "SELECT change, uid FROM delivery WHERE route = ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        let mut least: Option<DeliveryPlace> = None;
        for route in &self.alert_routes {
            let place =
                query.query_row([route], |row| Ok(DeliveryPlace { change: row.get(0)?, id: row.get(1)? }));
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

    /// The alerts with the oldest records that nothing leads to again, up to a place. Those that have just changed decide who is
    /// notified of the next ones, and those whose actions wait are still to be sent.
    pub(super) fn first_alerts(&self, now: i64, place: Option<&DeliveryPlace>) -> rusqlite::Result<Vec<i64>> {
        let (last, id) = place.map_or((i64::MAX, ""), |place| (place.change, &*place.id));
        // Without a delivery no alert is read in vain.
        if !self.connection.prepare_cached("SELECT 1 FROM alert WHERE change <= ?1")?.exists([last])? {
            return Ok(Vec::new());
        }
        let sql = "SELECT id FROM alert WHERE (grp IS NULL OR merged_into IS NOT NULL OR outdated
                       OR ep_to <= (SELECT mark FROM rule WHERE rule.id = alert.rule))
                       AND changed_at < ?1 AND (change, uid) <= (?2, ?3)
                       AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.alert = alert.uid AND outbox.state = 'waiting')
                   ORDER BY last_event_at LIMIT ?4";
        let mut query = self.connection.prepare_cached(sql)?;
        let key = params![now.saturating_sub(SPARED_SECONDS), last, id, CHUNK_ALERTS];
        query.query_map(key, |row| row.get(0))?.collect()
    }
}
