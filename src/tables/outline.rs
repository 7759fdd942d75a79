//! The members of a JSON object and of the objects in it, found in one pass and without a tree: names and values are slices
//! of the text.

use super::json_scanner::{JsonScanner, is_named};

/// Objects in objects whose members are found; deeper ones are only skipped. What rules ask for of an audit event is at most
/// as deep.
const DEPTH_MAX: usize = 4;

/// Members that are found before objects are only skipped: a record of millions takes no more memory.
const MEMBERS_MAX: usize = 10_000;

/// The members of an object, each followed by those of the object that it is.
#[derive(Default)]
pub(super) struct Outline<'a> {
    found: Vec<OutlineMember<'a>>,
}

struct OutlineMember<'a> {
    /// As the scanner passes it on.
    name: &'a [u8],
    value: &'a [u8],
    /// The place behind its own members. Without any known it is the next place.
    end: usize,
    /// Whether its value is an object whose members were found.
    is_open: bool,
}

/// The place of a member in an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberPlace(usize);

impl<'a> Outline<'a> {
    /// Finds the members of `json` in the place of what was found before. Those of the object under the key `open` are found
    /// in any case. Anything but an object has none; after a syntax error, the members before it count.
    pub fn read(&mut self, json: &'a [u8], open: Option<&str>) {
        self.found.clear();
        self.found.shrink_to(MEMBERS_MAX);
        // A syntax error is not an error here: mapping cannot fail, and a missing value becomes null.
        let _ = self.collect(&mut JsonScanner::of(json), 1, usize::MAX, open);
    }

    /// Finds members until there are so many; the object is then skipped by who asked for them.
    fn collect(
        &mut self,
        steps: &mut JsonScanner<'a>,
        depth: usize,
        members_max: usize,
        open: Option<&str>,
    ) -> Option<()> {
        steps.named_members(|steps, name| {
            let place = self.found.len();
            (place < members_max).then_some(())?;
            let is_object = depth < DEPTH_MAX && steps.comes(b'{');
            let must_open = is_object && open.is_some_and(|open| is_named(name, open.as_bytes()));
            let may_open = must_open || (is_object && place < MEMBERS_MAX);
            if !may_open {
                let value = steps.value()?;
                self.found.push(OutlineMember { name, value, end: place + 1, is_open: false });
                return Some(());
            }
            let start = steps.at();
            self.found.push(OutlineMember { name, value: b"", end: place + 1, is_open: true });
            let inner_max = if must_open { usize::MAX } else { MEMBERS_MAX };
            let whole = self.collect(steps, depth + 1, inner_max, None);
            let is_open = whole.is_some() || self.found.len() < inner_max;
            if !is_open {
                self.found.truncate(place + 1);
                steps.back_to(start);
                steps.value()?;
            }
            let end = self.found.len();
            let member = self.found.get_mut(place)?;
            (member.value, member.end, member.is_open) = (steps.since(start)?, end, is_open);
            whole.or((!is_open).then_some(()))
        })
    }

    /// The member of this name; of repeated ones the last.
    pub fn find(&self, name: &[u8]) -> Option<MemberPlace> {
        self.find_between(0, self.found.len(), name)
    }

    /// The member of this name in the object at a place, if its members were found.
    pub fn find_in(&self, MemberPlace(place): MemberPlace, name: &[u8]) -> Option<MemberPlace> {
        self.find_between(place + 1, self.found.get(place)?.end, name)
    }

    fn find_between(&self, mut from: usize, to: usize, name: &[u8]) -> Option<MemberPlace> {
        let mut last = None;
        while from < to {
            let member = self.found.get(from)?;
            if is_named(member.name, name) {
                last = Some(MemberPlace(from));
            }
            from = member.end;
        }
        last
    }

    /// Whether the value at a place is an object whose members were found.
    pub fn is_open(&self, MemberPlace(place): MemberPlace) -> bool {
        self.found.get(place).is_some_and(|member| member.is_open)
    }

    /// The JSON text at a place.
    pub fn value(&self, MemberPlace(place): MemberPlace) -> &'a [u8] {
        self.found.get(place).map_or(b"", |member| member.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(outline: &Outline<'a>, names: &[&str]) -> Option<&'a str> {
        let (first, rest) = names.split_first()?;
        let mut place = outline.find(first.as_bytes())?;
        for name in rest {
            place = outline.find_in(place, name.as_bytes())?;
        }
        std::str::from_utf8(outline.value(place)).ok()
    }

    fn read(json: &str) -> Outline<'_> {
        let mut outline = Outline::default();
        outline.read(json.as_bytes(), Some("open"));
        outline
    }

    #[test]
    fn members_are_found_in_objects_and_not_in_those_beside_them() {
        let outline = read(
            r#" { "a" : { "x":1, "b":{"x" : 2,"y":[{"x":3}]} } , "b":{"x":4},"c":{},"\u0061b":"}\"]","d":-1.5e3 }"#,
        );
        assert_eq!(at(&outline, &["a", "x"]), Some("1"));
        assert_eq!(at(&outline, &["a", "b", "x"]), Some("2"));
        assert_eq!(at(&outline, &["a", "b"]), Some(r#"{"x" : 2,"y":[{"x":3}]}"#));
        assert_eq!(at(&outline, &["b", "x"]), Some("4"));
        assert_eq!(at(&outline, &["ab"]), Some(r#""}\"]""#));
        assert_eq!(at(&outline, &["d"]), Some("-1.5e3"));
        for absent in [&["x"][..], &["c", "x"], &["d", "x"], &["a", "b", "y", "x"], &["\"\\u0061b\""]] {
            assert_eq!(at(&outline, absent), None, "{absent:?}");
        }
    }

    #[test]
    fn of_repeated_names_the_last_one_counts_with_what_is_in_it() {
        let outline = read(r#"{"a":{"x":1,"x":2},"a":{"y":3},"b":{"z":1},"b":null}"#);
        assert_eq!(at(&outline, &["a", "x"]), None);
        assert_eq!(at(&outline, &["a", "y"]), Some("3"));
        assert_eq!((at(&outline, &["b"]), at(&outline, &["b", "z"])), (Some("null"), None));
        let outline = read(r#"{"a":{"x":1,"x":2}}"#);
        assert_eq!(at(&outline, &["a", "x"]), Some("2"));
    }

    #[test]
    fn objects_deeper_than_that_are_skipped_whole() {
        let outline = read(r#"{"a":{"b":{"c":{"d":{"e":1}}}},"z":2}"#);
        let place = |names: &[&str]| {
            names.iter().fold(None, |place, name| match place {
                None => outline.find(name.as_bytes()),
                Some(place) => outline.find_in(place, name.as_bytes()),
            })
        };
        assert_eq!(place(&["a", "b", "c"]).map(|place| outline.is_open(place)), Some(true));
        assert_eq!(place(&["a", "b", "c", "d"]).map(|place| outline.is_open(place)), Some(false));
        assert_eq!(at(&outline, &["a", "b", "c", "d"]), Some(r#"{"e":1}"#));
        assert_eq!(at(&outline, &["z"]), Some("2"));
        let deep = "{\"a\":".repeat(200_000) + "1" + &"}".repeat(200_000);
        assert!(at(&read(&deep), &["a"]).is_some());
    }

    #[test]
    fn an_object_of_very_many_members_is_skipped_and_what_has_columns_is_found_all_the_same() {
        let many = |inner: &str| {
            let members = r#""x":1,"#.repeat(2 * MEMBERS_MAX);
            format!(r#"{{{members}"y":{inner}}}"#)
        };
        let json = format!(
            r#"{{"a":{},"open":{},"b":{{"z":{}}},"c":{{"d":2}},"e":3}}"#,
            many("{}"),
            many(r#"{"in":1}"#),
            many("0")
        );
        let outline = read(&json);
        assert_eq!(at(&outline, &["a"]), Some(&*many("{}")));
        assert_eq!((at(&outline, &["a", "x"]), at(&outline, &["a", "y"])), (None, None));
        assert_eq!(at(&outline, &["open", "x"]), Some("1"));
        assert_eq!(at(&outline, &["open", "y"]), Some(r#"{"in":1}"#));
        assert_eq!((at(&outline, &["c"]), at(&outline, &["e"])), (Some(r#"{"d":2}"#), Some("3")));
        assert!(outline.found.len() < 3 * MEMBERS_MAX);
        let place = outline.find(b"c").unwrap();
        assert!(!outline.is_open(place), "there are too many before it");
    }

    #[test]
    fn every_cut_and_every_change_of_a_byte_is_survived() {
        let json = br#"{"a":"\u00e9\"","b":[{"c":1.5},"]"],"d":{"e":{"f":null}},"g":-0}"#;
        let mut changed = json.to_vec();
        for place in 0..json.len() {
            let mut outline = Outline::default();
            outline.read(&json[..place], None);
            for byte in *b"\"\\{}[],: x\xff" {
                changed[place] = byte;
                let mut outline = Outline::default();
                outline.read(&changed, None);
                assert!(outline.found.len() <= changed.len());
            }
            changed[place] = json[place];
        }
    }
}
