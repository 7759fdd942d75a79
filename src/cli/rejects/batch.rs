//! Rejects that are sent in one write.

use std::{collections::HashMap, sync::Arc};

use collectors::{IdHash, Record};

use crate::{
    pipeline::rejects::{kept::KeptReject, taken::Place},
    sinks::{Redelivery, Sink},
    tables::{ALERTS, Table},
};

/// The most records and bytes of one write to a sink that does not detect duplicates: a kill can duplicate
/// this many.
const REPEATABLE_RECORDS: usize = 100;
const REPEATABLE_BYTES: usize = 256 << 10;

/// Records of one route that go into one write.
pub(super) struct RetryBatch {
    pub(super) route: String,
    pub(super) sink: String,
    pub(super) connector: Arc<str>,
    pub(super) table: Arc<Table>,
    /// For each record, the places of its lines.
    pub(super) places: Vec<Vec<Place>>,
    /// The index of each record.
    pub(super) known: HashMap<IdHash, usize>,
    pub(super) records: Vec<Record>,
    pub(super) bytes: usize,
}

impl RetryBatch {
    /// An empty batch for rejects like this one.
    pub(super) fn of(kept: &KeptReject<'_>, table: Arc<Table>) -> Self {
        Self {
            route: kept.route.to_owned(),
            sink: kept.sink().to_owned(),
            connector: kept.connector.into(),
            table,
            places: Vec::new(),
            known: HashMap::new(),
            records: Vec::new(),
            bytes: 0,
        }
    }

    /// Whether this reject belongs to the batch's route.
    pub(super) fn is_for(&self, kept: &KeptReject<'_>) -> bool {
        self.route == kept.route && self.connector.as_ref() == kept.connector && self.table.name == kept.table
    }

    /// Whether the record is in the batch; if so, the line at this place is added to it.
    pub(super) fn has(&mut self, name: IdHash, place: Place) -> bool {
        let places = self.known.get(&name).and_then(|at| self.places.get_mut(*at));
        places.map(|places| places.push(place)).is_some()
    }

    /// Adds a record that is not in the batch.
    pub(super) fn add(&mut self, name: IdHash, record: Record, place: Place) {
        self.bytes += record.raw.len();
        self.known.insert(name, self.records.len());
        self.places.push(vec![place]);
        self.records.push(record);
    }

    /// Whether it must be written before more is added.
    pub(super) fn is_full(&self, sink: &dyn Sink) -> bool {
        let full = sink.batch_bytes();
        match sink.redelivery() {
            Redelivery::Harmless => self.bytes >= full,
            Redelivery::Repeats => {
                self.records.len() >= REPEATABLE_RECORDS || self.bytes >= full.min(REPEATABLE_BYTES)
            }
        }
    }
}

/// Identifies the same record of the same route, whenever it was saved. Every version of an alert is the same.
pub(super) fn named_by(kept: &KeptReject<'_>) -> IdHash {
    let KeptReject { route, connector, table, record, .. } = kept;
    if *table == ALERTS.name
        && let Some(id) = kept.id()
    {
        return IdHash::of_bytes([*route, *table, &*id].join("\n").as_bytes());
    }
    IdHash::of_bytes([route, connector, table, record.get()].join("\n").as_bytes())
}
