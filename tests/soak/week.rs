//! The week itself.

use std::{
    thread,
    time::{Duration, Instant},
};

use ccfd::simulator::SimulatedList;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    judge::judge,
    life::{End, Life, Lived},
    report::Report,
    scene::Scene,
    weather::Sky,
};
use crate::support::process::wait_until;

/// A day of the week.
const DAY: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(100);
/// On days on which processes end, one tick in so many ends one.
const END_ONE_IN: u32 = 60;
/// Every third day nothing ends, so that a process can show what it leaves behind.
const QUIET_DAY: u64 = 3;
const DELETE_ONE_IN: u32 = 100;

/// So many days, with chances drawn from this seed.
pub struct Week {
    pub days: f64,
    pub seed: u64,
}

/// The processes, one after the other.
struct Lives {
    /// Taken for a moment, between two.
    life: Option<Life>,
    lived: Vec<Lived>,
    stops: u64,
    kills: u64,
}

impl Week {
    pub fn run(&self) -> Report {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let scene = Scene::new(self.seed);
        let mut lives = Lives { life: Some(Life::start(&scene.site)), lived: Vec::new(), stops: 0, kills: 0 };
        let (mut sky, mut deleted, mut state_most) = (Sky::new(), 0, 0);
        let began = Instant::now();
        while began.elapsed() < DAY.mul_f64(self.days) {
            scene.traffic(&mut rng);
            sky.change(&scene, &mut rng);
            lives.life.iter_mut().for_each(Life::look);
            let day = began.elapsed().as_secs() / DAY.as_secs();
            if day % QUIET_DAY != QUIET_DAY - 1 && rng.random_ratio(1, END_ONE_IN) {
                lives.renew(&scene, &mut rng);
            }
            if rng.random_ratio(1, DELETE_ONE_IN) {
                deleted += scene.delete(&mut rng);
                state_most = scene.state_bytes().max(state_most);
                scene.elastic.server.forget();
            }
            // The pace of the traffic.
            thread::sleep(TICK);
        }
        sky.clear(&scene);
        wait_for_all(&scene);
        lives.end(End::Stopped);
        let Lives { lived, stops, kills, .. } = lives;
        let mut spoilt = scene.before.spoilt();
        for (fault, count) in scene.behind.spoilt() {
            *spoilt.entry(fault).or_default() += count;
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let lists = [SimulatedList::AuditLogs, SimulatedList::Completions];
        Report {
            days: self.days,
            seed: self.seed,
            wall: began.elapsed(),
            issued: lists.iter().map(|list| scene.site.simulator.issued(*list).len()).sum(),
            deleted,
            requests: scene.site.simulator.requests().values().sum(),
            stops,
            kills,
            outages: sky.outages,
            throttlings: sky.throttlings,
            spoilt,
            lives: lived,
            verdicts: judge(&scene),
            state_mib_most: mib(state_most),
            state_mib_last: mib(scene.state_bytes()),
        }
    }
}

impl Lives {
    fn end(&mut self, end: End) {
        self.lived.extend(self.life.take().map(|life| life.end(end)));
        match end {
            End::Stopped => self.stops += 1,
            End::Killed => self.kills += 1,
        }
    }

    /// Ends the process, and starts the next; sometimes that one is killed while it starts.
    fn renew(&mut self, scene: &Scene, rng: &mut StdRng) {
        self.end(if rng.random_bool(0.5) { End::Killed } else { End::Stopped });
        self.life = Some(Life::start(&scene.site));
        while rng.random_bool(0.3) {
            thread::sleep(Duration::from_micros(rng.random_range(500..60_000)));
            self.end(End::Killed);
            self.life = Some(Life::start(&scene.site));
        }
    }
}

/// Waits until what was issued has arrived everywhere, or no more comes.
fn wait_for_all(scene: &Scene) {
    wait_until("everything to arrive", || judge(scene).iter().all(|verdict| verdict.missing == 0));
}
