//! Alerts that a sink has refused, for `ccfd rejects retry`.

use std::io;

use collectors::Record;

use super::record::{AlertForm, record};
use crate::{
    daemon::assembly::Assembly,
    detect_db::{DetectDb, FILE_NAME},
    sinks::SinkError,
};

/// The record of an alert as it is now, for the route to a sink that has refused it and has it from `now` on. `None` if it is no
/// longer kept, or the sink is not configured.
///
/// # Errors
///
/// If the database of alerts cannot be read.
pub fn refused_again(
    assembly: &Assembly,
    route: &str,
    sink: &str,
    id: &str,
    now: i64,
) -> Result<Option<Record>, SinkError> {
    let (Some(settings), Some(db)) = (assembly.config.sinks.get(sink), open(assembly)?) else {
        return Ok(None);
    };
    let Some(due) = db.refused_alert(route, id)? else { return Ok(None) };
    let made = record(&due, AlertForm::of(settings), now);
    let path = assembly.config.state.dir.join(FILE_NAME).display().to_string();
    made.map(Some).map_err(|error| SinkError::Io { path, source: io::Error::other(error) })
}

/// Notes that the sink of a route has taken these alerts after all, and has them since `now`, as their records say.
///
/// # Errors
///
/// If the database of alerts cannot be written.
pub fn note_taken(
    assembly: &Assembly,
    route: &str,
    ids: impl Iterator<Item = String>,
    now: i64,
) -> Result<(), SinkError> {
    let Some(mut db) = open(assembly)? else { return Ok(()) };
    let mut taken = Vec::new();
    for id in ids {
        taken.extend(db.refused_alert(route, &id)?);
    }
    db.note_delivered(route, &taken, now)
}

fn open(assembly: &Assembly) -> Result<Option<DetectDb>, SinkError> {
    DetectDb::open_existing(&assembly.config.state.dir.join(FILE_NAME))
}
