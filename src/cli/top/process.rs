//! What the system says of the daemon's process.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

/// How long a process runs, and its memory; unknown where the system does not show them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaemonProcess {
    /// Seconds since its start.
    pub uptime_seconds: Option<i64>,
    /// Resident memory.
    pub memory_bytes: Option<u64>,
}

impl DaemonProcess {
    /// Looks it up.
    pub fn of(pid: u32) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).ok();
        let stat = read(&format!("{pid}/stat"));
        Self {
            uptime_seconds: stat
                .zip(read("uptime"))
                .and_then(|(stat, uptime)| uptime_seconds(&stat, &uptime, clock_ticks_per_second())),
            memory_bytes: read(&format!("{pid}/statm")).and_then(|statm| {
                statm.split(' ').nth(1)?.parse::<u64>().ok()?.checked_mul(page_size() as u64)
            }),
        }
    }
}

/// From the system's own uptime, and the tick after its start at which the process began.
fn uptime_seconds(stat: &str, uptime: &str, ticks: u64) -> Option<i64> {
    // The name may contain anything, also a bracket and blanks.
    let (_, fields) = stat.rsplit_once(')')?;
    let begun: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let system: f64 = uptime.split(' ').next()?.parse().ok()?;
    i64::try_from((system as u64).checked_sub(begun.checked_div(ticks)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_counts_from_the_start_of_the_process_whatever_its_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        assert_eq!(uptime_seconds(stat, "500.25 900.00\n", 100), Some(377));
        assert_eq!(uptime_seconds(stat, "1.0 1.0\n", 100), None);
        assert_eq!(uptime_seconds("", "", 100), None);
    }

    #[test]
    fn this_process_is_known() {
        let own = DaemonProcess::of(std::process::id());
        assert!(
            own.uptime_seconds.is_some() && own.memory_bytes.is_some_and(|bytes| bytes > 1 << 16),
            "{own:?}"
        );
    }
}
