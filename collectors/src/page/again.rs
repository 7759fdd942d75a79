//! Repeats requests whose answer cannot be parsed: damage from a gateway is gone the next time. Only damage
//! that is in every answer belongs to the record, and then the other records of the page are used without it.

use std::collections::HashSet;

use bytes::Bytes;

use crate::page::{ListPage, Malformed, head::TimeField, record::IdHash};

/// How many answers to one request are compared.
const ANSWERS: u32 = 3;
/// The most damaged records that are remembered. Beyond this all are forgotten, and compared again.
const KNOWN_MAX: usize = 4096;

/// Records whose damage was the same in every answer.
#[derive(Debug, Default)]
pub(crate) struct KnownDamage(HashSet<IdHash>);

/// The answers to one request so far.
#[derive(Debug, Default)]
pub(crate) struct Again {
    answers: u32,
    /// The damage that all of them have; `None` before the first.
    stays: Option<HashSet<IdHash>>,
}

impl Again {
    /// Parses another answer. It is accepted if it is whole, or if its damage is known or was in every
    /// answer.
    pub fn read(
        &mut self,
        body: &Bytes,
        time: TimeField,
        known: &mut KnownDamage,
    ) -> Result<ListPage, Malformed> {
        self.answers += 1;
        let (page, malformed) = match ListPage::parse(body, time) {
            Ok(page) => (page, Malformed { offset: 0, reason: "a different record is damaged each time" }),
            Err(malformed) => {
                let Ok(page) = ListPage::parse_damaged(body, time) else {
                    self.stays = Some(HashSet::new());
                    return Err(malformed);
                };
                (page, malformed)
            }
        };
        let damage: HashSet<IdHash> = page.damage().collect();
        let is_known = damage.is_subset(&known.0) && !page.has_gap();
        if is_known {
            return Ok(page);
        }
        let is_over = self.is_over();
        let stays = self.stays.get_or_insert_with(|| damage.clone());
        stays.retain(|one| damage.contains(one));
        if !is_over || stays.len() < damage.len() {
            return Err(malformed);
        }
        if known.0.len() + damage.len() > KNOWN_MAX {
            known.0.clear();
        }
        known.0.extend(damage);
        Ok(page)
    }

    /// Whether there were enough answers.
    pub fn is_over(&self) -> bool {
        self.answers >= ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"data":[{"id":"a","created":1},{"id":"b","created":2}]}"#;
    const DAMAGED: &str = r#"{"data":[{"id":"a","created":1},{"id":"b","created":2,"x":NaN}]}"#;
    const ELSEWHERE: &str = r#"{"data":[{"id":"a","created":1,"x":NaN},{"id":"b","created":2}]}"#;
    const CUT: &str = r#"{"data":[{"id":"a","created":1},{"id":"b","#;

    /// How many records and unusable ones each answer contributes; `None` if it is refused.
    fn read(answers: &[&'static str], known: &mut KnownDamage) -> Vec<Option<(usize, usize)>> {
        let mut again = Again::default();
        let mut read = |body: &'static str| {
            again.read(&Bytes::from_static(body.as_bytes()), TimeField::Created, known).ok()
        };
        let counted = |page: ListPage| (page.records.len(), page.unusable.len());
        answers.iter().map(|body| read(body).map(counted)).collect()
    }

    #[test]
    fn damage_that_passes_is_never_taken_for_the_record_s_own() {
        let known = &mut KnownDamage::default();
        assert_eq!(read(&[DAMAGED, DAMAGED, WHOLE], known), [None, None, Some((2, 0))]);
        assert_eq!(read(&[DAMAGED, ELSEWHERE, DAMAGED], known), [None; 3]);
        assert_eq!(read(&[DAMAGED, CUT, DAMAGED], known), [None; 3]);
        assert_eq!(read(&[CUT, DAMAGED, DAMAGED], known), [None; 3]);
        assert_eq!(read(&[CUT, CUT, CUT], known), [None; 3]);
    }

    #[test]
    fn damage_that_stays_is_set_aside_and_asked_for_again_no_more() {
        let known = &mut KnownDamage::default();
        assert_eq!(read(&[DAMAGED, DAMAGED, DAMAGED], known), [None, None, Some((1, 1))]);
        assert_eq!(read(&[DAMAGED], known), [Some((1, 1))]);
        assert_eq!(read(&[ELSEWHERE], known), [None], "other damage is another matter");
    }

    #[test]
    fn a_gap_between_two_commas_is_known_of_no_other_page() {
        const GAP: &str = r#"{"data":[{"id":"a","created":1},,{"id":"b","created":2}]}"#;
        let known = &mut KnownDamage::default();
        assert_eq!(read(&[GAP, GAP, GAP], known), [None, None, Some((2, 1))]);
        assert_eq!(read(&[GAP], known), [None]);
    }

    #[test]
    fn bytes_that_are_no_text_are_damage_too() {
        let mut body = br#"{"data":[{"id":"a","created":1,"x":""#.to_vec();
        body.push(0xff);
        body.extend_from_slice(br#""}]}"#);
        let (mut again, known, body) = (Again::default(), &mut KnownDamage::default(), Bytes::from(body));
        let mut read = || again.read(&body, TimeField::Created, known).is_ok();
        assert_eq!([read(), read(), read()], [false, false, true]);
    }
}
