//! Beside the best peer that a package registry offers: the same list, into the same `_bulk` receiver.
//!
//! Tenzir is the only collector that we found which can be installed without an account, pages through an API and writes
//! `_bulk` requests. Its pipeline follows its own documentation: pages by `after` while `has_more` is true.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    measure::{Measured, measure},
    receiver::{Received, Receiver},
    runs::{Simulator, ccfd},
    support::judge,
};

const TENZIR: &str = "tenzir==6.20.0";

pub fn peers(events: u64) {
    let Some(tenzir) = installed() else { return };
    // The habits that every public report about these lists describes.
    let simulator = Simulator::start(events, "0s");
    println!("\n{events} audit events into `_bulk`, beside {TENZIR}");
    println!(
        "{:<10} {:>8} {:>8} {:>10} {:>10} {:>10} {:>8}",
        "", "wall s", "CPU s", "peak MiB", "delivered", "missing", "doubled"
    );
    let dir = tempfile::tempdir().unwrap();
    let ours = run("ccfd", events, |receiver| {
        let sink = format!("type = \"elasticsearch\"\nurls = [\"{receiver}\"]\ngzip = false\n");
        ccfd(dir.path(), &simulator.url, &sink, &["run", "--once"])
    });
    let theirs = run("Tenzir", events, |receiver| {
        let pipeline = dir.path().join("pipeline.tql");
        fs::write(&pipeline, pages_into(&simulator.url, receiver)).unwrap();
        let mut command = Command::new(&tenzir);
        command.arg("--file").arg(pipeline).current_dir(dir.path()).stdout(Stdio::null());
        command
    });
    println!(
        "Tenzir takes {:.1} times the wall, {:.1} times the CPU, {:.1} times the memory",
        theirs.wall / ours.wall,
        theirs.cpu / ours.cpu,
        theirs.peak_mib / ours.peak_mib
    );
}

fn run(name: &str, events: u64, command: impl FnOnce(&str) -> Command) -> Measured {
    let receiver = Receiver::counting_ids();
    let measured = measure(&mut command(&receiver.url));
    let Received { rows, ids, .. } = receiver.end();
    println!(
        "{name:<10} {:>8.2} {:>8.2} {:>10.1} {ids:>10} {:>10} {:>8}",
        measured.wall,
        measured.cpu,
        measured.peak_mib,
        events - ids,
        rows - ids
    );
    measured
}

fn pages_into(api: &str, receiver: &str) -> String {
    let list = format!("{api}/organization/audit_logs?limit=100");
    format!(
        r#"from_http "{list}",
  headers={{Authorization: "Bearer sk-admin-bench"}},
  paginate=(page => f"{list}&after={{page.last_id}}" if page.has_more) {{
  read_json
}}
unroll data
this = data
to_opensearch "{receiver}", action="create", index="openai-audit", id=id
"#
    )
}

/// The program of the package, in a virtual environment below the build's own folder.
fn installed() -> Option<PathBuf> {
    let venv = judge::cache("peers").join("venv");
    let program = venv.join("bin/tenzir");
    if !program.exists() {
        fs::create_dir_all(venv.parent().unwrap()).unwrap();
        let steps: [(&Path, &[&str]); 2] = [
            (Path::new("python3"), &["-m", "venv", venv.to_str().unwrap()]),
            (&venv.join("bin/python"), &["-m", "pip", "install", "--quiet", "--no-input", TENZIR]),
        ];
        for (program, arguments) in steps {
            if !Command::new(program).args(arguments).status().is_ok_and(|status| status.success()) {
                println!("\nNOT RUN: {TENZIR} cannot be installed: {} {arguments:?}", program.display());
                return None;
            }
        }
    }
    Some(program)
}
