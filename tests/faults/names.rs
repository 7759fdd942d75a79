//! Names that do not resolve.

use ccfd::simulator::SimulatedList;

use super::{impatient, options, routes};
use crate::support::{
    fake::Ca,
    mounts::Mounts,
    openai,
    process::{Running, wait_until},
    process_kill::{EMBEDDED, Site},
};

const NAME: &str = "api.openai.invalid";

#[test]
fn a_name_that_is_gone_is_reported_delays_no_other_route_and_is_used_once_it_is_back() {
    let ca = Ca::new();
    let site = Site::configured(options(), |url| {
        // The completions come from a server that needs no name.
        let (names, sinks) = EMBEDDED;
        impatient(url, "", names, sinks)
    });
    let api = openai::serve(Some(ca.server_named(&[NAME])), site.simulator.clone());
    let port = api.url().rsplit(':').next().unwrap();
    let audit =
        format!("[collector.audit]\nbase_url = \"https://{NAME}:{port}/v1\"\nca_file = {:?}", ca.path());
    let text = std::fs::read_to_string(site.path("ccfd.toml")).unwrap();
    site.write("ccfd.toml", &text.replace("[collector.audit]", &audit));
    site.write("hosts", "127.0.0.1 localhost\n");
    // Whatever this machine asks for names might not answer at all, which is another fault.
    site.write("resolv.conf", "nameserver 127.0.0.1\n");
    let dir = site.path("");
    let script = "mount --bind hosts /etc/hosts\nmount --bind resolv.conf /etc/resolv.conf";
    let Some(mounts) = Mounts::new(&dir, script) else { return };

    let mut running = Running::start(mounts.within(&dir, &site.command(&["run"])));
    running.wait_for_log(&format!("no response: {NAME}:{port}: "));
    running.wait_for_log("dns error");
    running.wait_for_log("check network, DNS");
    let all = site.simulator.issued(SimulatedList::Completions).len() as u64;
    wait_until("the completions to be read", || {
        let routes = routes(&site);
        let mut chat = routes.iter().filter(|route| route["collector"] == "chat");
        !routes.is_empty() && chat.all(|route| route["delivered"] == all)
    });
    site.write("hosts", &format!("127.0.0.1 localhost {NAME}\n"));
    wait_until("the audit events to be read", || super::all_delivered(&site, &routes(&site)));
    super::wait_until_healed(&site);
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
    site.assert_tables_hold_everything();
    assert_eq!(site.repeats_in_lines(), 0);
}
