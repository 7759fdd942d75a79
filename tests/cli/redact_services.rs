//! Searches every byte that ccfd sends to a service for redacted values.

use super::redact::{NEIGHBOUR, SECRET, larger_place, search, simulated};
use crate::support::{
    fake::{Fake, Request},
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, Loss, TENANT},
    fake_elastic::Elastic,
    fake_kibana::{AUTHORIZATION, Kibana},
};

fn sinks(azure: &Azure, elastic: &Elastic, kibana: &Kibana) -> String {
    format!(
        r#"
[sink.sentinel]
type = "logs_ingestion"
endpoint = "{endpoint}"
dcr_immutable_id = "{DCR}"
ca_file = "{ca}"

[sink.sentinel.auth]
kind = "client_secret"
tenant_id = "{TENANT}"
client_id = "{CLIENT_ID}"
client_secret = {{ env = "AZURE_CLIENT_SECRET" }}
authority_host = "{authority}"

[sink.elastic]
type = "elasticsearch"
urls = ["{elastic}"]
gzip = true

[sink.kibana]
type = "kibana_index"
url = "{kibana}"
auth = {{ api_key = {{ env = "KIBANA_API_KEY" }} }}

[sink.prompts]"#,
        endpoint = azure.ingestion.server.url(),
        ca = azure.ca.path().display(),
        authority = azure.entra.server.url(),
        elastic = elastic.server.url(),
        kibana = kibana.server.url(),
    )
}

/// Everything of a request that a service could keep: as it came over the wire, and inflated.
fn seen(request: &Request) -> String {
    let inflated = request.content().unwrap();
    [&request.path, &request.query, &format!("{:?}", request.headers)].map(String::as_str).join("\n")
        + &String::from_utf8_lossy(&request.body)
        + &String::from_utf8_lossy(&inflated)
}

/// No request contains a redacted value; together they contain the values next to them, of events,
/// completions and prompts.
fn search_requests(name: &str, server: &Fake) {
    let requests: Vec<String> = server.requests().iter().map(seen).collect();
    assert!(requests.iter().all(|request| !request.contains(SECRET)), "{name}");
    let all = requests.concat();
    for word in [NEIGHBOUR, "audit_log-1", "chatcmpl-1", "[masked]", "chatcmpl-1-0", "[image/png, "] {
        assert!(all.contains(word), "{name} was not sent {word}");
    }
}

#[test]
fn what_is_redacted_is_in_no_byte_that_is_sent_to_a_service_and_what_is_next_to_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (azure, elastic, kibana) = (Azure::start(), Elastic::plain(), Kibana::plain());
    let api = simulated(dir.path());
    let key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
    let place = larger_place(&api).with("AZURE_CLIENT_SECRET", CLIENT_SECRET).with("KIBANA_API_KEY", key);
    place.replace("[sink.prompts]", &sinks(&azure, &elastic, &kibana));
    for collectors in ["sinks = [\"local\"]", "sinks = [\"prompts\"]"] {
        place.replace(collectors, "sinks = [\"sentinel\", \"elastic\", \"kibana\"]");
    }
    let refused = "failed to parse field [n]. Preview of field's value: 'it'";
    elastic.fail("audit_log-2", usize::MAX, 400, "document_parsing_exception");
    kibana.refuse("audit_log-2", refused, None);
    let ended = place.run_to(0, &["run", "--once"]);
    assert!(ended.stderr.contains("\"delivered\"") && !ended.stderr.contains(SECRET), "{}", ended.stderr);
    for (name, server) in
        [("sentinel", &azure.ingestion.server), ("elastic", &elastic.server), ("kibana", &kibana.server)]
    {
        search_requests(name, server);
    }
    search(&place, &["rejects/acme-audit+elastic", "rejects/acme-audit+kibana"]);
    // The published rule knows no messages: Azure drops them, and keeps the row.
    let undeclared = |loss: &Loss| matches!(loss, Loss::Undeclared { field, .. } if field == "ccfd_messages");
    assert!(azure.ingestion.losses().iter().all(undeclared));
    assert_eq!(azure.ingestion.rows("Custom-OpenAIChatCompletions_CL").len(), 2);
    let document = &elastic.documents("openai-chat-completions")["chatcmpl-1"];
    assert!(document.get("ConnectorName").is_some());
}
