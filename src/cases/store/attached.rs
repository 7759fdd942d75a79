//! What is attached to a case.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{CaseStore, CaseTurn, parsed};
use crate::{
    cases::{
        AttachedAlert, AttachedContent, AttachedRule, CaseAttachment, CaseError, CaseOwner, error::CaseFault,
    },
    tables::format_utc,
};

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "one.uid, one.version, one.type, one.owner, one.comment, one.rule_id, one.rule_name, one.created_at, \
    one.created_by, one.pushed_at, one.pushed_by, one.updated_at, one.updated_by, file.uid, file.name, file.extension, \
    file.mime, one.id FROM case_attachment AS one LEFT JOIN case_file AS file ON file.attachment = one.id";

/// A page of what is attached.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AttachmentPage {
    /// What is attached.
    pub comments: Vec<CaseAttachment>,
    /// The page.
    pub page: u32,
    /// How many a page has.
    pub per_page: u32,
    /// How many all pages have.
    pub total: i64,
}

impl CaseStore<'_> {
    /// A page of what is attached to a case, from page 1 on.
    pub fn attachments(
        &mut self,
        id: &str,
        page: u32,
        per_page: u32,
        newest_first: bool,
    ) -> Result<AttachmentPage, CaseError> {
        self.look(|turn| {
            let (row, _) = turn.case(id)?;
            let sql = "SELECT count(*) FROM case_attachment WHERE case_id = ?1";
            let total = turn.begun.query_row(sql, [row], |row| row.get(0))?;
            let order = if newest_first { "DESC" } else { "ASC" };
            let sql =
                format!("SELECT {COLUMNS} WHERE one.case_id = ?1 ORDER BY one.id {order} LIMIT ?2 OFFSET ?3");
            let page = page.max(1);
            let before = i64::from(page - 1) * i64::from(per_page);
            let comments = turn.attachments_of(&sql, params![row, per_page, before])?;
            Ok(AttachmentPage { comments, page, per_page, total })
        })
    }

    /// One thing that is attached to a case.
    pub fn attachment(&mut self, case: &str, id: &str) -> Result<CaseAttachment, CaseError> {
        self.look(|turn| {
            let (row, _) = turn.case(case)?;
            turn.attachment(row, id).map(|(_, attachment)| attachment)
        })
    }

    /// The alerts of a case, in the order in which they were attached.
    pub fn alerts(&mut self, id: &str) -> Result<Vec<AttachedAlert>, CaseError> {
        self.look(|turn| {
            let (row, _) = turn.case(id)?;
            turn.alerts(row)
        })
    }
}

impl CaseTurn<'_> {
    /// The alerts of a case, in the order in which they were attached.
    pub(super) fn alerts(&self, row: i64) -> Result<Vec<AttachedAlert>, CaseFault> {
        let sql =
            "SELECT alert, idx, at, summary FROM case_alert WHERE case_id = ?1 ORDER BY attachment, place";
        let mut query = self.begun.prepare_cached(sql)?;
        let alerts = query.query_map([row], |row| {
            Ok(AttachedAlert {
                id: row.get(0)?,
                index: row.get(1)?,
                attached_at: format_utc(row.get(2)?),
                summary: parsed(&row.get::<_, String>(3)?),
            })
        })?;
        Ok(alerts.collect::<rusqlite::Result<_>>()?)
    }

    /// Everything that is attached to a case.
    pub(super) fn attachments(&self, row: i64) -> Result<Vec<CaseAttachment>, CaseFault> {
        let sql = format!("SELECT {COLUMNS} WHERE one.case_id = ?1 ORDER BY one.id");
        self.attachments_of(&sql, [row])
    }

    /// One thing that is attached to a case, with the number of its row.
    pub(super) fn attachment(&self, row: i64, id: &str) -> Result<(i64, CaseAttachment), CaseFault> {
        let sql = format!("SELECT {COLUMNS} WHERE one.case_id = ?1 AND one.uid = ?2");
        let mut query = self.begun.prepare_cached(&sql)?;
        let found = query.query_row(params![row, id], read).optional()?;
        let (number, mut attachment) =
            found.ok_or_else(|| CaseError::Unknown { kind: "cases-comments", id: id.to_owned() })?;
        self.fill(number, &mut attachment)?;
        Ok((number, attachment))
    }

    fn attachments_of(
        &self,
        sql: &str,
        key: impl rusqlite::Params,
    ) -> Result<Vec<CaseAttachment>, CaseFault> {
        let mut query = self.begun.prepare_cached(sql)?;
        let found: rusqlite::Result<Vec<_>> = query.query_map(key, read)?.collect();
        let mut all = Vec::new();
        for (number, mut attachment) in found? {
            self.fill(number, &mut attachment)?;
            all.push(attachment);
        }
        Ok(all)
    }

    /// Adds the alerts of an attachment.
    fn fill(&self, number: i64, attachment: &mut CaseAttachment) -> Result<(), CaseFault> {
        if let AttachedContent::Alerts { ids, indices, .. } = &mut attachment.content {
            let sql = "SELECT alert, idx FROM case_alert WHERE attachment = ?1 ORDER BY place";
            let mut query = self.begun.prepare_cached(sql)?;
            let mut rows = query.query([number])?;
            while let Some(row) = rows.next()? {
                ids.push(row.get(0)?);
                indices.push(row.get(1)?);
            }
        }
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, CaseAttachment)> {
    let text = |column: usize| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
    let time = |column: usize| row.get::<_, Option<i64>>(column).map(|at| at.map(format_utc));
    let who = |column: usize| row.get::<_, Option<String>>(column).map(|by| by.map(|by| parsed(&by)));
    let created_at = format_utc(row.get(7)?);
    let content = match text(2)?.as_str() {
        "alert" => AttachedContent::Alerts {
            ids: Vec::new(),
            indices: Vec::new(),
            rule: AttachedRule { id: row.get(5)?, name: row.get(6)? },
        },
        "externalReference" => {
            AttachedContent::file(text(13)?, &text(14)?, &text(15)?, &text(16)?, &created_at)
        }
        _ => AttachedContent::Comment { comment: text(4)? },
    };
    let attachment = CaseAttachment {
        id: row.get(0)?,
        version: row.get::<_, i64>(1)?.to_string(),
        content,
        owner: CaseOwner::of(&text(3)?).unwrap_or_default(),
        created_at,
        created_by: parsed(&text(8)?),
        pushed_at: time(9)?,
        pushed_by: who(10)?,
        updated_at: time(11)?,
        updated_by: who(12)?,
    };
    Ok((row.get(17)?, attachment))
}
