//! One process, watched from its start to its end.

use std::time::{Duration, Instant};

use crate::support::{
    observed::Observed,
    process_kill::{Process, Site},
};

/// A stop that was asked for ends within the setting's ten seconds, and some for what must be closed.
const STOP_MAX: Duration = Duration::from_secs(15);

/// A running process.
pub struct Life {
    process: Process,
    observed: Observed,
    began: Instant,
    looks: Vec<Look>,
    cpu_seconds: f64,
}

#[derive(Clone, Copy)]
struct Look {
    at: Duration,
    resident_mib: f64,
    descriptors: usize,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Stopped,
    Killed,
}

/// What was seen of a process that ended.
#[derive(Clone, Copy, Debug)]
pub struct Lived {
    pub time: Duration,
    pub first: Most,
    pub last: Most,
    /// Lines that say that something is tried again.
    pub retries: usize,
    /// Up to the last look.
    pub cpu_seconds: f64,
}

/// The most of a quarter of a life.
#[derive(Clone, Copy, Debug, Default)]
pub struct Most {
    pub resident_mib: f64,
    pub descriptors: usize,
}

impl Life {
    pub fn start(site: &Site) -> Self {
        let process = site.start(&["run"]);
        let observed = Observed::of(process.id());
        Self { process, observed, began: Instant::now(), looks: Vec::new(), cpu_seconds: 0.0 }
    }

    pub fn look(&mut self) {
        assert!(!self.observed.has_ended(), "ccfd ended by itself");
        self.cpu_seconds = self.observed.cpu_seconds();
        self.looks.push(Look {
            at: self.began.elapsed(),
            resident_mib: self.observed.mib("VmRSS"),
            descriptors: self.observed.descriptors(),
        });
    }

    /// Ends it. Nothing that it has said is for a person.
    pub fn end(self, end: End) -> Lived {
        let time = self.began.elapsed();
        let ended = match end {
            End::Killed => self.process.kill_after(Duration::ZERO),
            End::Stopped => {
                let ended = self.process.terminate_after(Duration::ZERO);
                assert!(ended.status.success(), "{:?}: {}", ended.status, ended.log);
                assert!(ended.took < STOP_MAX, "a stop took {:?}", ended.took);
                ended
            }
        };
        ended.assert_nothing_for_a_person();
        let retries = ended.log.lines().filter(|line| line.contains("trying again")).count();
        let most = |from: u32, to: u32| {
            let quarter =
                self.looks.iter().filter(|look| look.at >= time * from / 4 && look.at <= time * to / 4);
            quarter.fold(Most::default(), |most, look| Most {
                resident_mib: most.resident_mib.max(look.resident_mib),
                descriptors: most.descriptors.max(look.descriptors),
            })
        };
        Lived { time, first: most(0, 1), last: most(3, 4), retries, cpu_seconds: self.cpu_seconds }
    }
}
