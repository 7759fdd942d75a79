//! What came of attempts, until the database has it.

use super::worker::LaneKey;
use crate::{
    detect_db::{ActionResult, ConnectorPause, DetectDb, DetectThread, DueAction, RowWorker},
    reasons::with_reasons,
    sinks::SinkError,
};

/// What is to be kept.
#[derive(Default)]
pub(super) struct Unsettled {
    /// In their order.
    all: Vec<Settling>,
}

#[derive(Clone)]
enum Settling {
    /// By the number of the row, and who claimed it.
    Result((i64, RowWorker), ActionResult),
    Paused(ConnectorPause),
    Resumed(LaneKey),
    /// To this receiver.
    Moved(LaneKey, String),
    /// By the name of the action.
    Unparked(String),
}

impl Unsettled {
    /// What came of a row.
    pub(super) fn result(&mut self, due: &DueAction, result: ActionResult) {
        self.all.push(Settling::Result((due.id, due.claimed_by), result));
    }

    /// Whether everything is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many rows are done of which that is not kept.
    pub(super) fn count_done(&self) -> usize {
        let is_done = |one: &&Settling| matches!(one, Settling::Result(_, ActionResult::Done(_)));
        self.all.iter().filter(is_done).count()
    }

    /// A connector must wait.
    pub(super) fn paused(&mut self, pause: ConnectorPause) {
        self.all.push(Settling::Paused(pause));
    }

    /// A connector works again.
    pub(super) fn resumed(&mut self, lane: &LaneKey) {
        self.all.push(Settling::Resumed(lane.clone()));
    }

    /// A connector leads to another receiver.
    pub(super) fn moved(&mut self, lane: &LaneKey, receiver: &str) {
        self.all.push(Settling::Moved(lane.clone(), receiver.to_owned()));
    }

    /// An action works again, after a time in which only an operator could help.
    pub(super) fn unparked(&mut self, action: &str) {
        self.all.push(Settling::Unparked(action.to_owned()));
    }

    /// Keeps all of it; what cannot be kept now is kept later.
    pub(super) async fn settle(&mut self, database: &DetectThread, now: i64) {
        if self.all.is_empty() {
            return;
        }
        let mut all = self.all.clone();
        let left = database.run(move |db| {
            // A lock is waited for once, and not by each of them.
            db.ensure_writable()?;
            all.retain(|one| one.settle(db, now).is_err());
            Ok::<_, SinkError>(Self { all })
        });
        match left.await {
            Ok(left) => *self = left,
            Err(error) => {
                tracing::debug!(error = with_reasons(&error), "what came of actions is not kept yet");
            }
        }
    }
}

impl Settling {
    fn settle(&self, db: &mut DetectDb, now: i64) -> Result<(), SinkError> {
        match self {
            Self::Result(row, result) => db.settle_action(*row, result, now),
            Self::Paused(pause) => db.pause_connector(pause),
            Self::Resumed((space, connector)) => db.resume_connector(space, connector),
            Self::Moved((space, connector), receiver) => db.move_connector(space, connector, receiver),
            Self::Unparked(action) => db.unpark_actions(action, now),
        }
    }
}
