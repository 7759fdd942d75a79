//! The functions that `ccfd verify` and `ccfd query` add to SQLite's own, so that the digests of a report can be computed
//! again by hand.

use rusqlite::{
    Connection, Result,
    functions::{Aggregate, Context, FunctionFlags},
};

use crate::sinks::comparable::record_hash;

/// Adds to a connection:
///
/// - `xxh64(text)`: XXH64 with seed 0, as a signed 64-bit number;
/// - `xxh64_json(json, seed)`: XXH64 of JSON without the white space between its tokens;
/// - `bit_xor(number)`: an aggregate, 0 for no rows. NULL changes nothing.
pub fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("xxh64", 1, flags, |context| {
        Ok(bytes(context, 0)?.map(|text| xxhash_rust::xxh64::xxh64(text, 0) as i64))
    })?;
    connection.create_scalar_function("xxh64_json", 2, flags, |context| {
        let seed: Option<i64> = context.get(1)?;
        let json = bytes(context, 0)?;
        Ok(seed.zip(json).map(|(seed, json)| record_hash(seed as u64, json) as i64))
    })?;
    connection.create_aggregate_function("bit_xor", 1, flags, BitXor)
}

/// The bytes of a text or a blob.
fn bytes<'a>(context: &'a Context<'_>, place: usize) -> Result<Option<&'a [u8]>> {
    Ok(context.get_raw(place).as_bytes_or_null()?)
}

struct BitXor;

impl Aggregate<i64, i64> for BitXor {
    fn init(&self, _: &mut Context<'_>) -> Result<i64> {
        Ok(0)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut i64) -> Result<()> {
        *sum ^= context.get::<Option<i64>>(0)?.unwrap_or(0);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<i64>) -> Result<i64> {
        Ok(sum.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::comparable::id_hash;

    fn number(sql: &str) -> Option<i64> {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_hash_of_an_id_in_sql_is_that_of_the_report() {
        assert_eq!(number("SELECT xxh64('World')"), Some(id_hash("World") as i64));
        let record = record_hash(id_hash("a"), br#"{"id":"a"}"#) as i64;
        assert_eq!(number("SELECT xxh64_json('{ \"id\": \"a\" }', xxh64('a'))"), Some(record));
        assert_eq!(number("SELECT xxh64(NULL)"), None);
    }

    #[test]
    fn an_exclusive_or_does_not_depend_on_the_order() {
        let of = |values: &str| number(&format!("SELECT bit_xor(column1) FROM (VALUES {values})"));
        assert_eq!(of("(5), (NULL), (9), (-1)"), Some(5 ^ 9 ^ -1));
        assert_eq!(of("(-1), (9), (5)"), of("(9), (5), (-1)"));
        assert_eq!(number("SELECT bit_xor(1) WHERE 0"), Some(0));
    }
}
