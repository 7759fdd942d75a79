//! Works through the outbox of actions: what alerts have to do in other systems. Nothing waits for it. Each action is done at
//! least once, with the same key each time, so that a receiver that knows the key does it once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `worker` | the loop: what is due is begun, and what came of it is kept |
//! | `clock` | a clock that was set back |
//! | `change` | other actions in the settings |
//! | `turns` | what is begun, of what is due |
//! | `judge` | what follows from an attempt |
//! | `lane` | what leads to one connector: how much at a time, and how long it pauses after a failure |
//! | `attempt` | one attempt: the connector is run, a model is asked, or cases are made |
//! | `ask` | a model is asked about an alert |
//! | `follow` | where connectors lead that were asked to wait |
//! | `fit` | whether the parameters fit the connector |
//! | `outcome` | what follows from an answer |
//! | `settle` | what came of attempts, until the database has it |
//! | `shown` | what is shown of an action |
//! | `variables` | what a template may show of an alert |

mod ask;
mod attempt;
mod change;
mod clock;
mod fit;
mod follow;
mod judge;
mod lane;
mod outcome;
mod settle;
mod shown;
#[cfg(test)]
mod tests;
mod turns;
mod variables;
mod worker;

use std::sync::Arc;

use tokio::sync::watch;

use self::worker::ActionWorker;
use super::{
    assembly::Assembly,
    background::{BackgroundWork, WorkEnd},
    supervisor::Supervisor,
};
use crate::{detect_db::FILE_NAME, pipeline::policy::Failure};

/// Begins the actions of this process.
pub fn begin(supervisor: &Supervisor) -> BackgroundWork {
    BackgroundWork::begin("actions of alerts", supervisor, has_work, work)
}

/// Without actions there may be what earlier ones left.
fn has_work(assembly: &Arc<Assembly>) -> bool {
    !assembly.config.alerts.actions.is_empty() || assembly.config.state.dir.join(FILE_NAME).exists()
}

/// Does what is due until the end. Actions that change meanwhile concern no others; connectors take up their own changes.
async fn work(mut current: watch::Receiver<Arc<Assembly>>, end: WorkEnd) -> Vec<Failure> {
    let assembly = current.borrow_and_update().clone();
    if !has_work(&assembly) {
        return Vec::new();
    }
    let (changes, settings) = watch::channel(assembly.config.alerts.actions.clone());
    let worker = ActionWorker::of(&assembly, settings);
    let follow = async {
        while current.changed().await.is_ok() {
            let now = current.borrow_and_update().config.alerts.actions.clone();
            changes.send_if_modified(|before| {
                let is_changed = *before != now;
                *before = now;
                is_changed
            });
        }
        // The routes have ended, and may have left actions.
        std::future::pending().await
    };
    tokio::select! {
        failures = worker.run(end.stop, end.drains) => failures,
        failures = follow => failures,
    }
}
