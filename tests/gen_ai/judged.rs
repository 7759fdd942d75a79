//! The official client of OpenAI reads what the connector relays.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{Advisor, QUESTION, question, simulated};
use crate::support::python::Python;

#[tokio::test]
async fn the_official_client_reads_what_is_relayed() {
    let Some(python) = Python::shared() else { return };
    let (_simulated, url) = simulated();
    let (advisor, dir) = (Advisor::at(&url), TempDir::new().unwrap());
    let (answer, usage) = advisor.answer("run", json!({ "body": QUESTION })).await.unwrap();
    let whole = dir.path().join("whole");
    fs::write(&whole, answer.to_string()).unwrap();
    let (events, _, end) = advisor.stream(&question("m")).await.unwrap().read_to_end().await;
    let streamed = dir.path().join("streamed");
    fs::write(&streamed, events).unwrap();
    let said = python.run("openai_client.py", &[whole.to_str().unwrap(), streamed.to_str().unwrap()]);
    assert_eq!(said["whole"]["total_tokens"].as_u64(), usage.total);
    assert_eq!(said["whole"]["content"], answer["choices"][0]["message"]["content"]);
    assert_eq!(said["streamed"]["total_tokens"].as_u64(), end.usage.total);
    assert!(said["streamed"]["content"].as_str().unwrap().starts_with("Simulated answer "), "{said}");
}
