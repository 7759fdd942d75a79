//! Refusals that do not say what is wrong with a request: its order, its cursor, or how many records it asks for.
//!
//! Something on the way to the API may refuse `order` with a plain 400, or answer 429 to every request for many
//! records. So the same request is sent without the suspect: that is the witness. If the witness is answered, the
//! request itself is repeated at once, because whatever refused it may just have ended: a gateway's fault, or a rate
//! limit whose pause is over. Only a request that is refused again and again while its witness is answered each time
//! proves the suspect. Of several suspects one after the other is left out, because more than one may be at fault.

use crate::{
    http::client::Client,
    lists::AcceptedOrders,
    walk::{Walk, cursor::Task, refused::is_refusal, request::WalkRequest, time_slice::TimeSlice},
};

/// So many times in a row the request must be refused and its witness answered. A rate limit that lets one request
/// in four pass looks like this in one case of a hundred, and a wrong belief costs requests, but no records.
const PROVEN_AFTER: u32 = 3;

/// The part of a request that a refusal may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// `order`.
    Order,
    /// `after` or `before`.
    Cursor,
    /// The number of records.
    Size,
}

/// What the witnesses of a refused request say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Testimony {
    /// All of them are refused, too.
    None,
    /// One was answered, which proves nothing yet: the request is to be repeated.
    Against,
    /// This part is what is refused.
    Proven(Suspect),
}

/// The witnesses of the request that is being repeated.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    /// The request and its suspect, and how often in a row it was refused and its witness answered.
    request: u64,
    suspect: Option<Suspect>,
    in_a_row: u32,
    is_size_known: bool,
}

impl Suspicion {
    /// Whether something on this list's way was found to refuse requests for many records.
    pub fn is_size_known(&self) -> bool {
        self.is_size_known
    }

    /// Whether a witness of this request was answered, and the next ones decide.
    pub fn is_open(&self, query: &str) -> bool {
        self.suspect.is_some() && self.request == hash(query)
    }

    /// A witness of a refused request was answered. True if that proves the suspect.
    fn proves(&mut self, query: &str, suspect: Suspect) -> bool {
        let request = hash(query);
        let is_same = self.request == request && self.suspect == Some(suspect);
        self.in_a_row = if is_same { self.in_a_row + 1 } else { 1 };
        (self.request, self.suspect) = (request, Some(suspect));
        let wanted = if suspect == Suspect::Size && self.is_size_known { 1 } else { PROVEN_AFTER };
        let is_proven = self.in_a_row >= wanted;
        if is_proven {
            self.is_size_known |= suspect == Suspect::Size;
            self.forget();
        }
        is_proven
    }

    /// The request itself was answered. Returns the suspect that is cleared by that, if there was one.
    pub fn answered(&mut self, query: &str, limit: usize) -> Option<Suspect> {
        let cleared = self.suspect.filter(|_| self.request == hash(query));
        // Requests of that size are no longer refused, or were refused for another reason.
        self.is_size_known &= limit < crate::LIMIT && cleared != Some(Suspect::Size);
        self.forget();
        cleared
    }

    fn forget(&mut self) {
        (self.request, self.suspect, self.in_a_row) = (0, None, 0);
    }
}

impl Walk {
    /// Sends the request without one suspect after the other, until it is answered: then the last one is at fault, because
    /// without the others alone it was refused.
    pub(super) async fn hear_witnesses(
        &mut self,
        client: &Client,
        task: Task,
        slice: &TimeSlice,
        request: &WalkRequest,
        now: i64,
    ) -> Testimony {
        let crowd = self.crowds[task as usize].as_ref();
        let (mut limit, mut orders) =
            (crowd.map_or(self.size.limit(), |crowd| crowd.reach.limit()), self.orders);
        for suspect in [Suspect::Size, Suspect::Order, Suspect::Cursor] {
            let crowd = self.crowds[task as usize].as_ref();
            let witness = match suspect {
                Suspect::Size if limit > 1 => {
                    limit = 1;
                    self.list.request(slice, task, crowd, limit, orders)
                }
                Suspect::Order if !self.list.has_time_filter() && orders != AcceptedOrders::Unnamed => {
                    orders = AcceptedOrders::Unnamed;
                    self.list.request(slice, task, crowd, limit, orders)
                }
                Suspect::Cursor if self.asks_with_cursor(task, slice) => self.list.newest(limit, orders),
                Suspect::Size | Suspect::Order | Suspect::Cursor => continue,
            };
            match client.list(&witness.query, self.list.scope, self.list.time, self.lane(task, now)).await {
                Ok(answer) => {
                    client.accept(&answer.page, witness.span);
                    if !self.suspicion.proves(&request.query, suspect) {
                        tracing::debug!(?suspect, "answered without it, requesting it again");
                        return Testimony::Against;
                    }
                    tracing::info!(
                        list = self.list.name,
                        ?suspect,
                        "refused, and answered without it each time"
                    );
                    return Testimony::Proven(suspect);
                }
                Err(error) if is_refusal(&error.kind) => {
                    tracing::debug!(?suspect, %error, "refused without it, too");
                }
                // A rate limit, or no answer at all: nothing follows, and more requests would only add to it.
                Err(error) => {
                    tracing::debug!(?suspect, %error, "no response without it");
                    break;
                }
            }
        }
        self.suspicion.forget();
        Testimony::None
    }

    /// Says which of two reasons a refusal had, once the request itself is answered.
    pub(super) fn note_answered(&mut self, request: &WalkRequest, limit: usize) {
        if let Some(suspect) = self.suspicion.answered(&request.query, limit) {
            tracing::info!(
                list = self.list.name,
                ?suspect,
                "answered as it was: the refusals before were about something else, such as the rate"
            );
        }
    }
}

fn hash(query: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(query.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LIMIT;

    #[test]
    fn only_a_request_that_is_refused_each_time_proves_anything() {
        let mut suspicion = Suspicion::default();
        for _ in 0..5 {
            assert!(!suspicion.proves("/a", Suspect::Size) && !suspicion.proves("/a", Suspect::Size));
            assert_eq!(suspicion.answered("/a", 50), Some(Suspect::Size));
        }
        for _ in 1..PROVEN_AFTER {
            assert!(!suspicion.proves("/a", Suspect::Size));
        }
        assert!(suspicion.proves("/a", Suspect::Size) && suspicion.is_size_known());
        assert!(suspicion.proves("/b", Suspect::Size), "it is known of this list");
        assert_eq!(suspicion.answered("/c", 50), None);
        assert!(suspicion.is_size_known());
        suspicion.answered("/c", LIMIT);
        assert!(!suspicion.is_size_known());
    }

    #[test]
    fn what_witnesses_of_other_requests_or_suspects_say_does_not_add_up() {
        let mut suspicion = Suspicion::default();
        for _ in 0..5 {
            assert!(!suspicion.proves("/a", Suspect::Order));
            assert!(!suspicion.proves("/a", Suspect::Cursor));
            assert!(!suspicion.proves("/b", Suspect::Cursor));
        }
    }
}
