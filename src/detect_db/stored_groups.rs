//! Which groups may have pieces in their table: of a group that surely has none, none are looked for.

use rusqlite::Connection;

/// Words of the filter: 128 KiB, which is wrong about one new group in thirty when it knows a hundred thousand.
const WORDS: usize = 16 << 10;
/// With more pieces than these it would be wrong about most groups, and take long to read.
const PIECES_MAX: i64 = 400_000;

/// A Bloom filter of the groups in the table of pieces. Group ids are hashes, so their bits are the places.
#[derive(Debug, Default)]
pub(super) enum StoredGroups {
    /// Each group may have pieces.
    #[default]
    Any,
    /// Only those whose bits are set.
    Some(Box<[u64]>),
}

impl StoredGroups {
    /// Reads which groups there are.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT coalesce(max(id) - min(id), 0) FROM piece";
        let pieces: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        if pieces > PIECES_MAX {
            return Ok(Self::Any);
        }
        let mut groups = Self::Some(vec![0; WORDS].into());
        let mut query = connection.prepare_cached("SELECT grp FROM piece")?;
        for group in query.query_map([], |row| row.get(0))? {
            groups.add(group?);
        }
        Ok(groups)
    }

    /// A group has pieces.
    pub(super) fn add(&mut self, group: i64) {
        if let Self::Some(words) = self {
            for (word, bit) in places(group) {
                words[word] |= bit;
            }
        }
    }

    /// Whether a group may have pieces.
    pub(super) fn may_have(&self, group: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Some(words) => places(group).iter().all(|(word, bit)| words[*word] & bit != 0),
        }
    }
}

/// The places of a group: two words, and a bit in each.
fn places(group: i64) -> [(usize, u64); 2] {
    let hash = group.cast_unsigned();
    [hash, hash >> 32].map(|half| ((half >> 6) as usize % WORDS, 1 << (half & 63)))
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn a_group_that_was_added_is_known_and_few_others_seem_to_be() {
        let id = |number: u64| xxh3_64(&number.to_le_bytes()).cast_signed();
        let mut groups = StoredGroups::Some(vec![0; WORDS].into());
        (0..100_000).for_each(|number| groups.add(id(number)));
        assert!((0..100_000).all(|number| groups.may_have(id(number))));
        let wrong = (100_000..200_000).filter(|number| groups.may_have(id(*number))).count();
        assert!(wrong < 5_000, "{wrong}");
        assert!(StoredGroups::Any.may_have(1));
    }
}
