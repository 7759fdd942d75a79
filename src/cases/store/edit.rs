//! What is attached is changed and removed.

use rusqlite::params;
use serde_json::json;

use super::{CaseStore, CaseTurn, json as kept};
use crate::cases::{AttachedContent, Case, CaseAttachment, CaseError, CaseStamp, error::CaseFault, limits};

impl CaseStore<'_> {
    /// Changes a comment that somebody has seen with this version.
    pub fn edit_comment(
        &mut self,
        case: &str,
        id: &str,
        version: &str,
        comment: &str,
        stamp: CaseStamp<'_>,
    ) -> Result<Case, CaseError> {
        limits::text("comment", comment, limits::TEXT_CHARS_MAX)?;
        self.turn(|turn| {
            let (row, whole) = turn.case(case)?;
            turn.has_room(row, &whole)?;
            let (number, attachment) = turn.attachment(row, id)?;
            match &attachment.content {
                AttachedContent::Comment { .. } => {}
                AttachedContent::Alerts { .. } | AttachedContent::File { .. } => {
                    let text = "You cannot change the type of the comment.".to_owned();
                    return Err(CaseError::Invalid(text).into());
                }
            }
            if attachment.version != version {
                let text = "This comment has been updated. Please refresh before saving additional updates.";
                return Err(CaseError::Conflict(text.to_owned()).into());
            }
            let sql = "UPDATE case_attachment SET comment = ?2, version = ?3, updated_at = ?4, updated_by = ?5 WHERE id = ?1";
            let next = turn.next_version()?;
            turn.begun.prepare_cached(sql)?.execute(params![number, comment, next, stamp.now, kept(stamp.by)])?;
            let payload = json!({ "comment": { "type": "user", "comment": comment, "owner": attachment.owner } });
            turn.record(row, stamp, "comment", "update", &payload, Some((id, "user")))?;
            turn.touch(row, stamp)?;
            turn.whole_case(case)
        })
    }

    /// Removes one thing that is attached.
    pub fn detach(&mut self, case: &str, id: &str, stamp: CaseStamp<'_>) -> Result<(), CaseError> {
        self.turn(|turn| {
            let (row, _) = turn.case(case)?;
            let (number, attachment) = turn.attachment(row, id)?;
            turn.remove(row, number, &attachment, stamp)?;
            turn.touch(row, stamp)
        })
    }

    /// Removes everything that is attached.
    pub fn detach_all(&mut self, case: &str, stamp: CaseStamp<'_>) -> Result<(), CaseError> {
        self.turn(|turn| {
            let (row, _) = turn.case(case)?;
            let all = turn.attachments(row)?;
            if all.is_empty() {
                return Err(CaseError::Unknown { kind: "cases-comments", id: case.to_owned() }.into());
            }
            for attachment in all {
                let (number, _) = turn.attachment(row, &attachment.id)?;
                turn.remove(row, number, &attachment, stamp)?;
            }
            turn.touch(row, stamp)
        })
    }
}

impl CaseTurn<'_> {
    fn remove(
        &self,
        row: i64,
        number: i64,
        attachment: &CaseAttachment,
        stamp: CaseStamp<'_>,
    ) -> Result<(), CaseFault> {
        for sql in [
            "DELETE FROM case_alert WHERE attachment = ?1",
            "DELETE FROM case_file WHERE attachment = ?1",
            "DELETE FROM case_attachment WHERE id = ?1",
        ] {
            self.begun.prepare_cached(sql)?.execute([number])?;
        }
        let payload = json!({ "comment": attachment.content });
        let about = Some((attachment.id.as_str(), attachment.content.word()));
        self.record(row, stamp, "comment", "delete", &payload, about)
    }
}
