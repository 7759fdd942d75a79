//! What correlations see in one match.

use std::{fmt, ops::Range};

use super::model::RuleIndex;

/// What each correlation that uses a detection sees in a match of it, in few pieces of memory, which the next match uses again.
#[derive(Clone, Default, PartialEq)]
pub struct SeenBy {
    seen: Vec<SeenParts>,
    /// The fields of all groups, by the places of their texts.
    groups: Vec<Option<Range<usize>>>,
    values: Vec<SeenValue>,
    texts: String,
}

/// Where the parts of one are among those of all.
#[derive(Clone, PartialEq)]
struct SeenParts {
    by: RuleIndex,
    input: u32,
    groups: Range<usize>,
    values: Range<usize>,
    /// Where its texts begin.
    texts: usize,
}

#[derive(Clone, PartialEq)]
enum SeenValue {
    Text(Range<usize>),
    Number(f64),
}

/// What one correlation sees in a match of one of its inputs.
#[derive(Clone, Copy)]
pub struct Seen<'m> {
    /// The correlation, or the detection itself.
    pub by: RuleIndex,
    /// The place of the detection among its inputs.
    pub input: u32,
    parts: &'m SeenParts,
    all: &'m SeenBy,
}

/// A value of a correlation's field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MatchValue<'m> {
    /// For distinct values: folded to lower case.
    Text(&'m str),
    /// For sums and the like; finite.
    Number(f64),
}

impl SeenBy {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.seen.clear();
        self.groups.clear();
        self.values.clear();
        self.texts.clear();
    }

    /// Bytes of memory that it has.
    pub fn memory(&self) -> usize {
        let sizes = [size_of::<SeenParts>(), size_of::<Option<Range<usize>>>(), size_of::<SeenValue>()];
        let room = [self.seen.capacity(), self.groups.capacity(), self.values.capacity()];
        let each = sizes.iter().zip(room).map(|(size, count)| size * count);
        each.sum::<usize>() + self.texts.capacity()
    }

    /// Begins what a correlation sees; its group and its values follow.
    pub fn begin(&mut self, by: RuleIndex, input: u32) {
        let (groups, values) = (self.groups.len(), self.values.len());
        let texts = self.texts.len();
        self.seen.push(SeenParts { by, input, groups: groups..groups, values: values..values, texts });
    }

    /// Takes back what was begun last.
    pub fn take_back(&mut self) {
        let Some(last) = self.seen.pop() else { return };
        self.groups.truncate(last.groups.start);
        self.values.truncate(last.values.start);
        self.texts.truncate(last.texts);
    }

    /// Adds the value of a field of the group, which `write` appends to a text unless the record has none: then it says false.
    pub fn add_group(&mut self, write: impl FnOnce(&mut String) -> bool) {
        let Some(last) = self.seen.last_mut() else { return };
        let begin = self.texts.len();
        let is_there = write(&mut self.texts);
        self.groups.push(is_there.then_some(begin..self.texts.len()));
        last.groups.end = self.groups.len();
    }

    /// Adds a value.
    pub fn add_value(&mut self, value: MatchValue<'_>) {
        let Some(last) = self.seen.last_mut() else { return };
        self.values.push(match value {
            MatchValue::Text(text) => {
                self.texts.push_str(text);
                SeenValue::Text(self.texts.len() - text.len()..self.texts.len())
            }
            MatchValue::Number(number) => SeenValue::Number(number),
        });
        last.values.end = self.values.len();
    }

    /// Adds all of it.
    pub fn add(&mut self, seen: Seen<'_>) {
        self.begin(seen.by, seen.input);
        for value in seen.group() {
            self.add_group(|text| value.map(|value| text.push_str(value)).is_some());
        }
        seen.values().for_each(|value| self.add_value(value));
    }

    /// Keeps what some correlations see.
    pub fn retain(&mut self, is_kept: impl Fn(Seen<'_>) -> bool) {
        let mut kept = Self::default();
        self.iter().filter(|seen| is_kept(*seen)).for_each(|seen| kept.add(seen));
        *self = kept;
    }

    /// What each correlation sees.
    pub fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        self.seen.iter().map(|parts| Seen { by: parts.by, input: parts.input, parts, all: self })
    }
}

impl<'m> Seen<'m> {
    /// The group that the match belongs to: the values of the fields of `group_by`, in their order, folded to lower case; `None`
    /// where the record has none, which is a group like any other.
    pub fn group(&self) -> impl ExactSizeIterator<Item = Option<&'m str>> + use<'m> {
        let all = self.all;
        all.groups[self.parts.groups.clone()].iter().map(|value| value.clone().map(|place| &all.texts[place]))
    }

    /// The values of the correlation's field; none if it counts matches.
    pub fn values(&self) -> impl ExactSizeIterator<Item = MatchValue<'m>> + use<'m> {
        let all = self.all;
        all.values[self.parts.values.clone()].iter().map(|value| match value {
            SeenValue::Text(place) => MatchValue::Text(&all.texts[place.clone()]),
            SeenValue::Number(number) => MatchValue::Number(*number),
        })
    }
}

/// Contents of records stay out of logs.
impl fmt::Debug for SeenBy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Seen<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Seen").field("by", &self.by).field("input", &self.input).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(seen_by: &SeenBy) -> Vec<Vec<Option<&str>>> {
        seen_by.iter().map(|seen| seen.group().collect()).collect()
    }

    #[test]
    fn what_one_correlation_sees_is_kept_apart_from_what_others_see() {
        let mut seen_by = SeenBy::default();
        seen_by.begin(RuleIndex(3), 1);
        seen_by.add_group(|text| {
            text.push_str("ann");
            true
        });
        seen_by.add_group(|_| false);
        seen_by.add_value(MatchValue::Text("de"));
        seen_by.add_value(MatchValue::Number(2.5));
        seen_by.begin(RuleIndex(4), 0);
        seen_by.add_group(|text| {
            text.push_str("lost");
            true
        });
        seen_by.take_back();
        seen_by.begin(RuleIndex(5), 0);
        assert_eq!(groups(&seen_by), [vec![Some("ann"), None], vec![]]);
        let first = seen_by.iter().next().unwrap();
        assert_eq!((first.by, first.input), (RuleIndex(3), 1));
        assert_eq!(first.values().collect::<Vec<_>>(), [MatchValue::Text("de"), MatchValue::Number(2.5)]);
        seen_by.retain(|seen| seen.by == RuleIndex(3));
        assert_eq!(groups(&seen_by), [[Some("ann"), None]]);
        assert_eq!(seen_by.iter().next().unwrap().values().len(), 2);
        seen_by.clear();
        assert_eq!(seen_by.iter().count(), 0);
        assert!(seen_by.memory() > 0, "the memory is used again");
    }

    #[test]
    fn what_is_shown_of_it_in_logs_has_no_contents() {
        let mut seen_by = SeenBy::default();
        seen_by.begin(RuleIndex(0), 0);
        seen_by.add_group(|text| {
            text.push_str("ann@example.com");
            true
        });
        assert!(!format!("{seen_by:?}").contains("ann"));
    }
}
