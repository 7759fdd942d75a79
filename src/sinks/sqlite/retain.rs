//! Keeps the tables small: removes rows that are too old, or too many, a few at a time.

use rusqlite::{Connection, OptionalExtension as _};

use super::database::Database;
use crate::{
    config::SqliteSettings,
    reasons::with_reasons,
    sinks::{age::Age, upkeep::Looks},
    tables::{Table, Tables, iso8601},
};

/// Rows removed in one transaction, so that no lock is held for long.
const CHUNK_ROWS: u64 = 500;
/// Transactions in one go; the rest waits for the next write.
const CHUNKS_MAX: usize = 60;
/// A time after every row's.
const EVERYTHING: &str = "A";
/// Pages given back to the file system in one transaction.
const CHUNK_PAGES: u64 = 1000;

/// Removes what the settings say, if it is time. A failure is logged and retried a minute later: the batch
/// before it is stored anyway.
pub(super) fn clear_up(
    looks: &mut Looks,
    database: &Database,
    settings: &SqliteSettings,
    now: i64,
    age: &Age,
) {
    if !looks.is_due(now) || (settings.retention.is_none() && settings.size_max.is_none()) {
        return;
    }
    let removed = database.newest().and_then(|newest| remove(database, settings, age.now(now, newest)));
    match removed {
        Ok(progress) => looks.done(now, progress == Removal::More),
        Err(error) => {
            if looks.failed(now) {
                let path = database.path.display();
                tracing::warn!(%path, error = with_reasons(&error), "removing old rows failed; trying again every minute");
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Removal {
    Done,
    More,
}

/// One pass: first what is too old, then what is too much, then the pages that this freed.
fn remove(database: &Database, settings: &SqliteSettings, now: i64) -> rusqlite::Result<Removal> {
    let (connection, tables) = (&database.connection, &database.tables);
    let mut left = CHUNKS_MAX;
    if let Some(retention) = settings.retention {
        let age = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        let before = iso8601(now.saturating_sub(age));
        for table in tables {
            let mut gone = 0;
            while left > 0 {
                left -= 1;
                let chunk = delete_oldest(connection, table, before.as_str())?;
                gone += chunk;
                if chunk < CHUNK_ROWS {
                    break;
                }
            }
            log_removed(table, gone, "retention");
        }
    }
    if let Some(size_max) = settings.size_max {
        let mut gone: Vec<(&Table, u64)> = tables.iter().map(|table| (&**table, 0)).collect();
        let rows_max = size_max - log_share(database, size_max)?;
        while left > 0 && bytes_used(connection)? > rows_max {
            let Some((table, rows)) =
                holder_of_oldest(connection, tables)?.and_then(|place| gone.get_mut(place))
            else {
                break;
            };
            left -= 1;
            *rows += delete_oldest(connection, table, EVERYTHING)?;
        }
        for (table, gone) in gone {
            log_removed(table, gone, "size_max");
        }
    }
    give_back(connection)?;
    Ok(if left == 0 { Removal::More } else { Removal::Done })
}

/// How much of `size_max` the write-ahead log takes. At most half: otherwise a reader that keeps the log from
/// being emptied would cause all rows to be removed, without making the log smaller.
fn log_share(database: &Database, size_max: u64) -> rusqlite::Result<u64> {
    if bytes_used(&database.connection)?.saturating_add(database.log_bytes()) > size_max {
        database.empty_log();
    }
    Ok(database.log_bytes().min(size_max / 2))
}

fn log_removed(table: &Table, rows: u64, why: &str) {
    if rows > 0 {
        tracing::info!(table = &*table.name, rows, why, "removed old rows");
    }
}

/// Removes a chunk of the oldest rows before a time; returns how many.
fn delete_oldest(connection: &Connection, table: &Table, before: &str) -> rusqlite::Result<u64> {
    let (name, time) = (&table.name, &table.time);
    let oldest =
        format!("SELECT rowid FROM \"{name}\" WHERE \"{time}\" < ?1 ORDER BY \"{time}\" LIMIT {CHUNK_ROWS}");
    let sql = format!("DELETE FROM \"{name}\" WHERE rowid IN ({oldest})");
    connection.execute(&sql, [before]).map(|rows| rows as u64)
}

/// Bytes in pages that are in use.
pub(super) fn bytes_used(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    connection.query_row(sql, [], |row| row.get(0)).map(i64::unsigned_abs)
}

/// The table, by its index, that has the oldest row of all.
fn holder_of_oldest(connection: &Connection, tables: &Tables) -> rusqlite::Result<Option<usize>> {
    let mut oldest: Option<(String, usize)> = None;
    for (place, table) in tables.iter().enumerate() {
        let sql = format!("SELECT min(\"{}\") FROM \"{}\"", table.time, table.name);
        let time: Option<String> = connection.query_row(&sql, [], |row| row.get(0)).optional()?.flatten();
        oldest = oldest.into_iter().chain(time.map(|time| (time, place))).min();
    }
    Ok(oldest.map(|(_, place)| place))
}

/// Returns free pages to the file system: moves them to the end of the file, where a checkpoint cuts them
/// off.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let free = || connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
    let mut pages = free()?;
    if pages == 0 {
        return Ok(());
    }
    while pages > 0 {
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({CHUNK_PAGES})"))?;
        let mut steps = vacuum.raw_query();
        while steps.next()?.is_some() {}
        drop(steps);
        let now = free()?;
        if now >= pages {
            break;
        }
        pages = now;
    }
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
