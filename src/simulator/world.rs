//! All records, in order of time.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;

use super::arena::{Arena, Slot};

/// One of the two lists that the API offers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SimulatedList {
    /// `GET /v1/organization/audit_logs`, ordered by `effective_at`.
    AuditLogs,
    /// `GET /v1/chat/completions`, ordered by `created`.
    Completions,
}

/// What a list request can range over.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Completions,
    /// Audit events of both kinds, for an API that does not know the difference.
    AnyEvent,
    PlainEvents,
    TenantEvents,
}

/// The fields that identify and date a record.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SimulatedHead {
    pub id: Option<String>,
    pub effective_at: Option<i64>,
    pub created: Option<i64>,
    pub completion_id: Option<String>,
    pub r#type: Option<String>,
}

impl SimulatedHead {
    /// The fields of a body; empty if it is not a JSON object with fields of these types.
    pub fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether an audit event of this type is listed with `tenant_only=true` only.
    pub fn tenant_scoped(kind: &str) -> bool {
        kind.starts_with("tenant.") || matches!(kind, "role.bound_to_resource" | "role.unbound_from_resource")
    }
}

pub(super) struct SimulatedRecord {
    pub second: i64,
    pub visible_at: i64,
    pub place: Slot,
    pub list: SimulatedList,
    pub deleted: bool,
}

/// Entries stay where they were added; a timeline has their numbers ordered by second, and within a second in
/// the order of addition. That is 50 bytes per record besides its own.
#[derive(Default)]
pub(super) struct World {
    arena: Arena,
    entries: Vec<SimulatedRecord>,
    by_id: HashMap<u64, u32>,
    completions: Vec<u32>,
    any_event: Vec<u32>,
    plain_events: Vec<u32>,
    tenant_events: Vec<u32>,
    pub messages: HashMap<String, Vec<Bytes>>,
}

impl World {
    pub fn reserve(&mut self, records: usize) {
        self.entries.reserve_exact(records);
        self.by_id.reserve(records);
    }

    /// Adds a record; whether it is tenant-scoped is read from its `type`.
    pub fn add(
        &mut self,
        list: SimulatedList,
        second: i64,
        visible_at: i64,
        head: &SimulatedHead,
        body: &[u8],
    ) {
        let number = self.entries.len() as u32;
        let place = self.arena.put(body);
        self.entries.push(SimulatedRecord { second, visible_at, place, list, deleted: false });
        if let Some(id) = &head.id {
            self.by_id.insert(hash(id), number);
        }
        match list {
            SimulatedList::Completions => insert(&mut self.completions, &self.entries, number),
            SimulatedList::AuditLogs => {
                let tenant = head.r#type.as_deref().is_some_and(SimulatedHead::tenant_scoped);
                let kind = if tenant { &mut self.tenant_events } else { &mut self.plain_events };
                insert(kind, &self.entries, number);
                insert(&mut self.any_event, &self.entries, number);
            }
        }
    }

    pub fn timeline(&self, scope: Scope) -> &[u32] {
        match scope {
            Scope::Completions => &self.completions,
            Scope::AnyEvent => &self.any_event,
            Scope::PlainEvents => &self.plain_events,
            Scope::TenantEvents => &self.tenant_events,
        }
    }

    pub fn entry(&self, number: u32) -> &SimulatedRecord {
        &self.entries[number as usize]
    }

    pub fn body(&self, number: u32) -> &[u8] {
        self.arena.get(self.entry(number).place)
    }

    /// The record of this id, unless it was deleted.
    pub fn find(&self, id: &str) -> Option<u32> {
        let number = *self.by_id.get(&hash(id))?;
        (!self.entry(number).deleted).then_some(number)
    }

    pub fn delete(&mut self, number: u32) {
        self.entries[number as usize].deleted = true;
    }

    /// Replaces the body; the old bytes stay in the arena.
    pub fn replace(&mut self, number: u32, body: &[u8]) {
        self.entries[number as usize].place = self.arena.put(body);
    }

    pub fn records(&self, list: SimulatedList) -> impl Iterator<Item = (u32, &SimulatedRecord)> {
        let numbered = self.entries.iter().enumerate().map(|(number, entry)| (number as u32, entry));
        numbered.filter(move |(_, entry)| entry.list == list && !entry.deleted)
    }
}

fn insert(timeline: &mut Vec<u32>, entries: &[SimulatedRecord], number: u32) {
    let second = |number: u32| entries[number as usize].second;
    let at = timeline.partition_point(|other| second(*other) <= second(number));
    timeline.insert(at, number);
}

fn hash(id: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(id.as_bytes())
}
