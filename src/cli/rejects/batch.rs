//! Rejects that are sent together.

use std::{collections::HashMap, sync::Arc};

use collectors::{IdHash, Record};

use crate::{
    pipeline::rejects::{kept::Kept, taken::Place},
    sinks::{Redelivery, Sink},
    tables::Table,
};

/// Records and bytes of one write to a sink that does not know what it has: so much may stand there twice after a kill.
const REPEATABLE_RECORDS: usize = 100;
const REPEATABLE_BYTES: usize = 256 << 10;

/// Records of one route that go into one write.
pub(super) struct Batch {
    pub(super) route: String,
    pub(super) sink: String,
    pub(super) connector: Arc<str>,
    pub(super) table: &'static Table,
    /// Of each record, where its lines stand.
    pub(super) places: Vec<Vec<Place>>,
    /// The place among the records of each of them.
    pub(super) known: HashMap<IdHash, usize>,
    pub(super) records: Vec<Record>,
    pub(super) bytes: usize,
}

impl Batch {
    /// Without records, for those like this one.
    pub(super) fn of(kept: &Kept<'_>, table: &'static Table) -> Self {
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

    /// Whether this one may go with those that are there.
    pub(super) fn is_for(&self, kept: &Kept<'_>) -> bool {
        self.route == kept.route && self.connector.as_ref() == kept.connector && self.table.name == kept.table
    }

    /// Whether the record is there; then the line at this place is one more of it.
    pub(super) fn has(&mut self, name: IdHash, place: Place) -> bool {
        let places = self.known.get(&name).and_then(|at| self.places.get_mut(*at));
        places.map(|places| places.push(place)).is_some()
    }

    /// Adds a record that is not there.
    pub(super) fn add(&mut self, name: IdHash, record: Record, place: Place) {
        self.bytes += record.raw.len();
        self.known.insert(name, self.records.len());
        self.places.push(vec![place]);
        self.records.push(record);
    }

    /// Whether it is to be written before more is added.
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

/// The same record of the same route, whenever it was kept.
pub(super) fn named_by(kept: &Kept<'_>) -> IdHash {
    let Kept { route, connector, table, record, .. } = kept;
    IdHash::of_bytes([route, connector, table, record.get()].join("\n").as_bytes())
}
