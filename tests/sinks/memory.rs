//! The memory that very large records take: peak memory of the real binary.

use std::fmt::Write as _;

use bytes::Bytes;
use ccfd::simulator::{Simulator, SimulatorOptions};
use collectors::Clock;

use crate::support::{
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, DCR, TENANT},
    fake_elastic::Elastic,
    fake_kibana::{AUTHORIZATION, Kibana},
    observed::Observed,
    openai,
    process::{Place, Running, wait_until},
};

/// One page of two, with `top_logprobs` of 20 for each of 13,000 tokens.
const RECORDS: u64 = 2;
const TOKENS: u32 = 13_000;

/// Completions of 18 MB each.
fn completions(now: i64) -> Bytes {
    let mut top = String::new();
    for place in 0..20 {
        write!(top, r#"{{"token":" word{place}","logprob":-12.3456789,"bytes":[32,119,111,114,100]}},"#)
            .unwrap();
    }
    let top = top.trim_end_matches(',');
    let mut records = String::new();
    for number in 0..RECORDS {
        let created = now - 7_200 + i64::try_from(number).unwrap();
        write!(
            records,
            r#"{{"id":"chatcmpl-large-{number}","object":"chat.completion","created":{created},"model":"gpt-4.1","seed":-244262063926777786,"choices":[{{"index":0,"message":{{"role":"assistant","content":"short"}},"logprobs":{{"content":["#
        )
        .unwrap();
        for token in 0..TOKENS {
            let comma = if token == 0 { "" } else { "," };
            write!(
                records,
                r#"{comma}{{"token":" word","logprob":-0.1,"bytes":[32],"top_logprobs":[{top}]}}"#
            )
            .unwrap();
        }
        records.push_str("]}}],\"usage\":{\"total_tokens\":13000}}\n");
    }
    assert!(records.len() as u64 > RECORDS * 18_000_000, "{}", records.len());
    Bytes::from(records)
}

/// Delivers them with this sink, and answers the peak of resident memory in MiB.
fn peak_mib(sink: &str) -> f64 {
    let clock = Clock::system();
    let options = SimulatorOptions { records: vec![completions(clock.now())], ..SimulatorOptions::default() };
    let server = openai::serve(None, Simulator::new(options, clock).unwrap());
    let kibana_key = AUTHORIZATION.strip_prefix("ApiKey ").unwrap();
    let place = Place::bare().with("AZURE_CLIENT_SECRET", CLIENT_SECRET).with("KIBANA_API_KEY", kibana_key);
    let collector = format!(
        "[collector.chat]\nsource = \"chat_completions\"\napi_key = {{ env = \"OPENAI_API_KEY\" }}\n\
         base_url = \"{}/v1\"\nstart = \"all\"\nsinks = [\"there\"]\nbody_max = \"64MiB\"\n[sink.there]\n",
        server.url()
    );
    place.write("ccfd.toml", &(collector + sink));
    let running: Running = place.start(&["run", "--once"]);
    let process = Observed::of(running.id());
    let mut peak: f64 = 0.0;
    wait_until("the end of the run", || {
        // It only grows, and the end of a run is long enough to see the last of it.
        peak = peak.max(process.mib("VmHWM"));
        process.has_ended()
    });
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    eprintln!("peak {peak:.0} MiB");
    peak
}

#[test]
fn very_large_completions_reach_azure_in_the_memory_of_their_page_and_a_bound() {
    let azure = Azure::start();
    let mib = peak_mib(&format!(
        "type = \"logs_ingestion\"\nendpoint = \"{}\"\ndcr_immutable_id = \"{DCR}\"\nca_file = \"{}\"\n\
         [sink.there.auth]\nkind = \"client_secret\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret = {{ env = \"AZURE_CLIENT_SECRET\" }}\nauthority_host = \"{}\"\n",
        azure.ingestion.server.url(),
        azure.ca.path().display(),
        azure.entra.server.url()
    ));
    let rows = azure.ingestion.rows("Custom-OpenAIChatCompletions_CL");
    assert_eq!((rows.len() as u64, azure.ingestion.losses()), (RECORDS, Vec::new()));
    assert!(mib <= 125.0, "{mib} MiB");
}

#[test]
fn very_large_completions_reach_files_and_tables_in_the_memory_of_their_page_and_a_bound() {
    // SQLite copies what is bound to a statement, and makes of it a row. The pages of the program count, too, and are many
    // more in one that is not optimised.
    for (sink, mib_max) in [
        ("type = \"ndjson\"\ndir = \"archive\"\n", 110.0),
        ("type = \"sqlite\"\npath = \"tables.db\"\n", 192.0),
    ] {
        let mib = peak_mib(sink);
        assert!(mib <= mib_max, "{sink}: {mib} MiB");
    }
}

#[test]
fn very_large_completions_reach_elasticsearch_in_the_memory_of_their_page_and_a_bound() {
    let elastic = Elastic::plain();
    let mib = peak_mib(&format!("type = \"elasticsearch\"\nurls = [\"{}\"]\n", elastic.server.url()));
    assert_eq!(elastic.documents("openai-chat-completions").len() as u64, RECORDS);
    assert!(mib <= 146.0, "{mib} MiB");
}

#[test]
fn very_large_completions_reach_kibana_or_the_rejects_in_the_memory_of_their_page_and_a_bound() {
    const TAKES_ALL: usize = 64 << 20;
    for (keys, takes, documents, mib_max) in [
        ("", TAKES_ALL, RECORDS, 146.0),
        ("raw_record = true\n", TAKES_ALL, RECORDS, 192.0),
        ("", 1 << 20, 0, 146.0),
    ] {
        let kibana = Kibana::plain();
        kibana.take_bytes(takes);
        let mib = peak_mib(&format!(
            "type = \"kibana_index\"\nurl = \"{}\"\nauth = {{ api_key = {{ env = \"KIBANA_API_KEY\" }} }}\n{keys}",
            kibana.server.url()
        ));
        assert_eq!(kibana.documents("openai-chat-completions").len() as u64, documents);
        assert!(mib <= mib_max, "{keys}, {takes} bytes a request: {mib} MiB");
    }
}
