//! What to change of a case there: what was changed here since it was last sent.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::cases::{ASSIGNEES_MAX, Assignee, SentFields, TAGS_MAX};

/// The members to change; `None` if there are none. `base` is what was last sent: one of these. Without it everything that
/// differs is changed.
pub(super) fn change(
    base: &[SentFields],
    wanted: &SentFields,
    there: &SentFields,
    tag: &str,
) -> Option<Value> {
    let mut change = Map::new();
    let mut member = |name: &str, is_changed: bool, differs: bool, value: Value| {
        if is_changed && differs {
            change.insert(name.to_owned(), value);
        }
    };
    macro_rules! members {
        ($($field:ident),*) => {$(
            member(
                stringify!($field),
                base.is_empty() || base.iter().any(|base| base.$field != wanted.$field),
                wanted.$field != there.$field,
                json!(wanted.$field),
            );
        )*};
    }
    members!(title, description, severity, category, status);
    let tags = tags(base, wanted, there, tag);
    member("tags", true, tags != there.tags, json!(tags));
    let assignees = assignees(base, wanted, there);
    member("assignees", true, assignees != there.assignees, json!(assignees));
    if let Some(fields) = custom_fields(base, wanted, there) {
        member("customFields", true, true, json!(fields));
    }
    (!change.is_empty()).then_some(Value::Object(change))
}

/// The tags there, without those that were removed here, with those that were added here.
fn tags(base: &[SentFields], wanted: &SentFields, there: &SentFields, tag: &str) -> BTreeSet<String> {
    let is_removed =
        |tag: &&String| !wanted.tags.contains(*tag) && base.iter().any(|base| base.tags.contains(*tag));
    let mut tags: BTreeSet<String> = there.tags.iter().filter(|tag| !is_removed(tag)).cloned().collect();
    // Without it the case would not be found again.
    tags.insert(tag.to_owned());
    let is_added = |tag: &&String| base.is_empty() || base.iter().any(|base| !base.tags.contains(*tag));
    for added in wanted.tags.iter().filter(is_added) {
        if tags.len() < TAGS_MAX {
            tags.insert(added.clone());
        }
    }
    tags
}

/// Those there, without those that were removed here, with those that were added here.
fn assignees(base: &[SentFields], wanted: &SentFields, there: &SentFields) -> BTreeSet<Assignee> {
    let was = |one: &Assignee| base.iter().any(|base| base.assignees.contains(one));
    let remains = there.assignees.iter().filter(|one| wanted.assignees.contains(*one) || !was(one));
    let was_always =
        |one: &Assignee| !base.is_empty() && base.iter().all(|base| base.assignees.contains(one));
    let added = wanted.assignees.iter().filter(|one| !was_always(one));
    let mut assignees: BTreeSet<Assignee> = added.cloned().collect();
    for one in remains {
        if assignees.len() < ASSIGNEES_MAX {
            assignees.insert(one.clone());
        }
    }
    assignees
}

/// The values there with those that were changed here; `None` if there are none. Kibana replaces all of them.
fn custom_fields(base: &[SentFields], wanted: &SentFields, there: &SentFields) -> Option<Vec<Value>> {
    let find = |fields: &SentFields, key: &Value| -> Option<Value> {
        fields.custom_fields.iter().find(|field| field["key"] == *key).cloned()
    };
    let mut fields = there.custom_fields.clone();
    let mut is_changed = false;
    let mut set = |field: Value| {
        match fields.iter_mut().find(|known| known["key"] == field["key"]) {
            Some(known) if known["value"] == field["value"] => return,
            Some(known) => *known = field,
            None if field["value"].is_null() => return,
            None => fields.push(field),
        }
        is_changed = true;
    };
    for field in &wanted.custom_fields {
        let is_as_sent = |base: &SentFields| find(base, &field["key"]).as_ref() == Some(field);
        if base.is_empty() || !base.iter().all(is_as_sent) {
            set(field.clone());
        }
    }
    // What has no value here any more.
    for mut field in base.iter().flat_map(|base| base.custom_fields.clone()) {
        if find(wanted, &field["key"]).is_none() {
            field["value"] = Value::Null;
            set(field);
        }
    }
    is_changed.then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CaseSeverity, CaseStatus};

    fn fields(title: &str, tags: &[&str]) -> SentFields {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        SentFields { title: title.into(), tags, ..SentFields::default() }
    }

    #[test]
    fn what_was_changed_there_remains_unless_it_was_changed_here_too() {
        let base = fields("one", &["a", "b"]);
        let there =
            SentFields { severity: CaseSeverity::High, ..fields("theirs", &["a", "b", "own", "ccfd:1"]) };
        assert_eq!(
            change(std::slice::from_ref(&base), &base, &there, "ccfd:1"),
            None,
            "nothing was changed here"
        );
        let wanted = SentFields { status: CaseStatus::Closed, ..fields("one", &["b", "c"]) };
        let expected = json!({ "status": "closed", "tags": ["b", "c", "ccfd:1", "own"] });
        assert_eq!(change(std::slice::from_ref(&base), &wanted, &there, "ccfd:1"), Some(expected));
        let wanted = fields("two", &["a", "b"]);
        assert_eq!(
            change(std::slice::from_ref(&base), &wanted, &there, "ccfd:1"),
            Some(json!({ "title": "two" }))
        );
    }

    #[test]
    fn a_case_of_which_nothing_is_known_becomes_what_is_wanted_and_keeps_its_tags() {
        let there = SentFields { category: Some("theirs".into()), ..fields("one", &["own", "ccfd:1"]) };
        let expected = json!({ "category": null, "tags": ["a", "ccfd:1", "own"] });
        assert_eq!(change(&[], &fields("one", &["a"]), &there, "ccfd:1"), Some(expected));
    }

    #[test]
    fn of_two_changes_of_which_the_first_may_have_arrived_only_the_second_remains() {
        let base = [fields("one", &["a"]), fields("two", &["b"])];
        let there = fields("two", &["b", "ccfd:1"]);
        let expected = json!({ "title": "one", "tags": ["c", "ccfd:1"] });
        assert_eq!(change(&base, &fields("one", &["c"]), &there, "ccfd:1"), Some(expected));
    }

    #[test]
    fn a_tag_with_blanks_around_it_is_the_one_that_kibana_has_trimmed() {
        let sent = fields(" one ", &[" roles ", "x\u{feff}"]).trimmed();
        let there = fields("one", &["roles", "x", "ccfd:1"]);
        assert_eq!(change(&[], &sent, &there, "ccfd:1"), None, "it is there");
        let wanted = fields(" one ", &["x "]).trimmed();
        let expected = json!({ "tags": ["ccfd:1", "x"] });
        assert_eq!(change(std::slice::from_ref(&sent), &wanted, &there, "ccfd:1"), Some(expected));
    }

    #[test]
    fn the_tag_by_which_it_is_found_comes_back() {
        let base = fields("one", &[]);
        let expected = json!({ "tags": ["ccfd:1"] });
        assert_eq!(change(std::slice::from_ref(&base), &base, &fields("one", &[]), "ccfd:1"), Some(expected));
    }

    #[test]
    fn who_works_on_it_and_custom_fields_are_changed_one_by_one() {
        let uids = |uids: &[&str]| uids.iter().map(|uid| Assignee { uid: (*uid).to_owned() }).collect();
        let field = |key: &str, value: Value| json!({ "key": key, "type": "text", "value": value });
        let with = |people: &[&str], custom_fields: &[Value]| SentFields {
            assignees: uids(people),
            custom_fields: custom_fields.to_vec(),
            ..fields("one", &[])
        };
        let base = [with(&["ann", "bob"], &[field("a", json!("1")), field("b", json!("2"))])];
        let there = SentFields {
            tags: ["ccfd:1".to_owned()].into(),
            ..with(
                &["ann", "bob", "own"],
                &[field("a", json!("theirs")), field("b", json!("2")), field("c", json!("3"))],
            )
        };
        assert_eq!(change(&base, &base[0], &there, "ccfd:1"), None, "what was changed there remains");
        let wanted = with(&["bob", "cem"], &[field("a", json!("1")), field("d", json!("4"))]);
        let expected = json!({
            "assignees": [{ "uid": "bob" }, { "uid": "cem" }, { "uid": "own" }],
            "customFields": [
                field("a", json!("theirs")), field("b", Value::Null), field("c", json!("3")), field("d", json!("4")),
            ],
        });
        assert_eq!(change(&base, &wanted, &there, "ccfd:1"), Some(expected));
        assert_eq!(change(&[], &wanted, &SentFields { tags: there.tags, ..wanted.clone() }, "ccfd:1"), None);
    }

    #[test]
    fn nobody_is_dropped_because_others_are_named_twice() {
        let uids = |uids: &[String]| uids.iter().map(|uid| Assignee { uid: uid.clone() }).collect();
        let with = |people: &[String]| SentFields { assignees: uids(people), ..fields("one", &["ccfd:1"]) };
        let people: Vec<String> = (0..ASSIGNEES_MAX).map(|number| format!("user{number}")).collect();
        let half = &people[..ASSIGNEES_MAX / 2];
        // Of a change from nobody to half of them it is not known whether it arrived; another person is there, too.
        let base = [with(&[]), with(half)];
        let own: Vec<String> = half.iter().chain(&people[ASSIGNEES_MAX - 1..]).cloned().collect();
        assert_eq!(assignees(&base, &with(half), &with(&own)), uids(&own));
    }

    #[test]
    fn there_are_not_more_tags_than_kibana_takes() {
        let many: Vec<String> = (0..200).map(|number| format!("tag{number}")).collect();
        let wanted = SentFields { tags: many.into_iter().collect(), ..fields("one", &[]) };
        let created = fields("one", &["ccfd:1"]);
        let changed = change(&[], &wanted, &created, "ccfd:1").unwrap();
        assert_eq!(changed["tags"].as_array().map(Vec::len), Some(200));
        let there: BTreeSet<String> = serde_json::from_value(changed["tags"].clone()).unwrap();
        let there = SentFields { tags: there, ..created };
        assert_eq!(change(&[], &wanted, &there, "ccfd:1"), None, "it ends");
    }
}
