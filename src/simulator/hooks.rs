//! What tests change without a request, and what they check afterwards.

use bytes::Bytes;

use super::{
    faults::Fault,
    habits::Habits,
    state::{AnsweredRequest, Counters, Simulator},
    world::{SimulatedHead, SimulatedList},
};

/// A record to add.
#[derive(Clone)]
pub struct NewRecord {
    /// The list it belongs to.
    pub list: SimulatedList,
    /// Its second.
    pub second: i64,
    /// The Unix second from which on it is visible.
    pub visible_at: i64,
    /// Its body, served unchanged; `None` for a generated one (one event in twenty is tenant-scoped).
    pub body: Option<Bytes>,
}

impl Simulator {
    /// Adds records. Returns their ids, `None` for a given body without a usable one.
    pub fn add(&self, records: Vec<NewRecord>) -> Vec<Option<String>> {
        let mut state = self.state();
        let mut scratch = Vec::new();
        let mut add = |record: NewRecord| {
            let Some(body) = record.body else {
                return state.make(record.list, record.second, Some(record.visible_at), &mut scratch);
            };
            let head = SimulatedHead::of(&body);
            state.world.add(record.list, record.second, record.visible_at, &head, &body);
            head.id
        };
        records.into_iter().map(&mut add).collect()
    }

    /// Adds a generated audit event that is not tenant-scoped, and answers its id.
    pub fn push_audit(&self, second: i64, visible_at: i64) -> String {
        self.push(SimulatedList::AuditLogs, false, second, visible_at)
    }

    /// Adds a generated tenant-scoped audit event and answers its id.
    pub fn push_tenant(&self, second: i64, visible_at: i64) -> String {
        self.push(SimulatedList::AuditLogs, true, second, visible_at)
    }

    /// Adds a generated completion and answers its id.
    pub fn push_completion(&self, second: i64, visible_at: i64) -> String {
        self.push(SimulatedList::Completions, false, second, visible_at)
    }

    /// Generates records until one is of the wanted kind: one event in twenty is tenant-scoped.
    fn push(&self, list: SimulatedList, tenant: bool, second: i64, visible_at: i64) -> String {
        let mut state = self.state();
        let state = &mut *state;
        let mut body = Vec::new();
        loop {
            let made = state.generator.next(list, second, state.habits, &mut body);
            if made.head.r#type.as_deref().is_some_and(SimulatedHead::tenant_scoped) == tenant {
                state.world.add(list, second, visible_at, &made.head, &body);
                return made.head.id.unwrap_or_default();
            }
        }
    }

    /// Deletes a record of either list; false when there is none of this id.
    pub fn delete(&self, id: &str) -> bool {
        let mut state = self.state();
        let found = state.world.find(id);
        if let Some(number) = found {
            state.world.delete(number);
        }
        found.is_some()
    }

    /// Id and second of every record of a list that was issued and not deleted, including those that are not
    /// visible yet. Records without a usable id are left out.
    pub fn issued(&self, list: SimulatedList) -> Vec<(String, i64)> {
        let state = self.state();
        let records = state.world.records(list);
        records
            .filter_map(|(number, entry)| {
                Some((SimulatedHead::of(state.world.body(number)).id?, entry.second))
            })
            .collect()
    }

    /// The ids of the records of a list that can be seen now.
    pub fn visible(&self, list: SimulatedList) -> Vec<String> {
        let now = self.clock.now();
        let state = self.state();
        let records = state.world.records(list);
        let visible = records.filter(|(_, entry)| entry.visible_at <= now);
        visible.filter_map(|(number, _)| SimulatedHead::of(state.world.body(number)).id).collect()
    }

    /// The body of a record as it is now, unless it was deleted.
    pub fn body_of(&self, id: &str) -> Option<Bytes> {
        let state = self.state();
        state.world.find(id).map(|number| Bytes::copy_from_slice(state.world.body(number)))
    }

    /// How many requests were answered so far.
    pub fn requests(&self) -> Counters {
        self.state().counters.clone()
    }

    /// The requests since the last call, oldest first; at most the last 10,000.
    pub fn take_requests(&self) -> Vec<AnsweredRequest> {
        self.state().seen.drain(..).collect()
    }

    /// Changes the habits. `late` and `crowded` concern records that are generated from now on.
    pub fn set_habits(&self, habits: Habits) {
        self.state().habits = habits;
    }

    /// Applies these faults to the next replies, one each, in order.
    pub fn script(&self, faults: Vec<Fault>) {
        self.state().faults.script(faults);
    }

    /// Makes `Date` wrong by this many seconds.
    pub fn date_offset(&self, seconds: i64) {
        self.state().date_offset = seconds;
    }

    /// Sets the organization and project of replies.
    pub fn belongs_to(&self, organization: &str, project: &str) {
        let mut state = self.state();
        state.options.organization = organization.to_owned();
        state.options.project = project.to_owned();
    }
}
