//! Records given as NDJSON.

use bytes::Bytes;

use super::{
    options::OptionsError,
    world::{SimulatedHead, SimulatedList, World},
};

/// Given records are visible at once, also those dated in the future.
const ALWAYS: i64 = i64::MIN;

/// Adds every line of one input, the `input`th, to the world.
pub(super) fn load(world: &mut World, input: usize, content: &Bytes) -> Result<(), OptionsError> {
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if !line.is_empty() {
            let fault = |reason| OptionsError::Record { input, line: index + 1, reason };
            add(world, content.slice_ref(line)).map_err(fault)?;
        }
    }
    Ok(())
}

fn add(world: &mut World, line: Bytes) -> Result<(), &'static str> {
    let parsed: Result<SimulatedHead, _> = serde_json::from_slice(&line);
    let head = parsed.map_err(|_| "is no JSON object, or its id or time is of another type")?;
    if head.id.is_none() {
        return Err("has no id");
    }
    match (&head.completion_id, head.effective_at, head.created) {
        (Some(completion), _, _) => world.messages.entry(completion.clone()).or_default().push(line),
        (None, Some(second), _) => world.add(SimulatedList::AuditLogs, second, ALWAYS, &head, &line),
        (None, None, Some(second)) => world.add(SimulatedList::Completions, second, ALWAYS, &head, &line),
        (None, None, None) => return Err("has none of effective_at, created and completion_id"),
    }
    Ok(())
}
