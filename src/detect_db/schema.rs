//! The tables of the database, and what is done about one of another version.

use rusqlite::{Connection, TransactionBehavior};

use super::{
    advice, api_keys, connectors, delivery, fields, flood, held, kept, matches, notice, outbox, run_parts,
    runs, secrets, spaces,
};
use crate::cases;

/// The version that this program reads and writes.
const VERSION: i64 = 1;
/// `ccfd` in ASCII: marks the file as ours.
const APPLICATION: i64 = 0x6363_6664;

const TABLES: &str = "
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('change', 0);
CREATE TABLE origin (
    id INTEGER PRIMARY KEY, tbl TEXT NOT NULL, connector TEXT NOT NULL, UNIQUE (tbl, connector)
);
CREATE TABLE rule (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, definition INTEGER NOT NULL, edition INTEGER NOT NULL,
    active_since INTEGER NOT NULL, first_at INTEGER, mark INTEGER, epoch INTEGER NOT NULL DEFAULT 0,
    is_on INTEGER NOT NULL DEFAULT 0, feeds TEXT NOT NULL DEFAULT '[]', reach INTEGER NOT NULL DEFAULT 0,
    back INTEGER NOT NULL DEFAULT 0, missed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE edition (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL, definition INTEGER NOT NULL, level TEXT NOT NULL, about TEXT NOT NULL,
    UNIQUE (slug, definition, level, about)
);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, change INTEGER NOT NULL, rule INTEGER NOT NULL,
    edition INTEGER NOT NULL, grp INTEGER, fields TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'open', disposition TEXT,
    judged_by TEXT, judged_at INTEGER, judged_case TEXT, note TEXT, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL,
    ep_from INTEGER NOT NULL, ep_to INTEGER NOT NULL, since INTEGER NOT NULL, first_event_at INTEGER NOT NULL,
    last_event_at INTEGER NOT NULL, event_count INTEGER NOT NULL, head_to INTEGER NOT NULL, record_ids TEXT NOT NULL,
    shown TEXT NOT NULL, tables TEXT NOT NULL, connectors TEXT NOT NULL, historical INTEGER NOT NULL,
    staging INTEGER NOT NULL, notify INTEGER NOT NULL, silence TEXT, notified_at INTEGER,
    suppressed_count INTEGER NOT NULL DEFAULT 0, merged_into INTEGER, withdrawn INTEGER NOT NULL DEFAULT 0,
    live INTEGER NOT NULL, outdated INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX alert_change ON alert (change);
CREATE INDEX alert_live ON alert (grp, ep_from) WHERE live = 1;
CREATE INDEX alert_growing ON alert (rule, ep_from) WHERE live = 1;
CREATE INDEX alert_withdrawn ON alert (grp) WHERE withdrawn = 1;
CREATE INDEX alert_merged ON alert (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX alert_rule ON alert (rule, last_event_at, iif(grp IS NULL, record_ids, NULL));
CREATE INDEX alert_notified ON alert (rule, notified_at) WHERE notified_at IS NOT NULL;
CREATE INDEX alert_suppressing ON alert (rule, fields, notified_at) WHERE notified_at IS NOT NULL;
CREATE INDEX alert_last ON alert (last_event_at);
";

/// Creates the tables in an empty database. `Ok(Err(reason))` says why a database cannot be used.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<Result<(), String>> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION, VERSION) => return Ok(Ok(())),
        (APPLICATION, version) if version > VERSION => {
            return Ok(Err(format!(
                "written by a newer ccfd: it has version {version}, and this one knows {VERSION}; use the newer ccfd"
            )));
        }
        _ => {}
    }
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let application: i64 = begun.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = begun.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (APPLICATION, _) => return Ok(Ok(())),
        (_, 0) => {}
        (_, _) => return Ok(Err("not a database of ccfd's alerts".to_owned())),
    }
    begun.execute_batch(TABLES)?;
    let all = [
        held::TABLES,
        kept::TABLES,
        matches::TABLES,
        delivery::TABLES,
        outbox::TABLES,
        advice::TABLES,
        fields::TABLES,
        flood::TABLES,
        notice::TABLES,
        spaces::TABLES,
        api_keys::TABLES,
        cases::TABLES,
        runs::TABLES,
        run_parts::TABLES,
        connectors::TABLES,
        secrets::TABLES,
    ];
    for tables in all {
        begun.execute_batch(tables)?;
    }
    begun
        .execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"))?;
    begun.commit()?;
    Ok(Ok(()))
}
