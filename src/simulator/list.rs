//! Selects the records of a page: window, order, cursor, ties.

use rand::{rngs::StdRng, seq::SliceRandom};

use super::{
    habits::{Habit, Habits},
    query::Ask,
    wire::SimulatedRefusal,
    world::World,
};

/// The numbers of a page's records in the order of the page.
#[derive(Default)]
pub(super) struct Picked {
    pub numbers: Vec<u32>,
    pub has_more: bool,
}

/// The record before or after which a page begins.
struct SimulatedCursor {
    number: u32,
    second: i64,
}

/// One request to a list.
pub(super) struct PageRequest<'a> {
    pub world: &'a World,
    pub ask: &'a Ask,
    pub habits: Habits,
    pub now: i64,
}

impl PageRequest<'_> {
    /// The window is found by binary search; after that, only the records of the answer, and of seconds that
    /// it touches, are looked at.
    pub fn pick(&self, rng: &mut StdRng) -> Result<Picked, SimulatedRefusal> {
        let ask = self.ask;
        let (name, id) = match (&ask.after, &ask.before) {
            (Some(after), _) => ("after", Some(after)),
            (None, before) => ("before", before.as_ref()),
        };
        let cursor = match id.map(|id| self.find(id)) {
            None => None,
            Some(Some(cursor)) => Some(cursor),
            Some(None) if self.habits.has(Habit::DeletedEmpty) => return Ok(Picked::default()),
            Some(None) if self.habits.has(Habit::DeletedIgnored) => None,
            Some(None) if self.habits.has(Habit::DeletedRefused) => {
                return Err(SimulatedRefusal::unspecific());
            }
            Some(None) => return Err(gone(name)),
        };
        // A page `before` a cursor ends there, so it is selected from its end.
        let backward = name == "before" && cursor.is_some();
        let mut picked = self.walk(cursor, ask.ascending != backward, rng);
        if backward {
            picked.numbers.reverse();
        }
        picked.has_more |= self.habits.has(Habit::HasMoreForever);
        Ok(picked)
    }

    fn find(&self, id: &str) -> Option<SimulatedCursor> {
        let number = self.world.find(id)?;
        let entry = self.world.entry(number);
        (entry.visible_at <= self.now).then_some(SimulatedCursor { number, second: entry.second })
    }

    fn walk(&self, cursor: Option<SimulatedCursor>, ascending: bool, rng: &mut StdRng) -> Picked {
        let (world, limit) = (self.world, self.ask.limit);
        let second = |number: u32| world.entry(number).second;
        let mut rest = self.window(cursor.as_ref(), ascending);
        let mut numbers = Vec::with_capacity(limit + 1);
        let mut group = Vec::new();
        while numbers.len() <= limit && !rest.is_empty() {
            let run = take_second(&mut rest, ascending, second);
            group.clear();
            group.extend(run.iter().copied().filter(|number| self.shows(*number)));
            if !ascending {
                group.reverse();
            }
            if self.habits.has(Habit::Shuffle) {
                group.shuffle(rng);
            }
            let at =
                cursor.as_ref().and_then(|cursor| group.iter().position(|other| *other == cursor.number));
            numbers.extend_from_slice(&group[at.map_or(0, |at| at + 1)..]);
        }
        let has_more = numbers.len() > limit;
        numbers.truncate(limit);
        Picked { numbers, has_more }
    }

    /// The part of the timeline in the asked window and on the far side of the cursor.
    fn window(&self, cursor: Option<&SimulatedCursor>, ascending: bool) -> &[u32] {
        let (mut first, mut last) = self.ask.window;
        if let Some(cursor) = cursor {
            let dropped = i64::from(self.habits.has(Habit::Ties));
            if ascending {
                first = first.max(cursor.second.saturating_add(dropped));
            } else {
                last = last.min(cursor.second.saturating_sub(dropped));
            }
        }
        let timeline = self.world.timeline(self.ask.scope);
        let start = timeline.partition_point(|number| self.world.entry(*number).second < first);
        let end = timeline.partition_point(|number| self.world.entry(*number).second <= last);
        timeline.get(start..end).unwrap_or_default()
    }

    fn shows(&self, number: u32) -> bool {
        let entry = self.world.entry(number);
        !entry.deleted && entry.visible_at <= self.now && self.ask.admits(self.world.body(number))
    }
}

fn gone(param: &str) -> SimulatedRefusal {
    let message = format!("The object named by '{param}' was not found");
    SimulatedRefusal {
        param: Some(param.to_owned()),
        ..SimulatedRefusal::new(404, Some("not_found"), message)
    }
}

/// Takes the records of the first second in the direction of the walk off the rest.
fn take_second<'a>(rest: &mut &'a [u32], ascending: bool, second: impl Fn(u32) -> i64) -> &'a [u32] {
    let edge = if ascending { rest.first() } else { rest.last() };
    let Some(edge) = edge.map(|number| second(*number)) else {
        return &[];
    };
    if ascending {
        let bound = rest.iter().take_while(|number| second(**number) == edge).count();
        let (run, others) = rest.split_at(bound);
        *rest = others;
        run
    } else {
        let bound = rest.len() - rest.iter().rev().take_while(|number| second(**number) == edge).count();
        let (others, run) = rest.split_at(bound);
        *rest = others;
        run
    }
}
