//! Finds the name that a misspelt one was meant to be.

/// The beginning of a name is recognised from this many characters on.
const BEGINNING_CHARS_MIN: usize = 3;

/// The candidate that `name` was probably meant to be: the nearest of those that differ in at most a third of
/// its characters or begin with it. Any other would be a guess.
fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.into_iter().filter_map(|candidate| {
        let distance = strsim::damerau_levenshtein(name, candidate);
        let chars = name.chars().count();
        let is_begun = chars >= BEGINNING_CHARS_MIN && candidate.starts_with(name);
        (distance * 3 <= chars || is_begun).then_some((distance, candidate))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// The end of an error line about `name`: `; did you mean …?`, or nothing if no candidate is near.
pub(crate) fn proposal<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, candidates) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
    }
}

/// The end of an error line about a key: the nearest known one, and all of them if none is near or `lists_all`.
pub(super) fn known_keys<'a>(
    key: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    lists_all: bool,
) -> String {
    let near = proposal(key, known.clone());
    let mut all: Vec<&str> = known.into_iter().collect();
    all.sort_unstable();
    match near.is_empty() || lists_all {
        true if all.is_empty() => near,
        true => format!("{near}; known keys: {}", all.join(", ")),
        false => near,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_key_that_was_meant() {
        let keys = ["overlap", "poll_interval", "project", "proxy", "sweep_interval"];
        for (slip, meant) in
            [("pol_interval", "poll_interval"), ("sweepinterval", "sweep_interval"), ("prxoy", "proxy")]
        {
            assert_eq!(nearest(slip, keys), Some(meant));
        }
    }

    #[test]
    fn what_is_like_no_key_is_not_guessed_at() {
        let keys = ["dir", "free_min", "path", "retention", "type"];
        for name in ["colour", "pathology", "odd[9999999999].key", "t", "", "x"] {
            assert_eq!(nearest(name, keys), None, "{name}");
        }
        assert_eq!(nearest("ret", keys), Some("retention"), "its beginning");
    }

    #[test]
    fn without_candidates_nothing_is_proposed() {
        assert_eq!(proposal("anything", []), "");
    }
}
