//! A process, measured from outside: wall, CPU and peak memory as the kernel counts them.

use std::{
    process::Command,
    time::{Duration, Instant},
};

#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub wall: f64,
    pub cpu: f64,
    pub peak_mib: f64,
}

/// Runs a command to its end. It must succeed.
pub fn measure(command: &mut Command) -> Measured {
    let began = Instant::now();
    let mut child = command.spawn().expect("the command starts");
    let place = format!("/proc/{}", child.id());
    let mut peak = 0;
    // A process that ended keeps its CPU times until it is waited for, but not its memory: that is looked at while it runs.
    let cpu = loop {
        let stat = std::fs::read_to_string(format!("{place}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        if fields[0] == "Z" {
            let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
            break ticks / 100.0;
        }
        let status = std::fs::read_to_string(format!("{place}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak).max(peak);
        std::thread::sleep(Duration::from_millis(4));
    };
    let wall = began.elapsed().as_secs_f64();
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    Measured { wall, cpu, peak_mib: f64::from(peak) / 1024.0 }
}
