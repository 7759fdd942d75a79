//! Files of cases: kept and handed out, and never executed or shown.

use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::{CaseStore, attach::NewAttachment};
use crate::{
    cases::{AttachedContent, Case, CaseError, CaseStamp, FileToAttach, limits},
    detect_db::new_uid,
    tables::format_utc,
};

/// What a file is if its sender named no type, or none that is one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A file of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    /// Its name, without an extension. It is its sender's word: no path.
    pub name: String,
    /// Its extension.
    pub extension: String,
    /// Its type. It is its sender's word, too.
    pub mime: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl CaseStore<'_> {
    /// Attaches a file.
    pub fn attach_file(
        &mut self,
        id: &str,
        file: FileToAttach<'_>,
        stamp: CaseStamp<'_>,
    ) -> Result<Case, CaseError> {
        limits::text("filename", file.name, limits::FILE_NAME_CHARS_MAX)?;
        if file.content.len() > limits::FILE_BYTES_MAX {
            let text = format!("File size must be at most {} bytes.", limits::FILE_BYTES_MAX);
            return Err(CaseError::Invalid(text));
        }
        let extension = extension(file.name);
        let mime = file.mime.filter(|mime| is_type(mime)).unwrap_or(UNKNOWN_TYPE);
        self.turn(|turn| {
            let (row, case) = turn.case(id)?;
            turn.has_room(row, &case)?;
            let sql = "SELECT count(*) FROM case_file WHERE case_id = ?1";
            let there: i64 = turn.begun.query_row(sql, [row], |row| row.get(0))?;
            if there >= limits::FILES_MAX as i64 {
                let max = limits::FILES_MAX;
                let text = format!("Case has reached the maximum allowed number ({max}) of attached files.");
                return Err(CaseError::Invalid(text).into());
            }
            let all: i64 =
                turn.begun
                    .query_row("SELECT coalesce(sum(bytes), 0) FROM case_file", [], |row| row.get(0))?;
            if all + file.content.len() as i64 > limits::ALL_FILES_BYTES_MAX as i64 {
                let text = "The files of all cases are as large as they may be: remove some.".to_owned();
                return Err(CaseError::Invalid(text).into());
            }
            let new = NewAttachment { kind: "externalReference", comment: None, rule: None };
            let (number, attachment) = turn.attach(row, case.owner, &new, stamp)?;
            let uid = new_uid(stamp.now);
            let sql = "INSERT INTO case_file VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let bytes = file.content.len() as i64;
            turn.begun.prepare_cached(sql)?.execute(params![
                number,
                row,
                uid,
                file.name,
                extension,
                mime,
                bytes,
                file.content
            ])?;
            let content = AttachedContent::file(uid, file.name, extension, mime, &format_utc(stamp.now));
            let payload = json!({ "comment": content });
            let about = Some((attachment.as_str(), "externalReference"));
            turn.record(row, stamp, "comment", "create", &payload, about)?;
            turn.touch(row, stamp)?;
            turn.whole_case(id)
        })
    }

    /// A file of a case, by its own id or that of its attachment.
    pub fn file(&mut self, case: &str, id: &str) -> Result<CaseFile, CaseError> {
        self.look(|turn| {
            let (row, _) = turn.case(case)?;
            let sql = "SELECT name, extension, mime, content FROM case_file WHERE case_id = ?1
                           AND (uid = ?2 OR attachment = (SELECT id FROM case_attachment WHERE uid = ?2))";
            let found = turn.begun.query_row(sql, params![row, id], |row| {
                Ok(CaseFile {
                    name: row.get(0)?,
                    extension: row.get(1)?,
                    mime: row.get(2)?,
                    content: row.get(3)?,
                })
            });
            found.optional()?.ok_or_else(|| CaseError::Unknown { kind: "file", id: id.to_owned() }.into())
        })
    }
}

/// What follows the last dot of a name, if that can be an extension.
fn extension(name: &str) -> &str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    if end.len() <= 16 && end.chars().all(|c| c.is_ascii_alphanumeric()) { end } else { "" }
}

/// Whether a text has the form of a media type, without parameters.
fn is_type(mime: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    mime.len() <= 127 && mime.split_once('/').is_some_and(|(kind, name)| is_name(kind) && is_name(name))
}
