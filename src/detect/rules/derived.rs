//! Fields that are derived from columns, and how their values are found.

use std::borrow::Cow;

use super::{
    field::{ColumnPath, FieldSource},
    value::RowValue,
};
use crate::tables::{JsonScanner, decoded, lossy_text, top_level};

/// A derived field.
pub(super) struct DerivedField {
    pub name: &'static str,
    /// What it is derived from. A table without these columns does not have the field.
    pub paths: &'static [&'static str],
    pub source: fn(ColumnPath, Vec<ColumnPath>) -> FieldSource,
}

/// All derived fields.
pub(super) const DERIVED: [DerivedField; 12] = [
    DerivedField {
        name: "Actor",
        paths: &["ActorSession.user.email", "ActorApiKey.id"],
        source: |_, paths| FieldSource::First(paths),
    },
    DerivedField { name: "ActorAddress", paths: &["ActorSession.ip_address"], source: one },
    DerivedField { name: "ActorCountry", paths: &["ActorSession.ip_address_details.country"], source: one },
    DerivedField { name: "UserAgent", paths: &["ActorSession.user_agent"], source: one },
    DerivedField {
        name: "RoleNames",
        paths: &["EventDetails"],
        source: |path, _| FieldSource::Roles(path.column),
    },
    DerivedField { name: "FinishReasons", paths: &["Choices.finish_reason"], source: one },
    DerivedField {
        name: "ToolNames",
        paths: &[
            "Choices.message.tool_calls.function.name",
            "Choices.message.tool_calls.custom.name",
            "Choices.message.function_call.name",
        ],
        source: |_, paths| FieldSource::All(paths),
    },
    DerivedField {
        name: "ToolArguments",
        paths: &[
            "Choices.message.tool_calls.function.arguments",
            "Choices.message.tool_calls.custom.input",
            "Choices.message.function_call.arguments",
        ],
        source: |_, paths| FieldSource::All(paths),
    },
    DerivedField {
        name: "PromptText",
        paths: &["Messages.content"],
        source: |path, _| FieldSource::Contents(path),
    },
    DerivedField {
        name: "AnswerText",
        paths: &["Choices.message.content"],
        source: |path, _| FieldSource::Contents(path),
    },
    DerivedField { name: "TotalTokens", paths: &["Usage.total_tokens"], source: one },
    DerivedField { name: "CachedTokens", paths: &["Usage.prompt_tokens_details.cached_tokens"], source: one },
];

fn one(path: ColumnPath, _: Vec<ColumnPath>) -> FieldSource {
    FieldSource::Path(path)
}

/// Objects inside of objects that are searched value by value. This bounds the stack.
const DEPTH_MAX: usize = 64;

/// Gets each value; `true` ends the search.
pub(super) type Visit<'v, 'a> = &'v mut dyn FnMut(RowValue<'a>) -> bool;

/// Passes the values at a path on, those of each element of arrays. Whether one ended it.
pub(super) fn at_path<'a>(json: &'a [u8], names: &[String], visit: Visit<'_, 'a>) -> bool {
    descend(json, names, &mut |json| {
        if json.first() != Some(&b'[') {
            return RowValue::of_json(json).is_some_and(&mut *visit);
        }
        let mut ended = false;
        JsonScanner::of(json).elements(|steps| {
            if let Some(value) = RowValue::of_json(steps.value()?) {
                ended = visit(value);
            }
            (!ended).then_some(())
        });
        ended
    })
}

/// Passes the text of each content at a path on: a text, or the parts of one.
pub(super) fn contents<'a>(json: &'a [u8], names: &[String], visit: Visit<'_, 'a>) -> bool {
    descend(json, names, &mut |content| {
        if content.first() == Some(&b'"') {
            return lossy_text(content).is_some_and(|content| visit(RowValue::Text(content)));
        }
        let mut joined = String::new();
        let mut parts = 0;
        JsonScanner::of(content).elements(|steps| {
            let part = steps.value()?;
            let text = if part.first() == Some(&b'{') { top_level(part, "text") } else { Some(part) };
            if let Some(part) = text.and_then(text_of) {
                if parts > 0 {
                    joined.push('\n');
                }
                joined.push_str(&part);
                parts += 1;
            }
            Some(())
        });
        parts > 0 && visit(RowValue::Text(Cow::Owned(joined)))
    })
}

fn text_of(json: &[u8]) -> Option<Cow<'_, str>> {
    if json.first() == Some(&b'"') { lossy_text(json) } else { None }
}

/// Finds the JSON at a path, in each element of arrays on the way.
fn descend<'a>(json: &'a [u8], names: &[String], found: &mut dyn FnMut(&'a [u8]) -> bool) -> bool {
    let Some((name, rest)) = names.split_first() else { return found(json) };
    if json.first() == Some(&b'{') {
        return top_level(json, name).is_some_and(|member| descend(member, rest, found));
    }
    let mut ended = false;
    JsonScanner::of(json).elements(|steps| {
        let element = steps.value()?;
        if element.first() == Some(&b'{')
            && let Some(member) = top_level(element, name)
        {
            ended = descend(member, rest, found);
        }
        (!ended).then_some(())
    });
    ended
}

/// Passes everything in a value on that is neither an object nor `null`. An object inside of too many others is one value.
pub(super) fn every_value<'a>(json: &'a [u8], visit: Visit<'_, 'a>) -> bool {
    let mut ended = false;
    let mut each = |_: FoundValue, json: &'a [u8]| {
        ended = ended || RowValue::of_json(json).is_some_and(&mut *visit);
        (!ended).then_some(())
    };
    _ = walk(&mut JsonScanner::of(json), DEPTH_MAX, FoundValue::default(), &mut each);
    ended
}

/// Passes every text on that names a role: those under such a key, and ids that begin with `role`.
pub(super) fn roles<'a>(json: &'a [u8], visit: Visit<'_, 'a>) -> bool {
    let mut ended = false;
    let mut each = |place: FoundValue, json: &'a [u8]| {
        if json.first() != Some(&b'"') || (!place.in_role && !place.is_id) {
            return Some(());
        }
        let begins_like_one =
            |text: &str| text.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("role"));
        let is_role = |text: &str| place.in_role || begins_like_one(text);
        ended = lossy_text(json).is_some_and(|text| is_role(&text) && visit(RowValue::Text(text)));
        (!ended).then_some(())
    };
    _ = walk(&mut JsonScanner::of(json), DEPTH_MAX, FoundValue::default(), &mut each);
    ended
}

/// Where a value is.
#[derive(Clone, Copy, Default)]
struct FoundValue {
    /// Whether the nearest key is that of an id.
    is_id: bool,
    /// Whether a key on the way names a role.
    in_role: bool,
}

impl FoundValue {
    /// The place of what is under this key. Each key is decoded once, however many texts are under it.
    fn under(self, key: &[u8]) -> Self {
        let key = decoded(key);
        let names_role = matches!(key.as_ref(), b"role" | b"roles" | b"role_name" | b"role_id");
        Self { is_id: key.as_ref() == b"id" || key.ends_with(b"_id"), in_role: self.in_role || names_role }
    }
}

type EachValue<'v, 'a> = &'v mut dyn FnMut(FoundValue, &'a [u8]) -> Option<()>;

fn walk<'a>(
    steps: &mut JsonScanner<'a>,
    depth: usize,
    place: FoundValue,
    each: EachValue<'_, 'a>,
) -> Option<()> {
    if steps.comes(b'{') && depth > 0 {
        return steps.named_members(|steps, key| walk(steps, depth - 1, place.under(key), each));
    }
    if steps.comes(b'[') {
        // Its elements are no arrays.
        return steps.elements(|steps| walk(steps, depth, place, each));
    }
    each(place, steps.value()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<'a>(find: impl Fn(Visit<'_, 'a>) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        assert!(!find(&mut |value| {
            found.push(value.text().into_owned());
            false
        }));
        found
    }

    #[test]
    fn a_path_goes_through_arrays_and_takes_the_last_of_repeated_keys() {
        let json = br#"{"a":[{"b":1},{"b":["x",[null,true,{"c": 2}]]},3,{"b":4,"b":5}],"a.b":6}"#;
        let at = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            all(|visit| at_path(json, &names, visit))
        };
        assert_eq!(at(&["a", "b"]), ["1", "x", "true", r#"{"c":2}"#, "5"]);
        assert_eq!(at(&["a.b"]), ["6"]);
        assert_eq!(at(&["a", "b", "c"]), ["2"]);
        assert!(at(&["a", "c"]).is_empty() && at(&["a.b", "c"]).is_empty());
    }

    #[test]
    fn a_long_key_with_escapes_is_read_once_however_many_texts_are_under_it() {
        let key = r"\u0061".repeat(100_000) + "_id";
        let json = format!(r#"{{"{key}":[{}"Role-1"]}}"#, r#""x","#.repeat(100_000));
        assert_eq!(all(|visit| roles(json.as_bytes(), visit)), ["Role-1"]);
    }

    #[test]
    fn a_search_ends_where_it_is_told_to() {
        let json = br#"[[1,2],[3]]"#;
        let mut seen = 0;
        assert!(at_path(json, &[], &mut |value| {
            seen += 1;
            value.text() == "2"
        }));
        assert_eq!(seen, 2);
    }

    #[test]
    fn the_parts_of_a_content_are_one_text() {
        let json = br#"[{"content":"one"},{"content":null},{"content":[{"type":"text","text":"two"},{"type":"image_url"},
            {"type":"text","text":"three"}]},{"content":"\ud83d"},{"content":[]},{"content":{"text":"four"}}]"#;
        let found = all(|visit| contents(json, &["content".to_owned()], visit));
        assert_eq!(found, ["one", "two\nthree", "\u{fffd}\u{fffd}\u{fffd}", "four"]);
    }

    #[test]
    fn roles_are_texts_under_their_keys_and_ids_that_begin_like_one() {
        let json = br#"{"id":"role_assignment_1","resource_id":"res_1","role_id":"r1","data":{"role":"owner",
            "roles":["a",{"name":"b"}],"name":"admin","user_id":"ROLE-2"},"changes_requested":{"role_name":"c"}}"#;
        let found = all(|visit| roles(json, visit));
        assert_eq!(found, ["role_assignment_1", "r1", "owner", "a", "b", "ROLE-2", "c"]);
    }

    #[test]
    fn nesting_of_any_depth_costs_no_stack() {
        let deep = "{\"a\":".repeat(200_000) + "\"x\"" + &"}".repeat(200_000);
        let found = all(|visit| every_value(deep.as_bytes(), visit));
        assert!(found.len() == 1 && found[0].starts_with("{\"a\":{") && found[0].contains("\"x\""));
        assert!(all(|visit| roles(deep.as_bytes(), visit)).is_empty());
        let wide = "[".repeat(200_000) + "\"x\"" + &"]".repeat(200_000);
        assert_eq!(all(|visit| every_value(wide.as_bytes(), visit)), ["x"]);
        assert_eq!(all(|visit| at_path(wide.as_bytes(), &[], visit)), ["x"]);
    }
}
