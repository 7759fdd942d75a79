//! The input messages of a stored completion.

use bytes::Bytes;
use serde_json::json;

use super::{
    envelope, habits::Habit, query, state::Simulation, stored, wire::SimulatedRefusal, world::SimulatedHead,
};

/// Each habit that concerns some completions affects one in this many.
const ONE_IN: u32 = 5;

/// Answers `GET /v1/chat/completions/{id}/messages`.
pub(super) fn list(state: &Simulation, id: &str, query: &str, now: i64) -> Result<Bytes, SimulatedRefusal> {
    let number = state.completion(id, now)?;
    let is_hit = number.is_multiple_of(ONE_IN);
    if state.habits.has(Habit::MessagesForbidden) {
        return Err(SimulatedRefusal::missing_scope("api.model.read"));
    }
    if is_hit && state.habits.has(Habit::MessagesGone) {
        return Err(stored::not_found(id));
    }
    if is_hit && state.habits.has(Habit::MessagesBroken) {
        let message = "The server had an error while processing your request.";
        return Err(SimulatedRefusal {
            kind: "server_error",
            ..SimulatedRefusal::new(500, Some("server_error"), message)
        });
    }
    let (mut limit, mut ascending, mut after) = (20, true, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => limit = query::limit(&value)?,
            "order" => ascending = query::ascending(&value)?,
            "after" => after = Some(value.into_owned()),
            _ => {}
        }
    }
    query::refuse_many(limit, state.habits)?;
    let mut messages = match state.world.messages.get(id) {
        Some(given) => given.clone(),
        None => invented(id, number),
    };
    if !ascending {
        messages.reverse();
    }
    if let Some(after) = after {
        let at = messages.iter().position(|message| SimulatedHead::of(message).id.as_ref() == Some(&after));
        let missing = || SimulatedRefusal::parameter("after", "The message named by 'after' was not found");
        messages.drain(..=at.ok_or_else(missing)?);
    }
    let has_more = messages.len() > limit;
    let page: Vec<&[u8]> = messages.iter().take(limit).map(|message| &message[..]).collect();
    Ok(envelope::document(&page, has_more, state.habits.has(Habit::NullEdges)).into())
}

/// One to three messages; the second one has parts, as a request with an image does.
fn invented(id: &str, number: u32) -> Vec<Bytes> {
    let message = |index: u32| {
        let id = json!(format!("{id}-{index}"));
        let (role, content, parts) = match index {
            0 => ("system", "Answer briefly, in the language of the question.", "null"),
            1 => ("user", "What is on this picture? ", PARTS),
            _ => ("user", "And where was it taken?", "null"),
        };
        Bytes::from(format!(
            r#"{{"id":{id},"role":"{role}","content":"{content}","name":null,"content_parts":{parts}}}"#
        ))
    };
    (0..=number % 3).map(message).collect()
}

const PARTS: &str = concat!(
    r#"[{"type":"text","text":"What is on this picture? ","image_url":null,"input_audio":null,"file":null},"#,
    r#"{"type":"image_url","text":null,"image_url":{"url":"data:image/png;base64,iVBORw0KGgo="},"#,
    r#""input_audio":null,"file":null}]"#
);
