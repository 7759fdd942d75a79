//! Places in a record: dotted names, as in the record as received.

use std::fmt;

use crate::tables::Table;

/// Top-level fields that identify records and place them in time. Without them a record could not be
/// delivered exactly once.
pub const KEPT: [&str; 4] = ["id", "type", "created", "effective_at"];

/// No record from OpenAI has longer paths. This limits the stack of a pass.
const NAMES_MAX: usize = 16;
const CHARS_MAX: usize = 1000;

/// Means every top-level field without a column in the table.
const OTHER: &str = "@other";

/// One name of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathName {
    /// Every top-level field without a column in the table; only at the beginning.
    Other,
    /// The member of this name.
    Member(String),
}

/// Whether `@other` means this top-level field.
pub(super) fn is_other(name: &str, table: &Table) -> bool {
    !KEPT.contains(&name) && !table.holds(name)
}

/// The place of a value in a record: names from the outside in. Arrays have no name; the path continues in
/// each of their elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub(super) names: Vec<PathName>,
}

/// Why a text is not a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not consist of names and dots.
    #[error(
        "a path is names separated by dots; a name with characters other than a-z, A-Z, 0-9, `_` and `-` is \
         in double quotes, and `@other` only at the beginning"
    )]
    Malformed,
    /// It is longer than any path in a record.
    #[error("a path has at most {NAMES_MAX} names and {CHARS_MAX} characters")]
    TooLong,
    /// It begins with a field that must be kept.
    #[error(
        "`id`, `type`, `created` and `effective_at` cannot be redacted: they identify records and their time"
    )]
    Kept,
}

impl Path {
    /// Parses a path such as `actor.session.user_agent` or `"api_key.created".data`.
    ///
    /// # Errors
    ///
    /// If it is malformed or too long, or begins with one of [`KEPT`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > CHARS_MAX {
            return Err(PathError::TooLong);
        }
        let mut names = Vec::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (name, behind) = first(text).ok_or(PathError::Malformed)?;
            if name == PathName::Other && !names.is_empty() {
                return Err(PathError::Malformed);
            }
            names.push(name);
            rest = match behind {
                "" => None,
                behind => Some(behind.strip_prefix('.').ok_or(PathError::Malformed)?),
            };
        }
        match names.first() {
            Some(PathName::Member(name)) if KEPT.contains(&name.as_str()) => Err(PathError::Kept),
            _ if names.len() > NAMES_MAX => Err(PathError::TooLong),
            _ => Ok(Self { names }),
        }
    }
}

/// The first name of a text, and the rest.
fn first(text: &str) -> Option<(PathName, &str)> {
    if let Some(rest) = text.strip_prefix(OTHER) {
        return Some((PathName::Other, rest));
    }
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => text.split_at(text.find(|c| !is_plain(c)).unwrap_or(text.len())),
    };
    (!name.is_empty()).then(|| (PathName::Member(name.to_owned()), rest))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// As written in the settings.
impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.names.iter().enumerate() {
            out.write_str(if place == 0 { "" } else { "." })?;
            match name {
                PathName::Other => out.write_str(OTHER)?,
                PathName::Member(name) if name.chars().all(is_plain) => out.write_str(name)?,
                PathName::Member(name) => write!(out, "\"{name}\"")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_it_was_written() {
        for text in [
            "choices",
            "actor.session.user_agent",
            r#""api_key.created".data.scopes"#,
            r#"metadata."größe in °""#,
            "@other.data",
        ] {
            assert_eq!(Path::parse(text).map(|path| path.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(Path::parse(r#""actor"."type""#), Path::parse("actor.type"));
    }

    #[test]
    fn what_is_not_made_of_names_and_dots_is_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a b", "a[0]", "a.*", "\"a", "\"a\"b", "\"\"", "@others", "@x",
            "a.@other",
        ] {
            assert_eq!(Path::parse(text), Err(PathError::Malformed), "{text}");
        }
        assert_eq!(Path::parse(&"a.".repeat(NAMES_MAX)), Err(PathError::Malformed));
        assert_eq!(Path::parse(&["a"; NAMES_MAX + 1].join(".")), Err(PathError::TooLong));
        assert_eq!(Path::parse(&"a".repeat(CHARS_MAX + 1)), Err(PathError::TooLong));
    }

    #[test]
    fn the_fields_that_place_a_record_cannot_be_named_but_their_namesakes_further_in_can() {
        for text in ["id", "type", "created", "effective_at", "\"id\"", "type.x"] {
            assert_eq!(Path::parse(text), Err(PathError::Kept), "{text}");
        }
        assert!(Path::parse("actor.type").is_ok() && Path::parse("project.id").is_ok());
    }
}
