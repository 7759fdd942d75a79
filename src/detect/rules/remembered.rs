//! What entries said of short values: most records of a batch have a user agent that another one had, too.

use std::{cell::Cell, ptr};

use super::check::SelectionItem;

/// Bytes of the JSON text of a value that is short. Expressions look at all of it.
const BYTES_MAX: usize = 256;

/// Answers that are remembered. A new one takes the place of another.
const ANSWERS: usize = 1 << ANSWERS_BITS;
const ANSWERS_BITS: u32 = 8;

/// The answers for one batch. For its first record, which may be the only one, none are remembered.
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
        let address = ptr::from_ref(item).addr();
        let known = self.answers.get(place(address, json)).filter(|_| json.len() <= BYTES_MAX);
        let Some(known) = known else { return judge() };
        let answer = known.get();
        if answer.item == address && answer.json == json {
            return answer.holds;
        }
        let holds = judge();
        known.set(Answer { item: address, json, holds });
        holds
    }
}

/// The place of an answer. Values of one length often differ at the end.
fn place(address: usize, json: &[u8]) -> usize {
    let end = json.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
    let mixed = end ^ (address as u64).rotate_left(24) ^ json.len() as u64;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - ANSWERS_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
