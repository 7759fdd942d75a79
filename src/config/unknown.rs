//! Finds the name that a misspelt one was meant to be.

/// The candidate most like `name`; `None` only when there are no candidates.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(name, candidate);
    candidates.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// The end of an error line about `name`: `; did you mean …?`, or nothing when there is nothing to propose.
pub(super) fn proposal<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, candidates) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
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
    fn without_candidates_nothing_is_proposed() {
        assert_eq!(proposal("anything", []), "");
    }
}
