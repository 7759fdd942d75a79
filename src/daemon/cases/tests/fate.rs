//! What may happen to a call of Kibana.

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseCallFate {
    /// It is carried out.
    Done,
    /// No answer comes, and nothing was done.
    LostBefore,
    /// No answer comes, and it was done.
    LostAfter,
    /// The process is killed, and nothing was done.
    KilledBefore,
    /// The process is killed, and it was done.
    KilledAfter,
    /// Kibana asks to wait.
    Throttled,
    /// Someone else has changed the case.
    Conflict,
    /// Someone else has changed the case, but what is attached to it is there: Kibana does both at the same time.
    ConflictAfter,
    /// It is carried out, and a proxy answers with a page of its own.
    InterceptedAfter,
    /// A proxy answers with a page of its own, and nothing was done.
    InterceptedBefore,
    /// The key lacks a privilege.
    Forbidden,
    /// The key may not touch cases of this owner.
    NotAllowed,
    /// Kibana refuses what was sent.
    Refused,
    /// It refuses who is to work on the case.
    NoAssignees,
    /// It has no such custom field.
    NoFields,
    /// The comment that this is about was removed there.
    Removed,
    /// So was its case, or so it seems.
    CaseRemoved,
    /// What Kibana says of it is more than is read.
    Large,
    /// It is carried out, and a proxy finds the answer too large.
    OversizedAfter,
}
