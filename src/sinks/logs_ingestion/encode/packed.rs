//! Members that the ASIM rule packs into one column, `AdditionalFields`. Azure cuts that column at 64 KB,
//! too, in the middle of its JSON, so the packed members are bounded together.

use super::fields::FIELD_BYTES_MAX;

/// Names, quotes and colons of everything that is packed.
const NAMES_BYTES: usize = 256;

/// The positions of the values of a row that are packed together.
#[derive(Default)]
pub(super) struct Packed(Vec<PackedMember>);

struct PackedMember {
    column: &'static str,
    begin: usize,
    end: usize,
}

impl Packed {
    /// Notes the member of this column, which is at the end of the output so far.
    pub(super) fn note(&mut self, column: &'static str, begin: usize, end: usize) {
        self.0.push(PackedMember { column, begin, end });
    }

    /// Replaces the largest values by marks until the rest fits. Returns which ones, and how long they were.
    pub(super) fn fit(mut self, out: &mut Vec<u8>) -> Vec<String> {
        let mut bytes: usize = NAMES_BYTES + self.0.iter().map(PackedMember::bytes).sum::<usize>();
        self.0.sort_unstable_by_key(PackedMember::bytes);
        let mut cut = Vec::new();
        while bytes > FIELD_BYTES_MAX
            && let Some(largest) = self.0.pop()
        {
            bytes -= largest.bytes();
            cut.push(largest);
        }
        // From the end, so that no position moves before it is used.
        cut.sort_unstable_by_key(|member| std::cmp::Reverse(member.begin));
        let mut left_out = Vec::new();
        for member in cut {
            let bytes = member.bytes();
            let mark = match out.get(member.begin) {
                Some(b'"') => format!("\"[{bytes} bytes left out by ccfd]\""),
                _ => format!("{{\"ccfd_cut\":\"{bytes} bytes left out\"}}"),
            };
            out.splice(member.begin..member.end, mark.bytes());
            left_out.push(format!("{} of {bytes} bytes left out", member.column));
        }
        left_out
    }
}

impl PackedMember {
    fn bytes(&self) -> usize {
        self.end - self.begin
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An object of these members, all of them packed.
    fn packed(members: &[(&'static str, Value)]) -> (Value, Vec<String>) {
        let (mut out, mut packed) = (b"{".to_vec(), Packed::default());
        for (name, value) in members {
            out.extend_from_slice(format!("\"{name}\":").as_bytes());
            let begin = out.len();
            out.extend_from_slice(value.to_string().as_bytes());
            packed.note(name, begin, out.len());
            out.push(b',');
        }
        let left_out = packed.fit(&mut out);
        out.pop();
        out.push(b'}');
        (serde_json::from_slice(&out).unwrap(), left_out)
    }

    #[test]
    fn what_fits_together_is_left() {
        let members =
            [("tools", json!(["x".repeat(30_000)])), ("metadata", json!({ "a": "x".repeat(30_000) }))];
        let (value, left_out) = packed(&members);
        assert_eq!((value["tools"].clone(), left_out), (members[0].1.clone(), vec![]));
    }

    #[test]
    fn the_largest_give_way_to_the_others_as_whole_members() {
        let large = |bytes: usize| json!(["x".repeat(bytes)]);
        let user = Value::from("u".repeat(40_000));
        let (value, left_out) = packed(&[
            ("response_format", large(50_000)),
            ("tools", large(60_000)),
            ("service_tier", json!("default")),
            ("metadata", json!({ "a": 1 })),
            ("input_user", user),
        ]);
        assert_eq!(value["tools"]["ccfd_cut"], "60004 bytes left out");
        assert_eq!(value["response_format"]["ccfd_cut"], "50004 bytes left out");
        assert!(value["input_user"].as_str().unwrap().len() == 40_000);
        assert_eq!((&value["metadata"]["a"], &value["service_tier"]), (&json!(1), &json!("default")));
        assert!(value.to_string().len() <= FIELD_BYTES_MAX);
        assert_eq!(left_out.len(), 2);
    }

    #[test]
    fn a_text_replaced_by_a_mark_is_still_a_text() {
        let (value, _) = packed(&[("input_user", Value::from("u".repeat(64_000)))]);
        assert_eq!(value["input_user"], "[64002 bytes left out by ccfd]");
    }
}
