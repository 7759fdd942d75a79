//! What came of attempts, until the database has it.

use crate::{
    detect_db::{ActionResult, ConnectorPause, DetectThread},
    reasons::with_reasons,
    sinks::SinkError,
};

/// What is to be kept.
#[derive(Default)]
pub(super) struct Unsettled {
    /// By the number of the row.
    results: Vec<(i64, ActionResult)>,
    asked: Vec<ConnectorPause>,
}

impl Unsettled {
    /// What came of a row.
    pub(super) fn result(&mut self, id: i64, result: ActionResult) {
        self.results.push((id, result));
    }

    /// A connector must wait.
    pub(super) fn asked(&mut self, pause: ConnectorPause) {
        self.asked.push(pause);
    }

    /// Keeps all of it; what cannot be kept now is kept later.
    pub(super) async fn settle(&mut self, database: &DetectThread, now: i64) {
        if self.results.is_empty() && self.asked.is_empty() {
            return;
        }
        let (results, asked) = (self.results.clone(), self.asked.clone());
        let left = database.run(move |db| {
            let asked = asked.into_iter().filter(|pause| db.pause_connector(pause).is_err()).collect();
            let is_left = |(id, result): &(i64, ActionResult)| db.settle_action(*id, result, now).is_err();
            Ok::<_, SinkError>(Self { asked, results: results.into_iter().filter(is_left).collect() })
        });
        match left.await {
            Ok(left) => *self = left,
            Err(error) => {
                tracing::debug!(error = with_reasons(&error), "what came of actions is not kept yet");
            }
        }
    }
}
