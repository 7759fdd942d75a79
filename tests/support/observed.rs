//! A running process as the kernel sees it.

use std::{fs, path::PathBuf};

use rustix::process::Signal;

/// Of `/proc`: hundredths of a second, whatever the kernel's own clock.
const TICKS_A_SECOND: f64 = 100.0;

/// A child that was not waited for yet.
pub struct Observed {
    place: PathBuf,
}

impl Observed {
    pub fn of(pid: u32) -> Self {
        Self { place: PathBuf::from(format!("/proc/{pid}")) }
    }

    fn stat(&self) -> Vec<String> {
        let stat = fs::read_to_string(self.place.join("stat")).unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').map(str::to_owned).collect()
    }

    /// A process that ended keeps its CPU times until it is waited for, but not its memory.
    pub fn has_ended(&self) -> bool {
        self.stat()[0] == "Z"
    }

    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.stat();
        let ticks = |place: usize| stat[place].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS_A_SECOND
    }

    /// A line of `status`.
    fn status(&self, name: &str) -> Option<String> {
        let status = fs::read_to_string(self.place.join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|line| line.trim().to_owned())
    }

    /// `VmRSS` or `VmHWM`. 0 once the process has ended.
    pub fn mib(&self, name: &str) -> f64 {
        let kib = self.status(name).and_then(|line| line.trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    }

    /// Whether it does something of its own when this signal comes.
    pub fn catches(&self, signal: Signal) -> bool {
        let mask = self.status("SigCgt").and_then(|line| u64::from_str_radix(&line, 16).ok());
        mask.unwrap_or(0) >> (signal.as_raw() - 1) & 1 == 1
    }

    /// 0 once the process has ended.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.place.join("fd")).map_or(0, Iterator::count)
    }
}
