//! Orders to a running daemon, and their answers. They are carried out one after the other.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::{
    backfill::{BackfillReport, BackfillWanted, Window},
    checkpoints::{Named, ResetWanted},
};

/// Orders that may wait for their turn.
const ORDERS_MAX: usize = 64;

/// Gives orders. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control(mpsc::Sender<Order>);

/// Where the daemon takes its orders from.
#[derive(Debug)]
pub struct Orders(mpsc::Receiver<Order>);

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The order or the configuration is wrong.
    #[error("{0}")]
    Usage(String),
    /// Something failed; trying again may help.
    #[error("{0}")]
    Failed(String),
    /// The daemon is coming to its end.
    #[error("the daemon is stopping")]
    Stopping,
}

/// What a reload did, by the names of routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Not there before.
    pub started: Vec<String>,
    /// Ended and started again.
    pub restarted: Vec<String>,
    /// Not configured any more.
    pub ended: Vec<String>,
    /// How many go on as they were.
    pub unchanged: usize,
    /// Sections of the settings that hold from the next start on.
    pub at_next_start: Vec<String>,
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, OrderError>>;

#[derive(Debug)]
pub(super) enum Order {
    Pause { collector: String, paused: bool, answer: Answer<Vec<String>> },
    Poll { collector: String, answer: Answer<Vec<String>> },
    Reset { wanted: ResetWanted, answer: Answer<Vec<Named>> },
    Reload { answer: Answer<Reloaded> },
    Backfill { wanted: BackfillWanted, answer: Answer<Window> },
    Backfills { answer: Answer<Vec<BackfillReport>> },
    StopBackfill { name: String, answer: Answer<()> },
}

/// A pair: who gives orders, and who takes them.
pub fn control() -> (Control, Orders) {
    let (sender, receiver) = mpsc::channel(ORDERS_MAX);
    (Control(sender), Orders(receiver))
}

impl Control {
    /// Ends the routes of a collector until it is resumed, over restarts too. Answers their names.
    pub async fn pause(&self, collector: &str) -> Result<Vec<String>, OrderError> {
        let collector = collector.to_owned();
        self.ask(|answer| Order::Pause { collector, paused: true, answer }).await
    }

    /// Starts the routes of a paused collector again. Answers their names.
    pub async fn resume(&self, collector: &str) -> Result<Vec<String>, OrderError> {
        let collector = collector.to_owned();
        self.ask(|answer| Order::Pause { collector, paused: false, answer }).await
    }

    /// Cuts the waits of a collector's routes short: the next poll is due, a parked one tries again. Answers their names.
    pub async fn poll(&self, collector: &str) -> Result<Vec<String>, OrderError> {
        let collector = collector.to_owned();
        self.ask(|answer| Order::Poll { collector, answer }).await
    }

    /// Forgets checkpoints, and starts their routes anew. Answers what they were.
    pub async fn reset(&self, wanted: ResetWanted) -> Result<Vec<Named>, OrderError> {
        self.ask(|answer| Order::Reset { wanted, answer }).await
    }

    /// Reads the configuration again and restarts the routes that it changes. A faulty one changes nothing.
    pub async fn reload(&self) -> Result<Reloaded, OrderError> {
        self.ask(|answer| Order::Reload { answer }).await
    }

    /// Begins a backfill, unless nothing of it is left.
    pub async fn backfill(&self, wanted: BackfillWanted) -> Result<Window, OrderError> {
        self.ask(|answer| Order::Backfill { wanted, answer }).await
    }

    /// The backfills of this process, those that ended too.
    pub async fn backfills(&self) -> Result<Vec<BackfillReport>, OrderError> {
        self.ask(|answer| Order::Backfills { answer }).await
    }

    /// Ends a backfill where it is; the same command goes on from there.
    pub async fn stop_backfill(&self, name: &str) -> Result<(), OrderError> {
        let name = name.to_owned();
        self.ask(|answer| Order::StopBackfill { name, answer }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, OrderError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(order(answer)).await.map_err(|_| OrderError::Stopping)?;
        answered.await.unwrap_or(Err(OrderError::Stopping))
    }
}

impl Orders {
    /// The next order; waits for ever when nobody is left who could give one.
    pub(super) async fn next(&mut self) -> Order {
        match self.0.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        }
    }
}
