//! Records of stored completions from which reading can continue, spaced more widely with age.
//!
//! Any of them may be deleted or expire at any time, so several are kept to fall back to.

use serde::{Deserialize, Serialize};

/// A record that a request can name in `after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Its second.
    pub second: i64,
    /// Its id as text, because the API expects it back.
    pub id: String,
}

/// Anchors of one walk, newest first, at most one per second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Anchors(Vec<Anchor>);

/// How many of the newest are kept however close together.
const NEWEST_KEPT: usize = 3;
/// How many of those before the watermark are kept however close together.
const BEFORE_WATERMARK_KEPT: usize = 3;
/// Dropping an anchor may leave a gap of at most its age divided by this.
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

    /// The newest anchor before `second`.
    pub fn before(&self, second: i64) -> Option<&Anchor> {
        self.0.iter().find(|anchor| anchor.second < second)
    }

    /// Adds an anchor. A second that already has one keeps it.
    pub fn offer(&mut self, anchor: Anchor) {
        let place = self.0.partition_point(|other| other.second > anchor.second);
        if self.0.get(place).is_none_or(|other| other.second != anchor.second) {
            self.0.insert(place, anchor);
        }
    }

    /// Drops an anchor that the list no longer knows.
    pub fn remove(&mut self, gone: &Anchor) {
        self.0.retain(|anchor| anchor != gone);
    }

    /// Thins the anchors out: keeps the newest, the last before `watermark`, and of the rest as few as
    /// possible without a wide gap. Gaps may grow with age, so anchors of every age remain.
    pub fn thin(&mut self, watermark: i64) {
        let Some(newest) = self.0.first().map(|anchor| anchor.second) else {
            return;
        };
        let mut kept: Vec<Anchor> = Vec::with_capacity(self.0.len());
        let mut kept_before_watermark = 0;
        let mut anchors = self.0.drain(..).peekable();
        while let Some(anchor) = anchors.next() {
            let is_before_watermark = anchor.second < watermark;
            let neighbours = kept.last().zip(anchors.peek());
            let is_spare = neighbours.is_some_and(|(later, older)| {
                (later.second - older.second).saturating_mul(GAP_OF_AGE) <= newest - older.second
            });
            if !is_spare
                || kept.len() < NEWEST_KEPT
                || (is_before_watermark && kept_before_watermark < BEFORE_WATERMARK_KEPT)
            {
                kept_before_watermark += usize::from(is_before_watermark);
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
    fn a_month_of_anchors_stays_short_and_always_reaches_behind_the_watermark() {
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
