//! One request of a walk, and what follows from its answer: which records are new, which ids are held, where the walk stands.

use serde::Deserialize;

use crate::{
    LIMIT,
    anchors::Anchor,
    audit_logs, chat_completions,
    client::{Answer, Client},
    crowded::{CrowdedSecond, Verdict},
    cursor::Cursor,
    error::{CollectError, CollectErrorKind},
    held::PartChange,
    page::ListPage,
    reading::{Reading, Seen, Turn},
    record::{IdHash, Record, Unusable},
    sifted::Sifted,
    tally::Anomaly,
    walk::{List, Task, Walk},
};

/// What one request brought.
#[derive(Debug)]
pub struct Page {
    /// New records, by second.
    pub records: Vec<Record>,
    /// Of those that an earlier poll or sweep would have found, had they shown then: how many seconds late each one is.
    pub late: Vec<i64>,
    /// New records without usable id or time.
    pub unusable: Vec<Unusable>,
    /// Bytes of memory that the records keep alive.
    pub bytes: usize,
    /// What to commit once the records are delivered.
    pub change: Change,
    /// What the walk is busy with.
    pub task: Task,
    /// Whether more can be had at once.
    pub more: bool,
}

/// A walk's new place. Changes of one walk must be committed in the order of their pages; a later cursor replaces an earlier one.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which walk.
    pub walk: u8,
    /// Where it stands.
    pub cursor: Cursor,
    /// Held ids that came or went.
    pub parts: Vec<PartChange>,
    /// How many ids are held now.
    pub held: usize,
}

impl Walk {
    /// Sends one request. After an error the walk stands where it stood, and can be asked again.
    pub async fn step(&mut self, client: &Client, task: Task) -> Result<Page, CollectError> {
        let now = client.now();
        let reading = self.begin(task, now);
        let dated = client.is_dated();
        let query = self.list.query(&reading, task, self.crowds[task as usize].as_ref());
        match client.list(&query, self.list.scope(), self.list.time(), self.lane(task, now)).await {
            Ok(answer) => {
                // Before the first `Date` only a local clock that may be years ahead told when the sweep began.
                if let Some(sweep) = self.cursor.sweep.as_mut().filter(|_| !dated) {
                    sweep.began = sweep.began.min(client.now());
                }
                if let Err(repeated) = self.last_page.check(&query, &answer.page) {
                    self.tally.note(Anomaly::RepeatedPage);
                    return Err(repeated.into());
                }
                self.take(task, reading, answer, client.now())
            }
            Err(error) => self.refused(task, reading, error, now),
        }
    }

    fn refused(
        &mut self,
        task: Task,
        mut reading: Reading,
        error: CollectError,
        now: i64,
    ) -> Result<Page, CollectError> {
        let about_cursor = match &error.kind {
            CollectErrorKind::ParameterRefused { status, param } => {
                *status == 404 || param.starts_with("after") || param.starts_with("before")
            }
            CollectErrorKind::NotFound => true,
            _ => false,
        };
        if about_cursor
            && let Some(crowd) = self.crowds[task as usize].as_mut().filter(|crowd| crowd.asks_with_cursor())
        {
            let verdict = crowd.refused();
            let turn = self.leave_crowd(task, &mut reading, verdict, None);
            return Ok(self.page(task, reading, turn, Sifted::default(), now));
        }
        if about_cursor && reading.anchor.is_some() {
            self.crowds[task as usize] = None;
            self.tally.note(Anomaly::CursorLost);
            chat_completions::fall_back(&mut reading, &mut self.cursor.anchors, "the API does not know it");
            return Ok(self.page(task, reading, Turn::Discard, Sifted::default(), now));
        }
        Err(error)
    }

    fn take(&mut self, task: Task, before: Reading, answer: Answer, now: i64) -> Result<Page, CollectError> {
        let seen = Seen::of(&answer.page, LIMIT);
        let (records, unusable) = (answer.page.records.len(), answer.page.unusable.len());
        tracing::debug!(?task, ?seen, records, unusable, from = before.from, to = before.to, "page");
        let mut reading = before.clone();
        self.note_page(task, &before, &answer.page, seen);
        self.leave_lost_crowd(task, &answer.page);
        if self.crowds[task as usize].is_some() {
            let sifted = self.sift(task, &answer, &before, now);
            let turn = self.read_crowd(task, &mut reading, &answer.page, seen, sifted.records.len());
            return Ok(self.page(task, reading, turn, sifted, now));
        }
        if task == Task::Sweep && self.cut_slice(&mut reading, seen, now) {
            return Ok(self.page(task, reading, Turn::Discard, Sifted::default(), now));
        }
        let direction = self.cursor.direction;
        let advanced = self.advance(&mut reading, &answer.page, seen, now);
        self.note_turn(direction, &advanced);
        let mut turn = advanced?;
        reading.pages += 1;
        if turn == Turn::Discard {
            // A search needs the newest record first; without that the walk starts at the list's beginning instead.
            if task == Task::Search && !reading.down {
                turn = Turn::Done;
            }
            return Ok(self.page(task, reading, turn, Sifted::default(), now));
        }
        self.offer_anchors(&answer.page, now);
        let sifted =
            if task == Task::Search { Sifted::default() } else { self.sift(task, &answer, &before, now) };
        if let Turn::Crowded(second) = turn {
            let known = task == Task::Search || before.covers(second);
            turn = if known {
                let anchor = answer.page.records.iter().rev().find_map(chat_completions::anchor_of);
                self.pass(&mut reading, anchor, second)
            } else {
                // The last sweep before it is settled searches it once more: it may have got late records.
                let dry = reading.dry.filter(|(of, _)| *of == second).map_or(0, |(_, dry)| dry);
                let horizon = self.cursor.horizon(self.began(now), self.overlap());
                let is_last = task == Task::Sweep && second < horizon;
                let searched_before = !is_last && self.cursor.crowded.contains_key(&second);
                let crowd = CrowdedSecond::new(second, self.held.of_second(second), searched_before, dry);
                self.crowds[task as usize] = Some(crowd);
                self.read_crowd(task, &mut reading, &answer.page, seen, sifted.records.len())
            };
        }
        Ok(self.page(task, reading, turn, sifted, now))
    }

    fn advance(
        &mut self,
        reading: &mut Reading,
        page: &ListPage,
        seen: Seen,
        now: i64,
    ) -> Result<Turn, CollectErrorKind> {
        let Cursor { direction, anchors, .. } = &mut self.cursor;
        match &mut self.list {
            List::AuditLogs(_, doubts) => audit_logs::advance(reading, seen, direction, doubts, now),
            List::ChatCompletions(_, doubts) => {
                chat_completions::advance(reading, page, seen, direction, anchors, doubts)
            }
        }
    }

    fn cut_slice(&mut self, reading: &mut Reading, seen: Seen, now: i64) -> bool {
        if !matches!(self.list, List::AuditLogs(..)) {
            return false;
        }
        let shorter = audit_logs::shorter_slice(reading, seen, now, self.cursor.slice_seconds)
            .filter(|hi| reading.hi.is_none_or(|old| *hi < old));
        if let Some(hi) = shorter {
            *reading = Reading::new(reading.lo, Some(hi));
        }
        shorter.is_some()
    }

    /// A page of completions that does not show the second under search was asked for with a gone anchor, or is an answer to
    /// something else. What was found is held, so that the search begins anew when the second is met again.
    fn leave_lost_crowd(&mut self, task: Task, page: &ListPage) {
        let crowd = &mut self.crowds[task as usize];
        if matches!(self.list, List::ChatCompletions(..))
            && crowd.as_ref().is_some_and(|crowd| crowd.is_lost(page))
        {
            *crowd = None;
        }
    }

    fn read_crowd(
        &mut self,
        task: Task,
        reading: &mut Reading,
        page: &ListPage,
        seen: Seen,
        brought: usize,
    ) -> Turn {
        let kind_of = kind_field(&self.list);
        let Some(crowd) = self.crowds[task as usize].as_mut() else {
            return Turn::More;
        };
        let second = crowd.second;
        let beyond = if reading.down { seen.min < second } else { seen.max > second };
        let whole = !seen.has_more || (beyond && !page.records.is_empty());
        let verdict = crowd.read(page, whole, brought, kind_of);
        reading.dry = Some((second, crowd.dry()));
        let mine = page.records.iter().rfind(|record| record.second == second);
        self.leave_crowd(task, reading, verdict, mine.and_then(chat_completions::anchor_of))
    }

    fn leave_crowd(
        &mut self,
        task: Task,
        reading: &mut Reading,
        verdict: Verdict,
        anchor: Option<Anchor>,
    ) -> Turn {
        let Verdict::Finished { complete } = verdict else {
            return Turn::More;
        };
        let Some(crowd) = self.crowds[task as usize].take() else {
            return Turn::More;
        };
        reading.dry = None;
        let (second, found) = (crowd.second, crowd.found());
        // A list whose `has_more` never ends makes a crowd of any second.
        let is_crowded = found >= LIMIT as u64;
        if is_crowded && self.cursor.crowded.insert(second, found).is_none_or(|before| before < found) {
            if complete {
                self.tally.note(Anomaly::CrowdedSecond);
                tracing::debug!(second, found, "crowded second: more than a page holds, likely all found");
            } else {
                self.tally.note(Anomaly::CrowdedSecondUnsure);
                tracing::warn!(
                    second,
                    found,
                    "crowded second: more than a page holds, perhaps not all found"
                );
            }
        }
        self.pass(reading, anchor, second)
    }

    fn pass(&mut self, reading: &mut Reading, anchor: Option<Anchor>, second: i64) -> Turn {
        let done = match &mut self.list {
            List::AuditLogs(..) => reading.pass(second),
            List::ChatCompletions(..) => {
                chat_completions::pass(reading, anchor, second, self.cursor.direction)
            }
        };
        if done { Turn::Done } else { Turn::More }
    }

    fn offer_anchors(&mut self, page: &ListPage, now: i64) {
        if !matches!(self.list, List::ChatCompletions(..)) {
            return;
        }
        // First and last of the page are enough: the list thins itself out anyway, and the last second may be cut.
        let records = &page.records;
        let last_second = records.last().map(|record| record.second);
        let inner = records.iter().rev().find(|record| Some(record.second) != last_second);
        for record in records.first().into_iter().chain(inner).chain(records.last()) {
            // One of the future would be the newest for ever, and thin out all that are needed.
            if record.second <= now
                && let Some(anchor) = chat_completions::anchor_of(record)
            {
                self.cursor.anchors.offer(anchor);
            }
        }
        self.cursor.anchors.thin(self.cursor.settled);
    }

    /// Settles the books of a page: holds, lets go, moves the cursor.
    fn page(&mut self, task: Task, reading: Reading, turn: Turn, sifted: Sifted, now: i64) -> Page {
        let done = turn == Turn::Done;
        let late = self.lateness(task, &sifted.records, now);
        let floor = self.cursor.floor(self.began(now), self.overlap());
        for (second, id) in &sifted.marks {
            let unread = !done && !reading.covers(*second);
            if task == Task::Tail || *second >= floor || unread {
                self.hold(*second, *id);
            }
        }
        // A discarded page has read nothing: where it leaves less to read, a slice was cut.
        if task == Task::Sweep && turn != Turn::Discard {
            self.let_go(&reading, floor);
            self.cursor.settle(floor.min(reading.from));
        }
        self.set_reading(task, reading.clone());
        if done {
            self.finish(task, &reading);
        }
        self.held.settle(self.cursor.settled);
        self.forget_crowds(task, &reading, floor);
        let parts = self.held.take_changes();
        let (cursor, held) = (self.cursor.clone(), self.held.len());
        Page {
            records: sifted.records,
            late,
            unusable: sifted.unusable,
            bytes: sifted.bytes,
            change: Change { walk: self.index, cursor, parts, held },
            task,
            more: self.due(now).is_some(),
        }
    }

    /// A crowded second that is read and will not be read again need not be known; a month of them would fill the cursor.
    fn forget_crowds(&mut self, task: Task, reading: &Reading, floor: i64) {
        if task == Task::Sweep {
            self.cursor.crowded.retain(|second, _| *second >= floor || !reading.covers(*second));
        }
    }

    fn hold(&mut self, second: i64, id: IdHash) {
        if self.held.len() < self.timing.held_max {
            self.held.insert(second, id);
        } else if !self.held_warned {
            self.held_warned = true;
            tracing::warn!(
                held = self.held.len(),
                "too many ids to hold: some records may be delivered twice"
            );
        }
    }

    /// Ids of seconds that the slice has read are not needed any more, unless settled may stop before them.
    fn let_go(&mut self, reading: &Reading, floor: i64) {
        if let Some(before) = self.reading(Task::Sweep) {
            let above = reading.to.map_or(i64::MAX, |to| to.saturating_add(1))
                ..before.to.map_or(floor, |to| floor.min(to.saturating_add(1)));
            let below = before.from..floor.min(reading.from);
            self.held.let_go(above);
            self.held.let_go(below);
        }
    }
}

/// Reads the field of a record by which the list can be filtered inside a second.
fn kind_field(list: &List) -> fn(&Record) -> Option<String> {
    match list {
        List::AuditLogs(..) => |record| kinds(record).event_type,
        List::ChatCompletions(..) => |record| kinds(record).model,
    }
}

#[derive(Default, Deserialize)]
struct Kinds {
    #[serde(default, rename = "type")]
    event_type: Option<String>,
    #[serde(default)]
    model: Option<String>,
}

fn kinds(record: &Record) -> Kinds {
    serde_json::from_slice(&record.raw).unwrap_or_default()
}
