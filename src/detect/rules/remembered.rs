//! What entries said of short values: most records of a batch have a user agent that another one had, too.

use std::{cell::Cell, ptr};

use super::check::SelectionItem;

/// Bytes of the JSON text of a value that is short. Expressions look at all of it.
const BYTES_MAX: usize = 256;

/// Answers that are remembered. A new one takes the place of another.
const ANSWERS: usize = 1 << ANSWERS_BITS;
const ANSWERS_BITS: u32 = 10;

/// The answers for one batch. None are remembered before it begins to: one record alone would not use them.
#[derive(Default)]
pub(super) struct RememberedAnswers<'a> {
    answers: Vec<Cell<Answer<'a>>>,
}

#[derive(Clone, Copy, Default)]
struct Answer<'a> {
    /// The address of the entry, which is where it is as long as a batch is judged.
    item: usize,
    /// The value as JSON text.
    json: &'a [u8],
    holds: bool,
}

impl<'a> RememberedAnswers<'a> {
    /// Remembers answers from now on.
    pub fn begin(&mut self) {
        self.answers.resize(ANSWERS, Cell::default());
    }

    /// What an entry says of a field whose only value is this JSON text; `judge` finds out if nobody knows.
    pub fn of(&self, item: &SelectionItem, json: &'a [u8], judge: impl FnOnce() -> bool) -> bool {
        if json.len() > BYTES_MAX {
            return judge();
        }
        let address = ptr::from_ref(item).addr();
        let Some(known) = self.answers.get(place(address, json)) else { return judge() };
        let answer = known.get();
        if answer.item == address && answer.json == json {
            return answer.holds;
        }
        let holds = judge();
        known.set(Answer { item: address, json, holds });
        holds
    }
}

/// The place of an answer. All of the text counts: user agents of two versions differ in the middle, countries are short.
fn place(address: usize, json: &[u8]) -> usize {
    let (words, rest) = json.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mix = |mixed: u64, word: &[u8; 8]| {
        (mixed.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mixed = words.iter().chain([&last]).fold(address as u64, mix);
    (mixed >> (u64::BITS - ANSWERS_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::detect::rules::field::FieldId;

    fn item() -> SelectionItem {
        let selection = Arc::from("s");
        SelectionItem { field: FieldId(0), matchers: Vec::new(), negated: false, cost: 0, selection }
    }

    /// Whether the answer was remembered.
    fn knows<'a>(answers: &RememberedAnswers<'a>, item: &SelectionItem, json: &'a [u8], holds: bool) -> bool {
        let mut is_known = true;
        let said = answers.of(item, json, || {
            is_known = false;
            holds
        });
        assert_eq!(said, holds);
        is_known
    }

    #[test]
    fn an_answer_is_remembered_for_the_same_entry_and_the_same_value() {
        let mut answers = RememberedAnswers::default();
        let items = [item(), item()];
        for _ in 0..2 {
            assert!(!knows(&answers, &items[0], b"\"agent\"", true));
        }
        answers.begin();
        assert!(!knows(&answers, &items[0], b"\"agent\"", true));
        assert!(knows(&answers, &items[0], b"\"agent\"", true));
        assert!(!knows(&answers, &items[0], b"\"Agent\"", false));
        assert!(!knows(&answers, &items[1], b"\"agent\"", false));
        assert!(!knows(&answers, &items[0], b"7", false));
        assert!(knows(&answers, &items[0], b"7", false));
    }

    #[test]
    fn values_that_differ_anywhere_have_places_of_their_own() {
        let agent = |version: u32| format!("\"Mozilla/5.0 (X11) Chrome/{version}.0.0.0 Safari/537.36\"");
        let agents = [agent(120), agent(121), agent(122)];
        let alike = [
            ["\"US\"", "\"DE\"", "\"FR\""],
            ["true", "null", "1"],
            ["\"alice@example.com\"", "\"bobby@example.com\"", "\"caren@example.com\""],
            agents.each_ref().map(String::as_str),
        ];
        for values in alike {
            let places: BTreeSet<usize> =
                values.iter().map(|json| place(0x7f00_1234_5670, json.as_bytes())).collect();
            assert_eq!(places.len(), values.len(), "{values:?}");
        }
    }

    #[test]
    fn a_long_value_is_judged_each_time_and_answers_that_are_in_the_way_are_forgotten() {
        let mut answers = RememberedAnswers::default();
        answers.begin();
        let item = item();
        let [short, long] = [BYTES_MAX, BYTES_MAX + 1].map(|bytes| "7".repeat(bytes));
        for is_second in [false, true] {
            assert_eq!(knows(&answers, &item, short.as_bytes(), true), is_second);
            assert!(!knows(&answers, &item, long.as_bytes(), true));
        }
        let numbers: Vec<String> = (0..10 * ANSWERS).map(|number| number.to_string()).collect();
        for _ in 0..2 {
            for (place, number) in numbers.iter().enumerate() {
                knows(&answers, &item, number.as_bytes(), place % 3 == 0);
            }
        }
        assert_eq!(answers.answers.len(), ANSWERS);
    }
}
