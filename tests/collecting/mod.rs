//! Collecting alone: a reader, a map as the store, the simulator in the network's place.

mod anomalies;
mod bodies;
mod bounds;
mod conservation;
mod crowds;
mod gateways;
mod model;
mod nulls;
mod orders;
mod page_sizes;
mod refused_sizes;
mod restarts;
mod sequences;
mod spoilt;
mod toy_lists;
mod windows;

/// A test for each of the two lists.
macro_rules! for_both_lists {
    ($($name:ident = $run:ident($($argument:expr),*);)*) => {
        mod audit_logs {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                $run(SimulatedList::AuditLogs $(, $argument)*).await;
            })*
        }
        mod chat_completions {
            use super::*;
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                $run(SimulatedList::Completions $(, $argument)*).await;
            })*
        }
    };
}
use for_both_lists;
