//! The real binary, killed while it writes.

use std::collections::HashMap;

use rustix::process::Signal;

use super::{AUDIT, config, ids};
use crate::support::{
    fake_azure::{Azure, CLIENT_ID, CLIENT_SECRET, TENANT},
    process::{Place, Simulated},
};

const EVENTS: usize = 20_000;

#[test]
fn nothing_is_missing_however_often_the_process_is_killed() {
    let azure = Azure::start();
    let openai = Simulated::start(&["--audit-logs", &EVENTS.to_string()]);
    let auth = format!(
        "kind = \"client_secret\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret = {{ env = \"AZURE_CLIENT_SECRET\" }}\nauthority_host = \"{}\"",
        azure.entra.server.url()
    );
    let place = Place::bare().with("AZURE_CLIENT_SECRET", CLIENT_SECRET);
    let collector = format!(
        "[pipeline]\nbatch_wait = \"20ms\"\n[default.collector]\nbase_url = \"{}\"\nstart = \"all\"\n\
         poll_interval = \"1s\"\nsweep_interval = \"1s\"\nrate_limit_qps = 100\n",
        openai.base_url
    );
    // Small calls, so that there are many moments between two of them.
    let keys = "inflated_max = \"64KiB\"";
    place.write("ccfd.toml", &(collector + &config(&azure, azure.ingestion.server.url(), keys, &auth)));
    let mut moments = super::super::kill::Moments::new(900);
    for _ in 0..12 {
        let running = place.start(&["run"]);
        std::thread::sleep(moments.next());
        running.signal(Signal::KILL);
    }
    place.run_to(0, &["run", "--once"]);
    let mut times: HashMap<String, usize> = HashMap::new();
    for id in ids(&azure.ingestion.rows(AUDIT)) {
        *times.entry(id).or_default() += 1;
    }
    assert_eq!(times.len(), EVENTS);
    let repeats: usize = times.values().map(|times| times - 1).sum();
    println!("nothing missing, {repeats} rows repeated");
    assert!(azure.ingestion.losses().is_empty());
}
