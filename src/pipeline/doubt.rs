//! Who is at fault when record after record is refused: a few are, or the destination is.

use std::sync::{Arc, Mutex, PoisonError};

use super::policy::Failure;
use crate::sinks::{Receipt, Refused};

/// What a sink calls a record which the destination itself refused.
const BY_DESTINATION: &str = "refused";
/// So many records refused in a row are the destination's fault while nothing was taken since the route began,
const FRESH: u64 = 3;
/// and so many when something was.
const KNOWN: u64 = 8;

/// What one route remembers of its destination. All clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Doubt(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    has_taken: bool,
    /// Records refused since one was taken, for the same reason.
    refused: u64,
    reason: String,
}

impl Doubt {
    /// Looks at what became of a batch. Fails when the destination refuses everything alike: then the rejects are no place
    /// for it, and the route waits until the destination takes something.
    pub fn look(&self, receipt: &Receipt) -> Result<(), Failure> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if receipt.accepted + receipt.already_there > 0 {
            *memory = Memory { has_taken: true, ..Memory::default() };
            return Ok(());
        }
        for refused in receipt.refused.iter().filter(|one| one.kind == BY_DESTINATION) {
            let reason = gist(refused);
            if memory.reason != reason {
                (memory.reason, memory.refused) = (reason.to_owned(), 0);
            }
            memory.refused += 1;
        }
        let limit = if memory.has_taken { KNOWN } else { FRESH };
        // Records that the sink refuses by itself, because they are old or too large, say nothing of the destination.
        let all = receipt.refused.iter().all(|one| one.kind == BY_DESTINATION && gist(one) == memory.reason);
        if all && !receipt.refused.is_empty() && memory.refused >= limit {
            return Err(Failure::RefusesAll { records: memory.refused });
        }
        Ok(())
    }
}

/// What of a reason is the same for other records.
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
            let doubt = Doubt::default();
            first.iter().for_each(|receipt| doubt.look(receipt).unwrap());
            let one = refused(&[("refused", "status 400, Bad: row 7")]);
            assert_eq!((0..20).take_while(|_| doubt.look(&one).is_ok()).count(), passed);
            doubt.look(&taken()).unwrap();
            doubt.look(&one).unwrap();
        }
    }

    #[test]
    fn what_is_refused_for_many_reasons_or_by_the_sink_itself_is_the_records_fault() {
        let doubt = Doubt::default();
        for _ in 0..20 {
            doubt.look(&refused(&[("old", "older"), ("too_large", "large")])).unwrap();
            doubt.look(&refused(&[("refused", "a"), ("refused", "b"), ("refused", "c")])).unwrap();
        }
    }
}
