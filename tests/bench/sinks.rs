//! Into services: the same catch-up, into a receiver on loopback that takes everything.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    measure::measure,
    receiver::Receiver,
    runs::{Simulator, ccfd, floor, head, row},
};

/// Records of a page.
const PAGE: f64 = 100.0;

pub fn remote(events: u64) {
    let simulator = Simulator::start(events, "0s");
    head(&format!("{events} audit events into services on loopback"));
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let least = measure(&mut floor(dir.path(), &simulator.url, Some(&receiver.url)));
    row("floor (no parsing)", events, least);
    receiver.end();

    let bulk = |url: &str| format!("type = \"elasticsearch\"\nurls = [\"{url}\"]\ngzip = false\n");
    let ingestion = |url: &str| {
        format!(
            "type = \"logs_ingestion\"\nendpoint = \"{url}\"\n\
             dcr_immutable_id = \"dcr-00000000000000000000000000000000\"\n\
             [sink.out.auth]\nkind = \"azure_cli\"\n"
        )
    };
    for (name, settings) in [
        ("ccfd into _bulk, no gzip", &bulk as &dyn Fn(&str) -> String),
        ("ccfd into logs_ingestion", &ingestion),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start();
        let mut command = ccfd(dir.path(), &simulator.url, &settings(&receiver.url), &["run", "--once"]);
        command.env("PATH", with_azure_cli(dir.path()));
        let run = measure(&mut command);
        let received = receiver.end();
        row(name, events, run);
        println!(
            "{:<28} {:.2} times the floor's wall; {} calls, {:.0} pages and {:.2} MiB each{}",
            "",
            run.wall / least.wall,
            received.calls,
            events as f64 / PAGE / received.calls as f64,
            received.mib / received.calls as f64,
            if received.rows > 0 { format!("; {} rows", received.rows) } else { String::new() },
        );
    }
}

/// A search path with an Azure CLI that hands out a token which is good for this receiver.
fn with_azure_cli(dir: &Path) -> String {
    let az = dir.join("az");
    let until = chrono::Utc::now().timestamp() + 3600;
    let token = format!(
        r#"{{"accessToken":"bench","expires_on":{until},"expiresOn":"2099-01-01 00:00:00.000000","tokenType":"Bearer"}}"#
    );
    fs::write(&az, format!("#!/bin/sh\necho '{token}'\n")).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", dir.display(), std::env::var("PATH").unwrap_or_default())
}
