use std::{collections::BTreeMap, convert::Infallible, ops::ControlFlow};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    Amount, Episode, PastEpisodes, Revision, RevisionScope, Tick, TickSource, TickValue, condition_reach,
    dirty, joined, neighbourhood, revise,
};
use crate::detect::model::{Comparison, Correlation, CorrelationInput, CorrelationKind, RuleIndex};

/// Ticks in memory.
#[derive(Default)]
struct Ticks(BTreeMap<(i64, u32, TickValue), u64>);

impl Ticks {
    fn add(&mut self, tick: &Tick) {
        *self.0.entry((tick.at, tick.input, tick.value.clone())).or_default() += tick.count;
    }

    fn all(&self) -> Vec<Tick> {
        let tick = |((at, input, value), count): (&(i64, u32, TickValue), &u64)| Tick {
            at: *at,
            input: *input,
            value: value.clone(),
            count: *count,
        };
        self.0.iter().map(tick).collect()
    }
}

impl TickSource for Ticks {
    type Error = Infallible;

    fn between(
        &self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(Tick) -> ControlFlow<()>,
    ) -> Result<(), Infallible> {
        for tick in self.all().into_iter().filter(|tick| (from..=to).contains(&tick.at)) {
            if each(tick).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn newest_before(&self, before: i64, count: usize) -> Result<Vec<Tick>, Infallible> {
        let mut all: Vec<Tick> = self.all().into_iter().filter(|tick| tick.at < before).collect();
        Ok(all.split_off(all.len().saturating_sub(count)))
    }

    fn first_from(&self, from: i64) -> Result<Option<i64>, Infallible> {
        Ok(self.all().into_iter().map(|tick| tick.at).find(|at| *at >= from))
    }
}

fn correlation(kind: CorrelationKind, timespan: i64, condition: &[(Comparison, f64)]) -> Correlation {
    let input = |rule| CorrelationInput { rule: RuleIndex(rule), group_from: Vec::new() };
    let (inputs, condition) = ((0..3).map(input).collect(), condition.to_vec());
    Correlation { kind, inputs, group_by: Vec::new(), timespan, condition }
}

/// Every kind, with conditions that some windows of the histories below satisfy.
fn kinds() -> Vec<Correlation> {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};
    let plain =
        |kind: &CorrelationKind, condition: &[(Comparison, f64)]| correlation(kind.clone(), 10, condition);
    vec![
        plain(&CorrelationKind::EventCount, &[(AtLeast, 3.0)]),
        plain(&CorrelationKind::EventCount, &[(Greater, 1.0), (Less, 4.0)]),
        plain(&CorrelationKind::EventCount, &[(Equal, 2.0)]),
        plain(&CorrelationKind::EventCount, &[(AtMost, 1.0)]),
        plain(&CorrelationKind::ValueCount, &[(AtLeast, 2.0)]),
        plain(&CorrelationKind::ValueCount, &[(NotEqual, 1.0)]),
        plain(&CorrelationKind::Temporal, &[]),
        plain(&CorrelationKind::TemporalOrdered, &[]),
        plain(&CorrelationKind::ValueSum, &[(Greater, 6.0)]),
        plain(&CorrelationKind::ValueAvg, &[(AtLeast, 2.0)]),
        plain(&CorrelationKind::ValuePercentile(75.0), &[(Greater, 2.0)]),
        plain(&CorrelationKind::FirstSeen { window: 30, learn: 5 }, &[]),
        plain(&CorrelationKind::Spike { factor: 1.5, baseline: 40, at_least: 3.0 }, &[]),
    ]
}

fn history(rng: &mut StdRng) -> Vec<Tick> {
    let (count, long) = (rng.random_range(1..60), rng.random_range(20..400));
    let tick = |rng: &mut StdRng| {
        let number = rng.random_range(-1..5);
        let value = match rng.random_range(0..8) {
            0 => TickValue::Nothing,
            _ => TickValue::Number(Amount::new(f64::from(number))),
        };
        Tick { at: rng.random_range(0..long), input: rng.random_range(0..3), value, count: 1 }
    };
    (0..count).map(|_| tick(rng)).collect()
}

/// Whether the window that ends at a second satisfies the condition, by its definition.
fn is_hit(one: &Correlation, ticks: &[Tick], first: i64, at: i64) -> bool {
    let inside: Vec<&Tick> =
        ticks.iter().filter(|tick| (at - one.timespan..=at).contains(&tick.at)).collect();
    let number = |tick: &Tick| match &tick.value {
        TickValue::Number(number) => Some(number.number()),
        TickValue::Nothing | TickValue::Text(_) | TickValue::Hit(_) => None,
    };
    let mut numbers: Vec<f64> = inside.iter().filter_map(|tick| number(tick)).collect();
    numbers.sort_by(f64::total_cmp);
    let sum: f64 = numbers.iter().sum();
    let meets = |number: f64| {
        one.condition.iter().all(|(comparison, bound)| match comparison {
            Comparison::Less => number < *bound,
            Comparison::AtMost => number <= *bound,
            Comparison::Greater => number > *bound,
            Comparison::AtLeast => number >= *bound,
            Comparison::Equal => number == *bound,
            Comparison::NotEqual => number != *bound,
        })
    };
    match one.kind {
        CorrelationKind::EventCount => meets(inside.len() as f64),
        CorrelationKind::ValueCount => {
            let mut distinct = numbers.clone();
            distinct.dedup();
            meets(distinct.len() as f64)
        }
        CorrelationKind::Temporal => (0..3).all(|input| inside.iter().any(|tick| tick.input == input)),
        CorrelationKind::TemporalOrdered => inside.iter().filter(|tick| tick.input == 0).any(|a| {
            inside
                .iter()
                .filter(|tick| tick.input == 1 && tick.at >= a.at)
                .any(|b| inside.iter().any(|tick| tick.input == 2 && tick.at >= b.at))
        }),
        CorrelationKind::ValueSum => !numbers.is_empty() && meets(sum),
        CorrelationKind::ValueAvg => !numbers.is_empty() && meets(sum / numbers.len() as f64),
        CorrelationKind::ValuePercentile(percent) => {
            let rank = percent / 100.0 * numbers.len().saturating_sub(1) as f64;
            let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
            !numbers.is_empty() && meets(numbers[low] + (numbers[high] - numbers[low]) * rank.fract())
        }
        CorrelationKind::FirstSeen { window, learn } => {
            let is_known = |value: &TickValue| {
                ticks.iter().any(|tick| (at - window..at).contains(&tick.at) && tick.value == *value)
            };
            let mut here = ticks.iter().filter(|tick| tick.at == at && tick.value != TickValue::Nothing);
            at >= first + learn && here.any(|tick| !is_known(&tick.value))
        }
        CorrelationKind::Spike { factor, baseline, at_least } => {
            let begin = at - one.timespan;
            let mut slots: BTreeMap<i64, f64> = BTreeMap::new();
            for tick in ticks {
                let slot = tick.at.div_euclid(one.timespan);
                let is_usual = slot * one.timespan >= begin - baseline && (slot + 1) * one.timespan <= begin;
                if let Some(number) = number(tick).filter(|_| is_usual) {
                    *slots.entry(slot).or_default() += number;
                }
            }
            let mut sums: Vec<f64> = slots.into_values().collect();
            sums.sort_by(f64::total_cmp);
            let middle = sums.len() / 2;
            !sums.is_empty() && sum >= at_least && {
                let usual =
                    if sums.len() % 2 == 1 { sums[middle] } else { (sums[middle - 1] + sums[middle]) / 2.0 };
                sum > factor * usual
            }
        }
    }
}

/// All hits and episodes of a history, by their definition.
fn by_definition(one: &Correlation, ticks: &[Tick], first: i64) -> (Vec<i64>, Vec<Episode>) {
    let mut seconds: Vec<i64> = ticks.iter().map(|tick| tick.at).collect();
    seconds.sort_unstable();
    seconds.dedup();
    let hits: Vec<i64> = seconds.iter().copied().filter(|at| is_hit(one, ticks, first, *at)).collect();
    let begin = |at: i64| match one.kind {
        CorrelationKind::FirstSeen { .. } => at,
        _ => seconds.iter().copied().find(|second| *second >= at - one.timespan).unwrap(),
    };
    let episodes = joined(hits.iter().map(|at| Episode { from: begin(*at), to: *at }).collect());
    (hits, episodes)
}

/// What is known of a group while its matches arrive.
#[derive(Default)]
struct Known {
    ticks: Ticks,
    episodes: Vec<Episode>,
    hits: Vec<i64>,
}

impl Known {
    fn arrive(&mut self, one: &Correlation, learned_at: i64, batch: &[Tick]) {
        batch.iter().for_each(|tick| self.ticks.add(tick));
        for stretch in dirty(one, batch.iter().map(|tick| tick.at), &[]) {
            let near = neighbourhood(one, stretch);
            let (known, mut rest): (Vec<_>, Vec<_>) =
                self.episodes.iter().partition(|known| known.meets(&near));
            let scope = RevisionScope { episodes: true, hits: false, only_grows: true, judged: i64::MIN };
            let past = PastEpisodes { known: &known, kept: &[] };
            let Ok(Revision { episodes, .. }) = revise(one, learned_at, &self.ticks, past, stretch, scope);
            rest.extend(episodes);
            rest.sort_unstable();
            self.episodes = rest;
            let scope = RevisionScope { episodes: false, hits: true, only_grows: true, judged: i64::MIN };
            let past = PastEpisodes::default();
            let Ok(Revision { hits, .. }) = revise(one, learned_at, &self.ticks, past, stretch, scope);
            self.hits.retain(|at| !stretch.holds(*at));
            self.hits.extend(hits);
            self.hits.sort_unstable();
        }
    }
}

#[test]
fn any_order_and_any_batches_give_the_episodes_and_hits_of_the_definition() {
    for seed in 0..150 {
        let mut rng = StdRng::seed_from_u64(seed);
        for one in kinds() {
            let mut ticks = history(&mut rng);
            let first = ticks.iter().map(|tick| tick.at).min().unwrap();
            let learned_at = match one.kind {
                CorrelationKind::FirstSeen { learn, .. } => first + learn,
                _ => i64::MIN,
            };
            let expected = by_definition(&one, &ticks, first);
            match rng.random_range(0..3) {
                0 => ticks.sort_by_key(|tick| tick.at),
                1 => ticks.sort_by_key(|tick| -tick.at),
                _ => ticks.shuffle(&mut rng),
            }
            let mut known = Known::default();
            let mut rest = ticks.as_slice();
            while !rest.is_empty() {
                let (batch, later) = rest.split_at(rng.random_range(1..=rest.len().min(9)));
                known.arrive(&one, learned_at, batch);
                rest = later;
            }
            assert_eq!((known.hits, known.episodes), expected, "seed {seed}, {:?}", one.kind);
        }
    }
}

#[test]
fn a_burst_longer_than_what_is_looked_back_at_gives_the_same() {
    let one = correlation(CorrelationKind::EventCount, 1_000, &[(Comparison::AtLeast, 400.0)]);
    let few = correlation(CorrelationKind::EventCount, 1_000, &[(Comparison::AtLeast, 5.0)]);
    let at = |second: i64| Tick { at: second, input: 0, value: TickValue::Nothing, count: 1 };
    let ticks: Vec<Tick> = (0..900).chain(3_000..3_900).map(at).collect();
    for one in [one, few] {
        for reversed in [false, true] {
            let mut known = Known::default();
            let mut ticks = ticks.clone();
            if reversed {
                ticks.reverse();
            }
            ticks.chunks(150).for_each(|batch| known.arrive(&one, i64::MIN, batch));
            assert_eq!((known.hits, known.episodes), by_definition(&one, &ticks, 0), "{reversed}");
        }
    }
}

#[test]
fn far_apart_changes_are_separate_stretches() {
    let one = correlation(CorrelationKind::EventCount, 10, &[]);
    assert_eq!(condition_reach(&one), 10);
    let stretches = dirty(&one, [1_000, 5, 12, 31], &[]);
    assert_eq!(stretches, [Episode { from: 5, to: 41 }, Episode { from: 1_000, to: 1_010 }]);
}
