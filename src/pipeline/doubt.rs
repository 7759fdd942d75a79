//! Decides who is at fault when record after record is refused: those records, or the destination.

use std::sync::{Arc, Mutex, PoisonError};

use super::policy::Failure;
use crate::sinks::{Receipt, Refused};

/// A sink's word for a record that the destination itself refused.
const BY_DESTINATION: &str = "refused";
/// After this many refused records in a row the destination is at fault, if it has taken none since the route
/// started: for the same reason, and for any reason;
const FRESH: RefusalLimits = RefusalLimits { alike: 3, all: 32 };
/// and after this many if it has taken some.
const KNOWN: RefusalLimits = RefusalLimits { alike: 8, all: 256 };

struct RefusalLimits {
    alike: u64,
    all: u64,
}

/// What one route remembers about its destination. All clones share it.
#[derive(Debug, Clone, Default)]
pub struct SinkDoubt(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    has_taken: bool,
    /// Records refused since one was taken,
    refused: u64,
    /// and how many of the last ones had the same reason.
    alike: u64,
    reason: String,
}

impl SinkDoubt {
    /// Evaluates the result of a batch. Fails if the destination refuses everything: the rejects are no place
    /// for all records, so the route waits until the destination takes some. Records that the sink refuses by
    /// itself, because they are old or too large, are no evidence about the destination.
    pub fn look(&self, receipt: &Receipt) -> Result<(), Failure> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if receipt.accepted + receipt.already_there > 0 {
            *memory = Memory { has_taken: true, ..Memory::default() };
            return Ok(());
        }
        let mut gists = receipt.refused.iter().filter(|one| one.kind == BY_DESTINATION).map(gist).peekable();
        let Some(first) = gists.peek().copied() else {
            return Ok(());
        };
        let mut all_alike = true;
        for reason in gists {
            all_alike &= reason == first;
            if memory.reason != reason {
                (memory.reason, memory.alike) = (reason.to_owned(), 0);
            }
            memory.alike += 1;
            memory.refused += 1;
        }
        let limits = if memory.has_taken { KNOWN } else { FRESH };
        if all_alike && memory.alike >= limits.alike {
            return Err(Failure::RefusesAll { records: memory.alike });
        }
        if memory.refused >= limits.all {
            return Err(Failure::RefusesAll { records: memory.refused });
        }
        Ok(())
    }
}

/// The part of a reason that is the same for other records.
fn gist(refused: &Refused) -> &str {
    refused.reason.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kinds: &[(&'static str, &str)]) -> Receipt {
        let one = |(index, (kind, reason)): (usize, &(&'static str, &str))| Refused {
            index,
            kind,
            reason: (*reason).to_owned(),
        };
        Receipt { refused: kinds.iter().enumerate().map(one).collect(), ..Receipt::default() }
    }

    fn taken() -> Receipt {
        Receipt { accepted: 1, ..Receipt::default() }
    }

    #[test]
    fn a_destination_that_has_taken_nothing_is_doubted_sooner_than_one_that_has() {
        for (first, passed) in [(None, 2), (Some(taken()), 7)] {
            let doubt = SinkDoubt::default();
            first.iter().for_each(|receipt| doubt.look(receipt).unwrap());
            let one = refused(&[("refused", "status 400, Bad: row 7")]);
            assert_eq!((0..20).take_while(|_| doubt.look(&one).is_ok()).count(), passed);
            doubt.look(&taken()).unwrap();
            doubt.look(&one).unwrap();
        }
    }

    /// How many batches like this pass before the destination is at fault.
    fn passed(doubt: &SinkDoubt, receipt: &Receipt) -> usize {
        (0..1_000).take_while(|_| doubt.look(receipt).is_ok()).count()
    }

    #[test]
    fn what_is_refused_for_many_reasons_is_the_records_fault_until_it_is_too_much() {
        let three = refused(&[("refused", "a"), ("refused", "b"), ("refused", "c")]);
        for (first, batches) in [(None, 10), (Some(taken()), 85)] {
            let doubt = SinkDoubt::default();
            first.iter().for_each(|receipt| doubt.look(receipt).unwrap());
            assert_eq!(passed(&doubt, &three), batches);
            doubt.look(&taken()).unwrap();
            assert_eq!(passed(&doubt, &three), 85, "counted from the last that was taken");
        }
    }

    #[test]
    fn what_the_sink_refuses_by_itself_neither_counts_nor_hides_what_the_destination_refuses() {
        let doubt = SinkDoubt::default();
        assert_eq!(passed(&doubt, &refused(&[("old", "older"), ("too_large", "large")])), 1_000);
        let mixed =
            refused(&[("old", "older"), ("refused", "status 400, Bad: row 7"), ("too_large", "large")]);
        assert_eq!(passed(&doubt, &mixed), 2);
    }
}
