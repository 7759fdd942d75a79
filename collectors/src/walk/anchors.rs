//! Records of stored completions from which reading can go on, spaced ever wider with age.
//!
//! Any of them may be deleted or expire at any time, so there are always several to fall back to.

use serde::{Deserialize, Serialize};

/// A record that can stand behind `after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Its second.
    pub second: i64,
    /// Its id, as text: the API wants it back.
    pub id: String,
}

/// Anchors of one walk, newest first, no two of the same second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Anchors(Vec<Anchor>);

/// How many of the newest are kept however close they lie.
const NEWEST_KEPT: usize = 3;
/// How many older than the watermark are kept however close they lie.
const SETTLED_KEPT: usize = 3;
/// The gap that dropping an anchor leaves is at most this part of its age.
const GAP_OF_AGE: i64 = 2;

impl Anchors {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The newest one of a second earlier than `second`.
    pub fn before(&self, second: i64) -> Option<&Anchor> {
        self.0.iter().find(|anchor| anchor.second < second)
    }

    /// Takes one in. A second that already has one keeps it.
    pub fn offer(&mut self, anchor: Anchor) {
        let place = self.0.partition_point(|other| other.second > anchor.second);
        if self.0.get(place).is_none_or(|other| other.second != anchor.second) {
            self.0.insert(place, anchor);
        }
    }

    /// Drops one that is gone.
    pub fn remove(&mut self, gone: &Anchor) {
        self.0.retain(|anchor| anchor != gone);
    }

    /// Thins the list out: all of the newest, some just before `watermark`, and of the rest as few as leave no wide gap. An anchor
    /// may go only if its neighbours stay close for their age, so that there are always some of every age.
    pub fn thin(&mut self, watermark: i64) {
        let Some(newest) = self.0.first().map(|anchor| anchor.second) else {
            return;
        };
        let mut kept: Vec<Anchor> = Vec::with_capacity(self.0.len());
        let mut of_settled = 0;
        let mut anchors = self.0.drain(..).peekable();
        while let Some(anchor) = anchors.next() {
            let is_before_watermark = anchor.second < watermark;
            let neighbours = kept.last().zip(anchors.peek());
            let is_spare = neighbours.is_some_and(|(later, older)| {
                (later.second - older.second).saturating_mul(GAP_OF_AGE) <= newest - older.second
            });
            if !is_spare || kept.len() < NEWEST_KEPT || (is_before_watermark && of_settled < SETTLED_KEPT) {
                of_settled += usize::from(is_before_watermark);
                kept.push(anchor);
            }
        }
        drop(anchors);
        self.0 = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(second: i64) -> Anchor {
        Anchor { second, id: format!("chatcmpl-{second}") }
    }

    #[test]
    fn a_month_of_anchors_stays_short_and_always_reaches_behind_the_settled_point() {
        let mut anchors = Anchors::default();
        for second in 1..200_000 {
            anchors.offer(anchor(second));
            anchors.thin(second - 1800);
            assert!(anchors.len() < 80, "{} anchors", anchors.len());
        }
        let watermark = 199_999 - 1800;
        assert!(anchors.0.iter().filter(|anchor| anchor.second < watermark).count() >= 3);
        assert_eq!(anchors.before(199_999).map(|anchor| anchor.second), Some(199_998));
        assert!(anchors.before(watermark).is_some_and(|anchor| anchor.second > watermark - 1800));
    }

    #[test]
    fn a_gone_anchor_gives_way_to_the_next_older_one() {
        let mut anchors = Anchors::default();
        for second in [10, 30, 20, 30] {
            anchors.offer(anchor(second));
        }
        anchors.remove(&anchor(20));
        assert_eq!(anchors.before(30), Some(&anchor(10)));
        assert_eq!(anchors.before(10), None);
    }
}
