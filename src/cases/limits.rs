//! How large what a case holds may be: Kibana's limits, with its words, and some of our own. A character is one of UTF-16.

use super::CaseError;

/// Characters of a title.
pub const TITLE_CHARS_MAX: usize = 160;
/// Characters of a description, and of a comment.
pub const TEXT_CHARS_MAX: usize = 30_000;
/// Tags of a case.
pub const TAGS_MAX: usize = 200;
/// Characters of a tag.
pub const TAG_CHARS_MAX: usize = 256;
/// Characters of a category.
pub const CATEGORY_CHARS_MAX: usize = 50;
/// Assignees of a case.
pub const ASSIGNEES_MAX: usize = 10;
/// Custom fields of a case and of a configuration, and its templates.
pub const CUSTOM_FIELDS_MAX: usize = 10;
/// Alerts of a case.
pub const ALERTS_MAX: usize = 1_000;
/// Files of a case.
pub const FILES_MAX: usize = 100;
/// Bytes of a file. Kibana allows ten times as much; these are in the database of the alerts.
pub const FILE_BYTES_MAX: usize = 10 << 20;
/// Bytes of all files of all cases.
pub const ALL_FILES_BYTES_MAX: usize = 512 << 20;
/// Characters of the name of a file.
pub const FILE_NAME_CHARS_MAX: usize = 256;
/// What is recorded of a case. Beyond it only its status can change.
pub const USER_ACTIONS_MAX: i64 = 10_000;
/// The same in bytes, so that a case with all of its comments fits into one response.
pub const HISTORY_BYTES_MAX: i64 = 16 << 20;
/// Cases that one request changes or deletes.
pub const CASES_AT_ONCE_MAX: usize = 100;
/// Characters of ids, names and other small texts that a caller chooses.
pub const NAME_CHARS_MAX: usize = 512;
/// Bytes of JSON that is kept as it comes: the fields of a connector, the summary of an alert.
pub const JSON_BYTES_MAX: usize = 16 << 10;

/// A text that is neither blank nor too long.
pub(super) fn text(field: &str, value: &str, chars_max: usize) -> Result<(), CaseError> {
    if value.trim().is_empty() {
        return Err(CaseError::Invalid(format!("The {field} field cannot be an empty string.")));
    }
    if length(value) > chars_max {
        let text = format!("The length of the {field} is too long. The maximum length is {chars_max}.");
        return Err(CaseError::Invalid(text));
    }
    Ok(())
}

/// A list that is not too long.
pub(super) fn list<T>(field: &str, values: &[T], max: usize) -> Result<(), CaseError> {
    if values.len() > max {
        let text = format!("The length of the field {field} is too long. Array must be of length <= {max}.");
        return Err(CaseError::Invalid(text));
    }
    Ok(())
}

/// The tags of a case.
pub(super) fn tags(tags: &[String]) -> Result<(), CaseError> {
    list("tags", tags, TAGS_MAX)?;
    tags.iter().try_for_each(|tag| text("tag", tag, TAG_CHARS_MAX))
}

/// JSON that is kept as it comes.
pub(super) fn json(field: &str, value: &serde_json::Value) -> Result<(), CaseError> {
    if value.to_string().len() > JSON_BYTES_MAX {
        return Err(CaseError::Invalid(format!("The {field} is too large.")));
    }
    Ok(())
}

/// How long a text is for Kibana, which counts in UTF-16: an emoji counts twice.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The beginning of a text, of at most this length.
pub fn cut(text: &str, chars_max: usize) -> String {
    let mut room = chars_max;
    let fits = |c: &char| match room.checked_sub(c.len_utf16()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_that_kibana_counts() {
        assert!(text("title", &"é".repeat(TITLE_CHARS_MAX), TITLE_CHARS_MAX).is_ok());
        assert!(text("title", &"😀".repeat(TITLE_CHARS_MAX / 2), TITLE_CHARS_MAX).is_ok());
        assert!(text("title", &"😀".repeat(TITLE_CHARS_MAX / 2 + 1), TITLE_CHARS_MAX).is_err());
        assert!(tags(&["😀".repeat(TAG_CHARS_MAX)]).is_err());
        assert_eq!(
            (cut("a😀b", 2), cut("a😀b", 3), cut("a😀b", 9)),
            ("a".into(), "a😀".into(), "a😀b".into())
        );
    }
}
