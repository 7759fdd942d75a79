//! How far rows are delivered to each sink that gets them, and when each alert was first.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::{
    DetectDb,
    alert::{Alert, COLUMNS, read},
};
use crate::sinks::{SinkError, sqlite::of_database};

/// The tables of this file.
pub(super) const TABLES: &str = "
CREATE TABLE delivery (
    route TEXT PRIMARY KEY, destination TEXT NOT NULL, change INTEGER NOT NULL, uid TEXT NOT NULL, delivered INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE delivered (
    route TEXT NOT NULL, uid TEXT NOT NULL, at INTEGER NOT NULL, notify INTEGER NOT NULL, PRIMARY KEY (route, uid)
) WITHOUT ROWID;
";

/// A place in the order of changes. Several alerts may have changed together, so the change alone is none. Runs of connectors
/// do not change: there, it is the number of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryPlace {
    /// The number of the change.
    pub change: i64,
    /// The row.
    pub id: String,
}

/// How far a route is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCheckpoint {
    /// Up to here everything is delivered.
    pub place: DeliveryPlace,
    /// How many rows and versions of rows were delivered, since ever.
    pub delivered: u64,
    /// Whether it was committed before: for this destination.
    pub is_known: bool,
}

/// An alert to deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct DueAlert {
    /// As it is now.
    pub alert: Alert,
    /// When its first version was delivered, if one was. One that begins to notify is new to those who are notified, so
    /// earlier versions that did not notify do not count.
    pub first_delivered: Option<i64>,
}

/// How far one alert is on its way by a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertArrival {
    /// It was first delivered at this second.
    At(i64),
    /// It is still to be delivered.
    Due,
    /// It is not kept here any more, or was refused.
    Unknown,
}

impl DetectDb {
    /// How far each of these alerts is on its way by a route to its destination.
    pub fn alert_arrivals(
        &self,
        route: &str,
        destination: &str,
        ids: &[String],
    ) -> Result<BTreeMap<String, AlertArrival>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = "SELECT (SELECT at FROM delivered WHERE route = ?1 AND uid = ?3
                               AND EXISTS (SELECT 1 FROM delivery WHERE route = ?1 AND destination = ?2)),
                       EXISTS (SELECT 1 FROM alert WHERE uid = ?3 AND NOT EXISTS
                           (SELECT 1 FROM delivery AS done WHERE route = ?1 AND destination = ?2
                                AND (done.change, done.uid) >= (alert.change, alert.uid)))";
        let mut query = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut arrival = |id: &String| {
            query.query_row(params![route, destination, id], |row| {
                Ok(match (row.get::<_, Option<i64>>(0)?, row.get::<_, bool>(1)?) {
                    (Some(at), _) => AlertArrival::At(at),
                    (None, true) => AlertArrival::Due,
                    (None, false) => AlertArrival::Unknown,
                })
            })
        };
        let arrivals = ids.iter().map(|id| Ok((id.clone(), arrival(id)?)));
        arrivals.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// The checkpoint of a route. One that was written for another destination counts as none: there, no row has arrived.
    pub fn delivery_checkpoint(
        &self,
        route: &str,
        destination: &str,
    ) -> Result<DeliveryCheckpoint, SinkError> {
        let sql = "SELECT change, uid, delivered FROM delivery WHERE route = ?1 AND destination = ?2";
        let found = self.connection.query_row(sql, [route, destination], |row| {
            let place = DeliveryPlace { change: row.get(0)?, id: row.get(1)? };
            let delivered = row.get::<_, i64>(2)?.unsigned_abs();
            Ok(DeliveryCheckpoint { place, delivered, is_known: true })
        });
        found.optional().map(Option::unwrap_or_default).map_err(|error| of_database(&self.path, error))
    }

    /// The alerts behind a checkpoint, in the order of their changes, at most so many.
    pub fn due_alerts(
        &self,
        route: &str,
        checkpoint: &DeliveryCheckpoint,
        max: u32,
    ) -> Result<Vec<DueAlert>, SinkError> {
        let failed = |error| of_database(&self.path, error);
        let sql = format!(
            "SELECT {COLUMNS}, delivered.at FROM alert JOIN edition ON edition.id = alert.edition
                 LEFT JOIN delivered ON delivered.route = ?1 AND delivered.uid = alert.uid AND ?2
                     AND delivered.notify >= alert.notify
             WHERE (alert.change, alert.uid) > (?3, ?4) ORDER BY alert.change, alert.uid LIMIT ?5"
        );
        let mut query = self.connection.prepare_cached(&sql).map_err(failed)?;
        let DeliveryCheckpoint { place, is_known, .. } = checkpoint;
        let found = query.query_map(params![route, is_known, place.change, place.id, max], |row| {
            let first_delivered = row.get(row.as_ref().column_count() - 1)?;
            Ok(DueAlert { alert: read(row)?, first_delivered })
        });
        found.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// How many alerts are behind a checkpoint.
    pub fn count_due_alerts(&self, place: &DeliveryPlace) -> Result<u64, SinkError> {
        self.alerts_behind(place).map_err(|error| of_database(&self.path, error))
    }

    pub(super) fn alerts_behind(&self, place: &DeliveryPlace) -> rusqlite::Result<u64> {
        let sql = "SELECT count(*) FROM alert WHERE (change, uid) > (?1, ?2)";
        let count = self.connection.query_row(sql, params![place.change, place.id], |row| row.get(0));
        count.map(i64::unsigned_abs)
    }

    /// Commits that these alerts are delivered, all that are due up to the last of them. Those at the places that were
    /// refused are in the rejects: the destination has not seen them.
    pub fn commit_alerts(
        &mut self,
        route: &str,
        destination: &str,
        alerts: &[DueAlert],
        refused: &BTreeSet<usize>,
        now: i64,
    ) -> Result<(), SinkError> {
        self.commit_alerts_at(route, destination, alerts, refused, now)
            .map_err(|error| of_database(&self.path, error))
    }

    /// An alert as it is now, for a route whose sink has refused it before. `None` if it is no longer kept.
    pub fn refused_alert(&self, route: &str, id: &str) -> Result<Option<DueAlert>, SinkError> {
        let Some(alert) = self.alerts_named(id, 2)?.into_iter().find(|alert| alert.id == id) else {
            return Ok(None);
        };
        let sql = "SELECT at FROM delivered WHERE route = ?1 AND uid = ?2 AND notify >= ?3";
        let key = params![route, id, alert.notify];
        let found = self.connection.query_row(sql, key, |row| row.get(0)).optional();
        let first_delivered = found.map_err(|error| of_database(&self.path, error))?;
        Ok(Some(DueAlert { alert, first_delivered }))
    }

    /// Notes that alerts that were refused are delivered.
    pub fn note_delivered(&mut self, route: &str, alerts: &[DueAlert], now: i64) -> Result<(), SinkError> {
        let failed = |error| of_database(&self.path, error);
        let begun =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        note_first(&begun, route, alerts, now).map_err(failed)?;
        begun.commit().map_err(failed)
    }

    fn commit_alerts_at(
        &mut self,
        route: &str,
        destination: &str,
        alerts: &[DueAlert],
        refused: &BTreeSet<usize>,
        now: i64,
    ) -> rusqlite::Result<()> {
        let Some(DueAlert { alert: last, .. }) = alerts.last() else { return Ok(()) };
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_elsewhere(&begun, route, destination)? {
            begun.execute("DELETE FROM delivered WHERE route = ?1", [route])?;
        }
        let taken = alerts.iter().enumerate().filter(|(place, _)| !refused.contains(place));
        note_first(&begun, route, taken.map(|(_, due)| due), now)?;
        let place = DeliveryPlace { change: last.seq, id: last.id.clone() };
        note_place(&begun, (route, destination), &place, alerts.len())?;
        // Ids begin with the time, and so do those of alerts that are no longer kept.
        let sql = "DELETE FROM delivered WHERE route = ?1 AND uid < (SELECT min(uid) FROM alert)";
        begun.execute(sql, [route])?;
        begun.commit()
    }
}

/// Whether the checkpoint of a route was written for another destination.
fn is_elsewhere(begun: &Connection, route: &str, destination: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM delivery WHERE route = ?1 AND destination <> ?2";
    Ok(begun.query_row(sql, [route, destination], |_| Ok(())).optional()?.is_some())
}

/// Moves the checkpoint of a route on to a place, after so many more rows. That of another destination begins at zero. It moves
/// back for no commit that comes late: what is behind it would be delivered again.
pub(super) fn note_place(
    begun: &Connection,
    (route, destination): (&str, &str),
    place: &DeliveryPlace,
    rows: usize,
) -> rusqlite::Result<()> {
    if is_elsewhere(begun, route, destination)? {
        begun.execute("DELETE FROM delivery WHERE route = ?1", [route])?;
    }
    let sql = "INSERT INTO delivery VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (route) DO UPDATE
               SET change = excluded.change, uid = excluded.uid, delivered = delivered + excluded.delivered
               WHERE (excluded.change, excluded.uid) > (change, uid)";
    let count = i64::try_from(rows).unwrap_or(i64::MAX);
    begun.execute(sql, params![route, destination, place.change, place.id, count])?;
    Ok(())
}

/// Notes when each of these alerts was first delivered, and whether it notified then.
fn note_first<'a>(
    begun: &Connection,
    route: &str,
    alerts: impl IntoIterator<Item = &'a DueAlert>,
    now: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO delivered VALUES (?1, ?2, ?3, ?4) ON CONFLICT (route, uid) DO UPDATE
               SET at = excluded.at, notify = excluded.notify WHERE excluded.notify > delivered.notify";
    let mut first = begun.prepare_cached(sql)?;
    for DueAlert { alert, .. } in alerts {
        first.execute(params![route, alert.id, now, alert.notify])?;
    }
    Ok(())
}
