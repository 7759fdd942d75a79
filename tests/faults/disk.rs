//! Disks that are full or read-only, each a small one of its own.

use std::path::Path;

use ccfd::simulator::{NewRecord, SimulatedList};
use rustix::process::Signal;

use super::{all_delivered, impatient, options, read_to_the_end, routes_at};
use crate::support::{
    mounts::Mounts,
    process::{Running, wait_until},
    process_kill::{EMBEDDED, Site},
};

/// Records of each list that come while a disk is full, and as many again.
const CAME: usize = 20;

/// A site in whose directory `small` lies on a disk of its own.
struct Small {
    site: Site,
    mounts: Mounts,
}

impl Small {
    fn new(size: &str) -> Option<Self> {
        let (names, sinks) = EMBEDDED;
        let site = Site::configured(options(), |url| impatient(url, "", names, sinks));
        std::fs::create_dir(site.path("small")).unwrap();
        let mount = format!("mount -t tmpfs -o size={size},mode=700 tmpfs small");
        let mounts = Mounts::new(&site.path(""), &mount)?;
        Some(Self { site, mounts })
    }

    /// Moves what a setting names to the small disk.
    fn with(self, setting: &str) -> Self {
        let text = std::fs::read_to_string(self.site.path("ccfd.toml")).unwrap();
        let (key, value) = setting.split_once(" = \"").unwrap();
        let moved = text.replace(setting, &format!("{key} = \"small/{value}"));
        assert_ne!(moved, text);
        self.site.write("ccfd.toml", &moved);
        self
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let dir = self.site.path("");
        Running::start(self.mounts.within(&dir, &self.site.command(arguments)))
    }

    fn fill(&self) {
        self.mounts.fill(&self.site.path("small"));
    }

    fn free(&self) {
        self.mounts.free(&self.site.path("small"));
    }

    fn wait_until_delivered(&self, state: &str) {
        let dir = self.mounts.path(&self.site.path(state));
        wait_until("everything to be delivered", || all_delivered(&self.site, &routes_at(&dir)));
    }

    fn stop(running: Running) {
        running.signal(Signal::TERM);
        let ended = running.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

#[test]
fn a_full_state_directory_is_waited_for_and_nothing_is_lost() {
    let Some(small) = Small::new("2m") else { return };
    let small = small.with("dir = \"state\"");
    let mut running = small.start(&["run"]);
    small.wait_until_delivered("small/state");
    small.fill();
    let unusable = NewRecord {
        list: SimulatedList::AuditLogs,
        second: 1_700_000_000,
        visible_at: 0,
        body: Some(br#"{"effective_at":1700000000,"note":"without id"}"#.as_slice().into()),
    };
    small.site.grow(CAME);
    small.site.simulator.add(vec![NewRecord { second: collectors::Clock::system().now(), ..unusable }]);
    running.wait_for_log("check space and permissions of the state directory");
    running.wait_for_log("status file cannot be written");
    small.site.grow(CAME);
    small.free();
    small.wait_until_delivered("small/state");
    Small::stop(running);
    let ended = small.start(&["run", "--once"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("recovered"), "{}", ended.stderr);
    small.site.assert_tables_hold_everything();
    // Written before it was known that no progress can be stored, and once more when it could: not with each try.
    let repeats = small.site.repeats_in_lines();
    assert!(repeats <= 2 * CAME, "{repeats} lines repeated");
}

#[test]
fn a_full_disk_under_the_tables_parks_their_routes_and_nothing_is_lost() {
    parks(Path::new("tables.db"), "path = \"tables.db\"");
}

#[test]
fn a_full_disk_under_the_files_parks_their_routes_and_leaves_no_torn_line() {
    parks(Path::new("lines"), "dir = \"lines\"");
}

/// A sink on a disk that is full when the first records come. A parked route tries again after minutes: a restart is sooner.
fn parks(place: &Path, setting: &str) {
    let Some(small) = Small::new("4m") else { return };
    let small = small.with(setting);
    small.fill();
    let mut running = small.start(&["run"]);
    running.wait_for_log("free disk space");
    wait_until("both routes to be parked", || {
        routes_at(&small.site.path("state")).iter().filter(|route| route["state"] == "parked").count() == 2
    });
    small.free();
    Small::stop(running);
    let ended = small.start(&["run", "--once"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // With what SQLite could not move from its log into the database, for want of space.
    let beside = small.mounts.path(&small.site.path("small"));
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(beside.join(".")).arg(small.site.path("."));
    assert!(copy.status().unwrap().success());
    assert!(small.site.path("").join(place).exists());
    small.site.assert_tables_hold_everything();
    assert_eq!(small.site.repeats_in_lines(), 0);
}

#[test]
fn a_state_directory_that_cannot_be_written_is_refused_before_anything_is_asked_for() {
    let Some(small) = Small::new("4m") else { return };
    let small = small.with("dir = \"state\"");
    let ended = small.start(&["run", "--once"]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let asked: u64 = small.site.simulator.requests().values().sum();
    small.mounts.run(&small.site.path(""), "mount -o remount,ro small");
    small.site.grow(5);
    let ended = small.start(&["run", "--once"]).wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let messages = ["small/state/holder.json", "Read-only file system", "check space and permissions"];
    assert!(messages.iter().all(|text| ended.stderr.contains(text)), "{}", ended.stderr);
    assert_eq!(small.site.simulator.requests().values().sum::<u64>(), asked, "the network was used");
    small.mounts.run(&small.site.path(""), "mount -o remount,rw small");
    read_to_the_end(&small.site, || {
        let ended = small.start(&["run", "--once"]).wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    });
    small.site.assert_tables_hold_everything();
    assert_eq!(small.site.repeats_in_lines(), 0);
}
