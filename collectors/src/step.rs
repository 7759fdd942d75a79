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
    walk::{List, Task, Walk},
};

/// What one request brought.
#[derive(Debug)]
pub struct Page {
    /// New records, by second.
    pub records: Vec<Record>,
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

/// Records smaller than this part of their page are copied out, so that a re-read page does not stay in memory for one new record.
const COPY_BELOW: usize = 4;

impl Walk {
    /// Sends one request. After an error the walk stands where it stood, and can be asked again.
    pub async fn step(&mut self, client: &Client, task: Task) -> Result<Page, CollectError> {
        let now = client.now();
        let reading = self.begin(task, now);
        let query = self
            .list
            .query(&reading, task, self.crowds[task as usize].as_ref());
        match client.list(&query, self.list.scope(), self.lane(task, now)).await {
            Ok(answer) => self.take(task, reading, answer, client.now()),
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
            && let Some(crowd) = self.crowds[task as usize]
                .as_mut()
                .filter(|crowd| crowd.asks_with_cursor())
        {
            let verdict = crowd.refused();
            let turn = self.leave_crowd(task, &mut reading, verdict, None);
            return Ok(self.page(task, reading, turn, Sifted::default(), now));
        }
        if about_cursor && reading.anchor.is_some() {
            self.crowds[task as usize] = None;
            chat_completions::fall_back(&mut reading, &mut self.cursor.anchors, "the API does not know it");
            return Ok(self.page(task, reading, Turn::Discard, Sifted::default(), now));
        }
        Err(error)
    }

    fn take(&mut self, task: Task, before: Reading, answer: Answer, now: i64) -> Result<Page, CollectError> {
        let seen = Seen::of(&answer.page, LIMIT);
        let mut reading = before.clone();
        if self.crowds[task as usize].is_some() {
            let sifted = self.sift(task, &answer, &before, now);
            let turn = self.read_crowd(task, &mut reading, &answer.page, seen, sifted.records.len());
            return Ok(self.page(task, reading, turn, sifted, now));
        }
        if task == Task::Sweep && self.cut_slice(&mut reading, seen, now) {
            return Ok(self.page(task, reading, Turn::Discard, Sifted::default(), now));
        }
        let mut turn = self.advance(&mut reading, &answer.page, seen, now)?;
        reading.pages += 1;
        if turn == Turn::Discard {
            // A search needs the newest record first; without that the walk starts at the list's beginning instead.
            if task == Task::Search && !reading.down {
                turn = Turn::Done;
            }
            return Ok(self.page(task, reading, turn, Sifted::default(), now));
        }
        self.offer_anchors(&answer.page);
        let sifted = if task == Task::Search {
            Sifted::default()
        } else {
            self.sift(task, &answer, &before, now)
        };
        if let Turn::Crowded(second) = turn {
            let known = task == Task::Search || before.covers(second);
            turn = if known {
                let anchor = answer.page.records.iter().find_map(chat_completions::anchor_of);
                self.pass(&mut reading, anchor, second)
            } else {
                let searched_before = self.cursor.crowded.contains_key(&second);
                let crowd = CrowdedSecond::new(second, self.held.of_second(second), searched_before);
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
        let Cursor {
            direction, anchors, ..
        } = &mut self.cursor;
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
        let beyond = if reading.down {
            seen.min < second
        } else {
            seen.max > second
        };
        let whole = !seen.has_more || (beyond && !page.records.is_empty());
        let verdict = crowd.read(page, whole, brought, kind_of);
        let mine = page.records.iter().find(|record| record.second == second);
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
        let (second, found) = (crowd.second, crowd.found());
        if self
            .cursor
            .crowded
            .insert(second, found)
            .is_none_or(|before| before < found)
        {
            let complete = if complete { "likely" } else { "unknown" };
            tracing::warn!(
                second,
                found,
                complete,
                "crowded second: more records than a page holds"
            );
        }
        self.pass(reading, anchor, second)
    }

    fn pass(&mut self, reading: &mut Reading, anchor: Option<Anchor>, second: i64) -> Turn {
        let done = match &mut self.list {
            List::AuditLogs(..) => reading.pass(second),
            List::ChatCompletions(_, doubts) => chat_completions::pass(reading, anchor, second, doubts),
        };
        if done { Turn::Done } else { Turn::More }
    }

    fn offer_anchors(&mut self, page: &ListPage) {
        if !matches!(self.list, List::ChatCompletions(..)) {
            return;
        }
        // First and last of the page are enough: the list thins itself out anyway, and the last second may be cut.
        let records = &page.records;
        let last_second = records.last().map(|record| record.second);
        let inner = records
            .iter()
            .rev()
            .find(|record| Some(record.second) != last_second);
        for record in records.first().into_iter().chain(inner).chain(records.last()) {
            if let Some(anchor) = chat_completions::anchor_of(record) {
                self.cursor.anchors.offer(anchor);
            }
        }
        self.cursor.anchors.thin(self.cursor.settled);
    }

    /// What of a page is new. Rule: skip only what is earlier than settled, held, or already covered by this very reading.
    fn sift(&mut self, task: Task, answer: &Answer, before: &Reading, now: i64) -> Sifted {
        let only = self.crowds[task as usize].as_ref().map(|crowd| crowd.second);
        let wanted = |second: i64| only.is_none_or(|only| only == second) && !before.covers(second);
        let mut sifted = Sifted {
            bytes: answer.bytes,
            ..Sifted::default()
        };
        for record in &answer.page.records {
            if !wanted(record.second) {
                continue;
            }
            if record.second <= now {
                self.cursor.newest = self.cursor.newest.max(Some(record.second));
            }
            if record.second >= self.cursor.settled && !self.held.contains(record.second, record.id) {
                sifted.records.push(record.clone());
            }
        }
        sifted
            .records
            .sort_unstable_by_key(|record| (record.second, record.id));
        sifted.records.dedup_by_key(|record| (record.second, record.id));
        for unusable in &answer.page.unusable {
            let second = unusable.near.unwrap_or(
                answer
                    .page
                    .records
                    .first()
                    .map_or(before.from, |first| first.second),
            );
            let id = IdHash::of_bytes(&unusable.raw);
            let is_new = second >= self.cursor.settled && !self.held.contains(second, id);
            if wanted(second) && is_new && !sifted.marks.contains(&(second, id)) {
                sifted.marks.push((second, id));
                sifted.unusable.push(unusable.clone());
            }
        }
        sifted
            .marks
            .extend(sifted.records.iter().map(|record| (record.second, record.id)));
        sifted.release_page();
        sifted
    }

    /// Settles the books of a page: holds, lets go, moves the cursor.
    fn page(&mut self, task: Task, reading: Reading, turn: Turn, sifted: Sifted, now: i64) -> Page {
        let done = turn == Turn::Done;
        let began = self.cursor.sweep.as_ref().map_or(now, |sweep| sweep.began);
        let floor = self.cursor.floor(began, self.overlap());
        for (second, id) in &sifted.marks {
            let unread = !done && !reading.covers(*second);
            if task == Task::Tail || *second >= floor || unread {
                self.hold(*second, *id);
            }
        }
        if task == Task::Sweep {
            self.let_go(&reading, floor);
            self.cursor.settle(floor.min(reading.from));
        }
        self.set_reading(task, reading.clone());
        if done {
            self.finish(task, &reading);
        }
        self.held.settle(self.cursor.settled);
        let parts = self.held.take_changes();
        let (cursor, held) = (self.cursor.clone(), self.held.len());
        Page {
            records: sifted.records,
            unusable: sifted.unusable,
            bytes: sifted.bytes,
            change: Change {
                walk: self.index,
                cursor,
                parts,
                held,
            },
            task,
            more: self.due(now).is_some(),
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

/// What a page brought.
#[derive(Debug, Default)]
struct Sifted {
    records: Vec<Record>,
    unusable: Vec<Unusable>,
    /// Second and id of each of them.
    marks: Vec<(i64, IdHash)>,
    bytes: usize,
}

impl Sifted {
    /// Copies a few records out of a large page.
    fn release_page(&mut self) {
        let raws = self
            .records
            .iter()
            .map(|record| &record.raw)
            .chain(self.unusable.iter().map(|other| &other.raw));
        let bytes: usize = raws.map(|raw| raw.len()).sum();
        if bytes < self.bytes / COPY_BELOW {
            let copy = |raw: &mut bytes::Bytes| *raw = bytes::Bytes::copy_from_slice(raw);
            self.records.iter_mut().for_each(|record| copy(&mut record.raw));
            self.unusable.iter_mut().for_each(|other| copy(&mut other.raw));
            self.bytes = bytes;
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
