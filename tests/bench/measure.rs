//! A process, measured from outside: wall, CPU and peak memory as the kernel counts them.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::support::observed::Observed;

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
    let process = Observed::of(child.id());
    let mut peak_mib: f64 = 0.0;
    while !process.has_ended() {
        peak_mib = peak_mib.max(process.mib("VmHWM"));
        thread::sleep(Duration::from_millis(4));
    }
    let (wall, cpu) = (began.elapsed().as_secs_f64(), process.cpu_seconds());
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    Measured { wall, cpu, peak_mib }
}
