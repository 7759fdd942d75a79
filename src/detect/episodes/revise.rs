//! Which windows a change of the matches can affect, and what follows for the episodes of their group.

use std::ops::ControlFlow;

use super::{
    episode::{Episode, holder, joined},
    sweep::{Lookback, sweep},
    tick::TickSource,
    window::{condition_reach, interval_reach, is_monotone, least_matches},
};
use crate::detect::model::Correlation;

/// In a burst these many ticks before a window nearly always satisfy it, and the rest of the window is not read.
const LOOKBACK_TICKS: usize = 256;

/// What is asked of a revision.
#[derive(Clone, Copy, Debug)]
pub struct RevisionScope {
    /// The episodes: the correlation raises alerts.
    pub episodes: bool,
    /// The hits: other correlations use it.
    pub hits: bool,
    /// Whether matches only come: none of its inputs is a correlation whose hits can be taken back.
    pub only_grows: bool,
    /// Windows that end here or earlier have lost matches, and are not evaluated.
    pub judged: i64,
}

/// The episodes before a change, in order of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct PastEpisodes<'a> {
    /// Those that meet the neighbourhood of the change.
    pub known: &'a [Episode],
    /// What of them remains whatever has changed: their windows have lost matches.
    pub kept: &'a [Episode],
}

/// A stretch of time after a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// The episodes that take the place of those in the neighbourhood, in order of time.
    pub episodes: Vec<Episode>,
    /// Every hit of the stretch, in order of time.
    pub hits: Vec<i64>,
}

/// The stretches in which windows may have changed when matches of these seconds came or went, or, in `others`, for another
/// reason. What lies far apart is apart, so that nothing between is read.
pub fn dirty(
    correlation: &Correlation,
    changed: impl IntoIterator<Item = i64>,
    others: &[Episode],
) -> Vec<Episode> {
    let (reach, margin) = (condition_reach(correlation), interval_reach(correlation).saturating_mul(2));
    let stretch = |second: i64| Episode { from: second, to: second.saturating_add(reach) };
    let mut stretches: Vec<Episode> =
        changed.into_iter().map(stretch).chain(others.iter().copied()).collect();
    stretches.sort_unstable();
    stretches.dedup_by(|one, last| {
        let is_near = one.from <= last.to.saturating_add(margin);
        if is_near {
            last.to = last.to.max(one.to);
        }
        is_near
    });
    stretches
}

/// Where the known episodes lie that a revision of a stretch needs.
pub fn neighbourhood(correlation: &Correlation, dirty: Episode) -> Episode {
    let reach = interval_reach(correlation);
    Episode {
        from: dirty.from.saturating_sub(reach.saturating_mul(2)),
        to: dirty.to.saturating_add(reach.saturating_mul(2)),
    }
}

/// Evaluates what may have changed in a stretch from `dirty` that lies after [`RevisionScope::judged`].
pub fn revise<S: TickSource>(
    correlation: &Correlation,
    learned_at: i64,
    source: &S,
    past: PastEpisodes<'_>,
    dirty: Episode,
    scope: RevisionScope,
) -> Result<Revision, S::Error> {
    let review = Review { correlation, learned_at, source };
    if scope.only_grows && is_monotone(correlation) {
        review.grow(past.known, dirty, scope)
    } else {
        review.again(past, dirty, scope)
    }
}

struct Review<'a, S> {
    correlation: &'a Correlation,
    learned_at: i64,
    source: &'a S,
}

impl<S: TickSource> Review<'_, S> {
    /// Evaluates every window whose satisfied stretch may meet the dirty ones, and replaces what the known episodes say of
    /// that time. Before and after it they remain as they are.
    fn again(
        &self,
        past: PastEpisodes<'_>,
        dirty: Episode,
        scope: RevisionScope,
    ) -> Result<Revision, S::Error> {
        let reach = if scope.episodes { interval_reach(self.correlation) } else { 0 };
        let whole = dirty.from.saturating_sub(reach);
        // What windows before the line say of later ones is in what is kept of episodes.
        let begin = whole.max(scope.judged.saturating_add(1));
        let stretch = Episode { from: begin, to: dirty.to.saturating_add(reach) };
        let (mut pieces, mut hits) = (Vec::new(), Vec::new());
        self.sweep(Lookback::All, stretch, &mut |at, satisfied| {
            if let Some(from) = satisfied {
                pieces.push(Episode { from, to: at });
                hits.extend(dirty.holds(at).then_some(at));
            }
            ControlFlow::Continue(())
        })?;
        for one in past.known {
            if one.from < begin && begin == whole {
                pieces.push(Episode { from: one.from, to: one.to.min(begin) });
            }
            if one.to > dirty.to {
                pieces.push(Episode { from: one.from.max(dirty.to), to: one.to });
            }
        }
        pieces.extend(past.kept);
        Ok(Revision { episodes: joined(pieces), hits })
    }

    /// The same where matches have only come, and satisfied windows remain so. Inside a known episode only its beginning is
    /// evaluated: a later window begins inside the episode and ends there.
    fn grow(&self, known: &[Episode], dirty: Episode, scope: RevisionScope) -> Result<Revision, S::Error> {
        let timespan = self.correlation.timespan;
        let least = least_matches(self.correlation);
        if known.is_empty() && least > 1 && self.has_fewer(dirty, least)? {
            return Ok(Revision::default());
        }
        // Where to continue if nothing more can follow from the known episode around this second.
        let past = |at: i64, is_hit: bool| {
            let inside = holder(known, at).filter(|one| is_hit || at >= one.from.saturating_add(timespan));
            inside.filter(|_| !scope.hits).map(|one| one.to.saturating_add(1))
        };
        let (mut pieces, mut hits) = (known.to_vec(), Vec::new());
        let (mut next, mut needs_all) = (dirty.from, false);
        while next <= dirty.to {
            if let Some(after) = past(next, false) {
                next = after;
                continue;
            }
            let before =
                if needs_all { None } else { Some(self.source.newest_before(next, LOOKBACK_TICKS)?) };
            let before = before.filter(|ticks| ticks.len() >= LOOKBACK_TICKS);
            let is_partial = before.is_some();
            let lookback = before.map_or(Lookback::All, Lookback::Only);
            needs_all = false;
            let mut resume = None;
            let mut found: Vec<Episode> = Vec::new();
            self.sweep(lookback, Episode { from: next, to: dirty.to }, &mut |at, satisfied| {
                match satisfied {
                    Some(from) => found.push(Episode { from, to: at }),
                    // It may have more ticks than were read.
                    None if is_partial => {
                        (resume, needs_all) = (Some(at), true);
                        return ControlFlow::Break(());
                    }
                    None => {}
                }
                resume = past(at, satisfied.is_some());
                if resume.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if is_partial {
                self.extend_back(&mut found)?;
            }
            hits.extend(found.iter().map(|one| one.to));
            pieces.append(&mut found);
            next =
                resume.unwrap_or(dirty.to.saturating_add(1)).max(next.saturating_add(i64::from(!needs_all)));
        }
        Ok(Revision { episodes: if scope.episodes { joined(pieces) } else { Vec::new() }, hits })
    }

    /// Whether all windows that end in a stretch together have fewer matches, so that none of them is satisfied: most groups
    /// are so small. What lies before the stretch is read only if it is needed.
    fn has_fewer(&self, dirty: Episode, least: u64) -> Result<bool, S::Error> {
        let inside = self.source.matches_between(dirty.from, dirty.to, least)?;
        if inside >= least {
            return Ok(false);
        }
        let (first, last) =
            (dirty.from.saturating_sub(self.correlation.timespan), dirty.from.saturating_sub(1));
        let before = self.source.matches_between(first, last, least - inside)?;
        Ok(inside.saturating_add(before) < least)
    }

    /// Finds where satisfied stretches begin whose windows were not read from their beginning.
    fn extend_back(&self, found: &mut [Episode]) -> Result<(), S::Error> {
        let timespan = self.correlation.timespan;
        let mut before: Option<i64> = None;
        for one in found {
            let first = one.to.saturating_sub(timespan);
            one.from = match before.filter(|before| *before >= first) {
                // The union is the same.
                Some(before) => one.from.min(before),
                None => self.source.first_from(first)?.unwrap_or(one.from).min(one.from),
            };
            before = Some(one.to);
        }
        Ok(())
    }

    fn sweep(
        &self,
        lookback: Lookback,
        stretch: Episode,
        each: &mut dyn FnMut(i64, Option<i64>) -> ControlFlow<()>,
    ) -> Result<(), S::Error> {
        sweep(self.correlation, self.learned_at, self.source, lookback, stretch, each)
    }
}
