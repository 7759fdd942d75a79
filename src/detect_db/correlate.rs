//! The groups that a batch changed: their episodes, and the hits that other correlations use.

use std::cell::RefCell;

use super::{
    group_ticks::GroupTicks,
    groups::GroupWork,
    raise::{LiveAlert, PendingAlerts},
    store::Turn,
};
use crate::detect::{
    episodes::{Episode, PastEpisodes, RevisionScope, condition_reach, dirty, neighbourhood, revise},
    model::{CorrelationKind, RuleIndex},
};

impl Turn<'_> {
    /// Evaluates every group with changes; correlations come after those that they use.
    pub(super) fn settle(&mut self) -> rusqlite::Result<()> {
        let book = self.book;
        for rule in &book.order {
            let mut groups: Vec<_> = self.work.remove(rule).unwrap_or_default().into_iter().collect();
            groups.sort_unstable_by_key(|(group, _)| *group);
            for (group, work) in groups {
                self.settle_group(*rule, group, &work)?;
            }
        }
        Ok(())
    }

    fn settle_group(&mut self, index: RuleIndex, group: i64, work: &GroupWork) -> rusqlite::Result<()> {
        let book = self.book;
        let Some((rule, _)) = book.rule(index) else { return Ok(()) };
        let Some(correlation) = rule.correlation() else { return Ok(()) };
        let parents = &book.parents[index.0 as usize];
        let only_grows = correlation.inputs.iter().all(|input| book.only_grows[input.rule.0 as usize]);
        let judged = book.lines(index).judged;
        let scope = RevisionScope { episodes: rule.alerts, hits: !parents.is_empty(), only_grows, judged };
        let learned_at = match correlation.kind {
            CorrelationKind::FirstSeen { learn, .. } => {
                self.first_at(index).map_or(i64::MAX, |first| first.saturating_add(learn))
            }
            CorrelationKind::EventCount
            | CorrelationKind::ValueCount
            | CorrelationKind::Temporal
            | CorrelationKind::TemporalOrdered
            | CorrelationKind::ValueSum
            | CorrelationKind::ValueAvg
            | CorrelationKind::ValuePercentile(_)
            | CorrelationKind::Spike { .. } => i64::MIN,
        };
        let mut links = Vec::new();
        for link in parents {
            links.extend(self.parent_group(index, group, link)?);
        }
        for link in &links {
            self.take_back(link, work)?;
        }
        let mut pending = PendingAlerts::new();
        for stretch in dirty(correlation, work.changed.iter().copied(), &work.stretches) {
            let Some(stretch) = stretch.after(judged) else { continue };
            let near = neighbourhood(correlation, stretch);
            let known: Vec<LiveAlert> = match scope.episodes {
                true => self.live(group, near)?,
                false => Vec::new(),
            };
            let episodes: Vec<Episode> = known.iter().map(|alert| alert.episode).collect();
            let kept: Vec<Episode> =
                self.kept_parts(group, near)?.into_iter().map(|part| part.stretch).collect();
            let Some(held) = self.held.groups.get_mut(&group) else { break };
            let ticks = GroupTicks {
                group: RefCell::new(held),
                connection: self.begun,
                rows_read: self.rows_read,
                reach: condition_reach(correlation),
            };
            let past = PastEpisodes { known: &episodes, kept: &kept };
            let revision = revise(correlation, learned_at, &ticks, past, stretch, scope)?;
            if scope.episodes {
                self.replace(index, group, &known, &revision.episodes, &mut pending)?;
            }
            for link in &links {
                self.pass_on(link, stretch, &revision.hits, work)?;
            }
        }
        for link in &links {
            self.bring_new(link, work)?;
        }
        if scope.episodes { self.refresh(index, group, pending, work) } else { Ok(()) }
    }
}
