//! Stored completions: the key set that was recorded, answers invented.

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

use super::{base62, pick};
use crate::simulator::world::SimulatedHead;

const MODELS: &[&str] = &["gpt-4o-mini-2024-07-18", "gpt-4.1-2025-04-14", "gpt-5-nano-2025-08-07"];

const METADATA: &[&str] =
    &["{}", r#"{"team":"support"}"#, r#"{"team":"search","ticket":"S-1042","channel":"web"}"#];

const SENTENCES: &[&str] = &[
    "The order was shipped on Tuesday and should arrive within two working days.",
    "A cursor names a place in a list; it does not promise that the list holds still.",
    "Grüße aus Köln: the umlauts, the euro sign (€) and the emoji 🙂 survive the way.",
    "To reset the password, open \"Settings\", choose \"Security\" and follow the link.\nThe link is valid for an hour.",
    "Three of the four replicas answered; the fourth was restarted a minute ago.",
    "| region | requests |\n| --- | --- |\n| eu | 1,204 |\n| us | 3,377 |",
    "In short: keep the receipt, note the date, and ask again if nothing has happened by Friday.",
];

const TOOLS: &str = r#"[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]"#;

/// Writes one completion of 600 to 1,500 bytes; one in eight calls a tool instead of answering.
pub(super) fn write(rng: &mut StdRng, second: i64, out: &mut Vec<u8>) -> SimulatedHead {
    let id = format!("chatcmpl-{}", base62(rng, 29));
    let calls_tool = rng.random_ratio(1, 8);
    let (prompt, answer) = (rng.random_range(8..4_000), rng.random_range(3..900));
    let body = format!(
        concat!(
            r#"{{"object":"chat.completion","id":"{id}","model":"{model}","created":{second},"request_id":"req_{request:032x}","#,
            r#""tool_choice":null,"usage":{{"total_tokens":{total},"completion_tokens":{answer},"prompt_tokens":{prompt}}},"#,
            r#""seed":{seed},"top_p":1.0,"temperature":{temperature},"presence_penalty":0.0,"frequency_penalty":0.0,"#,
            r#""system_fingerprint":"fp_{fingerprint:010x}","input_user":null,"service_tier":"default","tools":{tools},"#,
            r#""metadata":{metadata},"choices":[{{"index":0,"message":{{{message}}},"finish_reason":"{reason}","logprobs":null}}],"#,
            r#""response_format":null}}"#
        ),
        id = id,
        model = pick(rng, MODELS),
        second = second,
        request = rng.random::<u128>(),
        total = prompt + answer,
        answer = answer,
        prompt = prompt,
        seed = rng.random::<i64>(),
        temperature = pick(rng, &["0.0", "0.2", "0.7", "1.0"]),
        fingerprint = rng.random::<u64>() >> 24,
        tools = if calls_tool { TOOLS } else { "null" },
        metadata = pick(rng, METADATA),
        message = if calls_tool { tool_call(rng) } else { text(rng) },
        reason = if calls_tool { "tool_calls" } else { "stop" },
    );
    out.extend_from_slice(body.as_bytes());
    SimulatedHead { id: Some(id), ..SimulatedHead::default() }
}

fn text(rng: &mut StdRng) -> String {
    let sentences: Vec<_> = (0..rng.random_range(1..=8)).map(|_| *pick(rng, SENTENCES)).collect();
    let content = Value::from(sentences.join(" "));
    format!(r#""content":{content},"role":"assistant","tool_calls":null,"function_call":null"#)
}

fn tool_call(rng: &mut StdRng) -> String {
    let city = pick(rng, &["Berlin", "Lima", "Osaka"]);
    let arguments = Value::from(json!({ "city": city }).to_string());
    let call = base62(rng, 24);
    format!(
        concat!(
            r#""content":null,"role":"assistant","tool_calls":[{{"type":"function","function":"#,
            r#"{{"name":"weather","arguments":{arguments}}},"id":"call_{call}"}}],"function_call":null"#
        ),
        arguments = arguments,
        call = call,
    )
}
