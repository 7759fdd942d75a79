//! A table that no part of the program names, and records for it.

use std::sync::Arc;

use bytes::Bytes;
use ccfd::{
    sinks::Batch,
    tables::{Column, ColumnKind, Origin, Table, Tables},
};
use collectors::{IdHash, Record};
use serde_json::json;

/// 2026-02-13T10:52:05Z.
pub const NOW: i64 = 1_770_979_925;
const NAME: &str = "VendorAlerts_CL";

/// Three columns: when, which, how bad.
pub fn tables() -> Tables {
    let column = |name: &str, kind, from| Column::new(name.to_owned(), kind, from, "Of a vendor's alert");
    let columns = vec![
        column("TimeGenerated", ColumnKind::DateTime, Origin::Time("seen".into())),
        column("Id", ColumnKind::String, Origin::Field("id".into())),
        column("Severity", ColumnKind::String, Origin::Inner("rule".into(), "severity".into())),
    ];
    Tables::built_in().with(Table::new(NAME, "Id", columns)).unwrap()
}

/// Alerts with these ids.
pub fn alerts(tables: &Tables, ids: &[&str]) -> Batch {
    let record = |id: &&str| {
        let raw = json!({ "id": id, "seen": NOW, "rule": { "severity": "high", "name": "n" } });
        Record::new(Bytes::from(raw.to_string()), NOW, IdHash::of(id), None)
    };
    let table = Arc::clone(tables.named(NAME).unwrap());
    Batch { table, connector: "acme".into(), records: ids.iter().map(record).collect() }
}
