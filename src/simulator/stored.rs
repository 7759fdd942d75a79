//! One stored completion: read it, change its metadata, delete it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    state::Simulation,
    wire::{Request, SimulatedRefusal},
    world::SimulatedList,
};

const METADATA_MAX: usize = 16;
const KEY_MAX: usize = 64;
const VALUE_MAX: usize = 512;

#[derive(Deserialize)]
struct Update {
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Present<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

/// Answers `/v1/chat/completions/{id}`.
pub(super) fn answer(
    state: &mut Simulation,
    request: &Request,
    id: &str,
    now: i64,
) -> Result<Bytes, SimulatedRefusal> {
    let number = state.completion(id, now)?;
    match request.method.as_str() {
        "GET" => {}
        "POST" => {
            let body = with_metadata(state.world.body(number), &update(&request.body)?);
            state.world.replace(number, &body);
        }
        "DELETE" => {
            state.world.delete(number);
            let gone = json!({ "object": "chat.completion.deleted", "id": id, "deleted": true });
            return Ok(Bytes::from(gone.to_string()));
        }
        _ => return Err(not_allowed("GET, POST and DELETE")),
    }
    Ok(Bytes::copy_from_slice(state.world.body(number)))
}

/// The 405 of a path that exists.
pub(super) fn not_allowed(methods: &str) -> SimulatedRefusal {
    let message = format!("Only {methods} requests are accepted.");
    SimulatedRefusal::new(405, Some("method_not_supported"), message)
}

impl Simulation {
    /// The number of a completion that can be seen now.
    pub(super) fn completion(&self, id: &str, now: i64) -> Result<u32, SimulatedRefusal> {
        let visible = self.world.find(id).filter(|number| {
            let entry = self.world.entry(*number);
            entry.list == SimulatedList::Completions && entry.visible_at <= now
        });
        visible.ok_or_else(|| not_found(id))
    }
}

/// The 404 of a completion that is gone.
pub(super) fn not_found(id: &str) -> SimulatedRefusal {
    SimulatedRefusal {
        param: Some("completion_id".to_owned()),
        ..SimulatedRefusal::new(404, Some("not_found"), format!("Completion {id} not found"))
    }
}

fn update(body: &[u8]) -> Result<BTreeMap<String, String>, SimulatedRefusal> {
    let refused = |message: &str| SimulatedRefusal::parameter("metadata", message);
    let update: Update = serde_json::from_slice(body)
        .map_err(|_| refused("Invalid type for 'metadata': expected an object of strings."))?;
    let fits = |(key, value): (&String, &String)| {
        key.chars().count() <= KEY_MAX && value.chars().count() <= VALUE_MAX
    };
    if update.metadata.len() > METADATA_MAX || !update.metadata.iter().all(fits) {
        return Err(refused(
            "Invalid 'metadata': at most 16 pairs, keys of 64 and values of 512 characters.",
        ));
    }
    Ok(update.metadata)
}

/// The body with other metadata and all other bytes unchanged. Without metadata, it is added at the end.
fn with_metadata(body: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let value = json!(metadata).to_string();
    let present = serde_json::from_slice::<Present<'_>>(body).ok().and_then(|present| present.metadata);
    match present {
        Some(raw) => {
            let start = raw.get().as_ptr() as usize - body.as_ptr() as usize;
            [&body[..start], value.as_bytes(), &body[start + raw.get().len()..]].concat()
        }
        None => {
            let body = body.trim_ascii_end();
            let open = body.strip_suffix(b"}").unwrap_or(body);
            [open, br#","metadata":"#, value.as_bytes(), b"}"].concat()
        }
    }
}
