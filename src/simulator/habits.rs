//! The habits of the lists, as switches.

use std::{fmt, str::FromStr};

/// One habit of the simulated API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Habit {
    /// A cursor drops the other records of its own second.
    Ties,
    /// The order inside one second is random for each request.
    Shuffle,
    /// Lists answer newest first when no order is asked for.
    Newest,
    /// Lists answer oldest first when no order is asked for.
    Oldest,
    /// Completions answer newest first even with `order=asc`.
    OrderIgnored,
    /// A generated record becomes visible seconds to twenty minutes after its own time.
    Late,
    /// `after` of a record that is gone answers 404.
    DeletedNotFound,
    /// `after` of a record that is gone answers 400, without saying why.
    DeletedRefused,
    /// `after` of a record that is gone answers an empty list.
    DeletedEmpty,
    /// `after` of a record that is gone is ignored.
    DeletedIgnored,
    /// Some seconds hold 180 to 1,200 generated records.
    Crowded,
    /// Some requests answer 429, with each spelling of the time to wait and with none.
    Throttle,
    /// Some requests answer 500 or 503, or the connection is closed.
    Errors,
    /// Some bodies are cut, are followed by garbage, or hold several list documents.
    Cut,
    /// `first_id` and `last_id` are null.
    NullEdges,
    /// Bodies are pretty-printed.
    Pretty,
    /// `tenant_only` is ignored; one list holds all audit events.
    TenantIgnore,
    /// `tenant_only` answers 400; one list holds all audit events.
    TenantRefuse,
    /// `has_more` is always true.
    HasMoreForever,
    /// Some pages are empty although `has_more` is true.
    EmptyPages,
    /// Some requests are answered with the page before.
    SamePage,
    /// One answer of a list in eight is what a bad gateway makes of it.
    Chaos,
    /// Pages hold at most 20 records, whatever the limit.
    Capped,
    /// A full page says that nothing follows.
    FullEnds,
    /// Each page shows its records in reverse.
    Turned,
    /// `effective_at[lt]` and `effective_at[lte]` are ignored.
    LteIgnored,
    /// Requests for more than 25 records answer 504.
    LargeTimeouts,
    /// Requests for more than 25 records answer 429, however rarely they come.
    LargeThrottled,
    /// Requests for more than 25 records answer 400, without saying why.
    LargeRefused,
    /// Completions refuse `order`.
    OrderRefused,
    /// Completions refuse `order`, without saying why.
    OrderDisliked,
    /// Completions refuse `order=desc`.
    DescRefused,
    /// The messages of one completion in five answer 404, as if it had been deleted after it was listed.
    MessagesGone,
    /// The key lists completions, and its messages are refused for a missing scope.
    MessagesForbidden,
    /// The messages of one completion in five always answer 500.
    MessagesBroken,
}

use Habit::*;

/// Every habit with its name on the command line.
const NAMES: [(&str, Habit); 35] = [
    ("ties", Ties),
    ("shuffle", Shuffle),
    ("newest", Newest),
    ("oldest", Oldest),
    ("order-ignored", OrderIgnored),
    ("late", Late),
    ("deleted-404", DeletedNotFound),
    ("deleted-400", DeletedRefused),
    ("deleted-empty", DeletedEmpty),
    ("deleted-ignored", DeletedIgnored),
    ("crowded", Crowded),
    ("throttle", Throttle),
    ("errors", Errors),
    ("cut", Cut),
    ("null-edges", NullEdges),
    ("pretty", Pretty),
    ("tenant-ignore", TenantIgnore),
    ("tenant-refuse", TenantRefuse),
    ("has-more-forever", HasMoreForever),
    ("empty-pages", EmptyPages),
    ("same-page", SamePage),
    ("chaos", Chaos),
    ("capped", Capped),
    ("full-ends", FullEnds),
    ("turned", Turned),
    ("lte-ignored", LteIgnored),
    ("large-timeouts", LargeTimeouts),
    ("large-throttled", LargeThrottled),
    ("large-refused", LargeRefused),
    ("order-refused", OrderRefused),
    ("order-disliked", OrderDisliked),
    ("desc-refused", DescRefused),
    ("messages-gone", MessagesGone),
    ("messages-forbidden", MessagesForbidden),
    ("messages-broken", MessagesBroken),
];

/// Habits of which only one can hold: the last one named wins.
const EXCLUSIVE: [&[Habit]; 4] = [
    &[Newest, Oldest],
    &[DeletedNotFound, DeletedRefused, DeletedEmpty, DeletedIgnored],
    &[TenantIgnore, TenantRefuse],
    &[MessagesGone, MessagesForbidden, MessagesBroken],
];

/// What `all` means: every recorded habit that lets a patient client collect everything.
const ALL: [Habit; 12] =
    [Ties, Shuffle, Newest, Late, DeletedNotFound, Crowded, Throttle, Errors, Cut, NullEdges, Pretty, Chaos];

/// A set of habits. Parsed from a comma-separated list of names, in which `all` means every one that can be
/// combined, and a later name replaces an earlier one that it excludes. The default is `ties,shuffle,newest`;
/// an empty list is a well-behaved API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Habits(u64);

/// An unknown name in a list of habits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown habit {name:?}; valid are: {}, all", names().join(", "))]
pub struct UnknownHabit {
    /// The name as given.
    pub name: String,
}

impl Habits {
    /// No habit at all: newest first, stable order, exact cursors, no faults.
    pub fn none() -> Self {
        Self(0)
    }

    /// This set with one more habit; those it excludes are taken out.
    pub fn with(self, habit: Habit) -> Self {
        let excluded = EXCLUSIVE.iter().filter(|group| group.contains(&habit)).flat_map(|group| group.iter());
        let kept = excluded.fold(self.0, |bits, other| bits & !bit(*other));
        Self(kept | bit(habit))
    }

    /// This set without one habit.
    pub fn without(self, habit: Habit) -> Self {
        Self(self.0 & !bit(habit))
    }

    /// Whether the set holds this habit.
    pub fn has(self, habit: Habit) -> bool {
        self.0 & bit(habit) != 0
    }
}

fn bit(habit: Habit) -> u64 {
    1 << habit as u8
}

fn names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}

impl Default for Habits {
    fn default() -> Self {
        Self::none().with(Ties).with(Shuffle).with(Newest)
    }
}

impl FromStr for Habits {
    type Err = UnknownHabit;

    fn from_str(list: &str) -> Result<Self, UnknownHabit> {
        let mut habits = Self::none();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "all" {
                habits = ALL.into_iter().fold(habits, Self::with);
                continue;
            }
            let known = NAMES.iter().find(|(known, _)| *known == name);
            let (_, habit) = known.ok_or_else(|| UnknownHabit { name: name.to_owned() })?;
            habits = habits.with(*habit);
        }
        Ok(habits)
    }
}

impl fmt::Display for Habits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: Vec<_> =
            NAMES.iter().filter(|(_, habit)| self.has(*habit)).map(|(name, _)| *name).collect();
        out.write_str(&held.join(","))
    }
}

impl fmt::Debug for Habits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Habits({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_read_back_as_written() {
        let list = "ties,oldest,deleted-empty,cut,same-page";
        assert_eq!(list.parse::<Habits>().unwrap().to_string(), list);
    }

    #[test]
    fn an_unknown_habit_is_named_together_with_the_valid_ones() {
        let error = "ties,tidy".parse::<Habits>().unwrap_err().to_string();
        assert!(error.contains("\"tidy\"") && error.contains("deleted-404, deleted-400"), "{error}");
    }

    #[test]
    fn a_later_name_replaces_the_one_it_excludes() {
        let habits: Habits = "all,deleted-ignored,oldest".parse().unwrap();
        assert!(habits.has(DeletedIgnored) && !habits.has(DeletedNotFound));
        assert!(habits.has(Oldest) && !habits.has(Newest));
        assert!(habits.has(Crowded) && habits.has(Pretty));
    }

    #[test]
    fn nothing_said_means_ties_shuffled_and_newest_first() {
        assert_eq!(Habits::default().to_string(), "ties,shuffle,newest");
        assert_eq!("".parse::<Habits>().unwrap(), Habits::none());
    }
}
