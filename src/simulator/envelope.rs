//! The JSON around the records of a page.

use serde_json::Value;

use super::world::SimulatedHead;

/// A page as one list document, in a buffer of exactly its size.
pub(super) fn document(bodies: &[&[u8]], has_more: bool, null_edges: bool) -> Vec<u8> {
    const HEAD: &[u8] = br#"{"object":"list","data":["#;
    let edge = |body: Option<&&[u8]>| match body {
        Some(body) if !null_edges => Value::from(SimulatedHead::of(body).id),
        Some(_) | None => Value::Null,
    };
    let (first, last) = (edge(bodies.first()), edge(bodies.last()));
    let tail = format!(r#"],"first_id":{first},"last_id":{last},"has_more":{has_more}}}"#);
    let size: usize = bodies.iter().map(|body| body.len() + 1).sum();
    let mut out = Vec::with_capacity(HEAD.len() + size.saturating_sub(1) + tail.len());
    out.extend_from_slice(HEAD);
    for (index, body) in bodies.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(body);
    }
    out.extend_from_slice(tail.as_bytes());
    out
}

/// The page as up to `count` list documents, one per line. Each has a part of the records, its own edges, and
/// `has_more` of the whole page.
pub(super) fn documents(bodies: &[&[u8]], count: usize, has_more: bool, null_edges: bool) -> Vec<u8> {
    let part = bodies.len().div_ceil(count.max(1)).max(1);
    let parts: Vec<_> = bodies.chunks(part).map(|part| document(part, has_more, null_edges)).collect();
    if parts.is_empty() { document(bodies, has_more, null_edges) } else { parts.join(&b'\n') }
}

/// The same JSON over many lines. Works on the text, so that key order and numbers are unchanged.
pub(super) fn pretty(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let (mut in_text, mut escaped) = (false, false);
    let break_line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    };
    for (index, byte) in json.iter().copied().enumerate() {
        let follows_opening = index > 0 && matches!(json[index - 1], b'{' | b'[') && !in_text;
        let closes = !in_text && matches!(byte, b'}' | b']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        if follows_opening != closes {
            break_line(&mut out, depth);
        }
        out.push(byte);
        match byte {
            _ if in_text => {
                in_text = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            }
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b',' => break_line(&mut out, depth),
            b':' => out.push(b' '),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_pretty_body_means_the_same_over_more_lines() {
        let compact = br#"{"a":[{"text":"x\\\"},{[","n":-1971541699951901963},[],{}],"b":"\\","c":[1,2]}"#;
        let written = pretty(compact);
        assert!(written.iter().filter(|byte| **byte == b'\n').count() >= 10);
        let (before, after): (Value, Value) =
            (serde_json::from_slice(compact).unwrap(), serde_json::from_slice(&written).unwrap());
        assert_eq!(before, after);
        assert!(String::from_utf8(written).unwrap().contains("{}"));
    }

    #[test]
    fn a_document_fills_its_buffer_exactly() {
        for bodies in [&[][..], &[&b"{\"id\":\"a\"}"[..]], &[&b"{\"id\":\"a\"}"[..], b"{}"]] {
            let document = document(bodies, true, false);
            assert_eq!(document.capacity(), document.len());
            let value: Value = serde_json::from_slice(&document).unwrap();
            assert_eq!(value["first_id"].is_null(), bodies.is_empty());
        }
    }
}
