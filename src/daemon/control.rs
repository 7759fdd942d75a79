//! Orders to a running daemon, and their results. They run one at a time.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::{
    backfill::{BackfillReport, BackfillWanted, Window},
    checkpoints::{NamedCheckpoint, ResetWanted},
    verification::{Started, VerificationStatus, VerifyWanted},
};

/// The most orders that wait.
const ORDERS_MAX: usize = 64;

/// Sends orders. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control(mpsc::Sender<Order>);

/// Receives orders.
#[derive(Debug)]
pub struct Orders(mpsc::Receiver<Order>);

/// Why an order was not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The order or the configuration is wrong.
    #[error("{0}")]
    Usage(String),
    /// It failed; trying again may help.
    #[error("{0}")]
    Failed(String),
    /// The daemon is shutting down.
    #[error("the daemon is stopping")]
    Stopping,
}

/// The effect of a reload, as names of routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// New.
    pub started: Vec<String>,
    /// Stopped and started again.
    pub restarted: Vec<String>,
    /// No longer configured.
    pub ended: Vec<String>,
    /// How many continue unchanged.
    pub unchanged: usize,
    /// Sections of the settings that take effect at the next start.
    pub at_next_start: Vec<String>,
}

pub(super) type AnswerSender<T> = oneshot::Sender<Result<T, OrderError>>;

#[derive(Debug)]
pub(super) enum Order {
    Pause { collector: String, paused: bool, answer: AnswerSender<Vec<String>> },
    Poll { collector: String, answer: AnswerSender<Vec<String>> },
    Reset { wanted: ResetWanted, answer: AnswerSender<Vec<NamedCheckpoint>> },
    Reload { answer: AnswerSender<Reloaded> },
    Backfill { wanted: BackfillWanted, answer: AnswerSender<Window> },
    Backfills { answer: AnswerSender<Vec<BackfillReport>> },
    StopBackfill { name: String, answer: AnswerSender<()> },
    Verify { wanted: VerifyWanted, answer: AnswerSender<Started> },
    Verifications { answer: AnswerSender<Vec<VerificationStatus>> },
    StopVerification { run: String, answer: AnswerSender<()> },
}

/// A connected pair.
pub fn control() -> (Control, Orders) {
    let (sender, receiver) = mpsc::channel(ORDERS_MAX);
    (Control(sender), Orders(receiver))
}

impl Control {
    /// Stops the routes of a collector until it is resumed, also over restarts. Returns their names.
    pub async fn pause(&self, collector: &str) -> Result<Vec<String>, OrderError> {
        let collector = collector.to_owned();
        self.ask(|answer| Order::Pause { collector, paused: true, answer }).await
    }

    /// Starts the routes of a paused collector again. Returns their names.
    pub async fn resume(&self, collector: &str) -> Result<Vec<String>, OrderError> {
        let collector = collector.to_owned();
        self.ask(|answer| Order::Pause { collector, paused: false, answer }).await
    }

    /// Ends the waits of a collector's routes: the next poll is due, a parked one retries. Returns their
    /// names.
    pub async fn poll(&self, collector: &str) -> Result<Vec<String>, OrderError> {
        let collector = collector.to_owned();
        self.ask(|answer| Order::Poll { collector, answer }).await
    }

    /// Removes checkpoints, and restarts their routes. Returns what they were.
    pub async fn reset(&self, wanted: ResetWanted) -> Result<Vec<NamedCheckpoint>, OrderError> {
        self.ask(|answer| Order::Reset { wanted, answer }).await
    }

    /// Reads the configuration again and restarts the routes that it changes. An invalid one changes nothing.
    pub async fn reload(&self) -> Result<Reloaded, OrderError> {
        self.ask(|answer| Order::Reload { answer }).await
    }

    /// Starts a backfill, unless all of it is read.
    pub async fn backfill(&self, wanted: BackfillWanted) -> Result<Window, OrderError> {
        self.ask(|answer| Order::Backfill { wanted, answer }).await
    }

    /// The backfills of this process, including those that ended.
    pub async fn backfills(&self) -> Result<Vec<BackfillReport>, OrderError> {
        self.ask(|answer| Order::Backfills { answer }).await
    }

    /// Stops a backfill; the same command continues it.
    pub async fn stop_backfill(&self, name: &str) -> Result<(), OrderError> {
        let name = name.to_owned();
        self.ask(|answer| Order::StopBackfill { name, answer }).await
    }

    /// Starts a verification.
    pub async fn verify(&self, wanted: VerifyWanted) -> Result<Started, OrderError> {
        self.ask(|answer| Order::Verify { wanted, answer }).await
    }

    /// The verifications of this process, including those that ended.
    pub async fn verifications(&self) -> Result<Vec<VerificationStatus>, OrderError> {
        self.ask(|answer| Order::Verifications { answer }).await
    }

    /// Stops a verification.
    pub async fn stop_verification(&self, run: &str) -> Result<(), OrderError> {
        let run = run.to_owned();
        self.ask(|answer| Order::StopVerification { run, answer }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(AnswerSender<T>) -> Order) -> Result<T, OrderError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(order(answer)).await.map_err(|_| OrderError::Stopping)?;
        answered.await.unwrap_or(Err(OrderError::Stopping))
    }
}

impl Orders {
    /// The next order; waits for ever if no sender is left.
    pub(super) async fn next(&mut self) -> Order {
        match self.0.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        }
    }
}
