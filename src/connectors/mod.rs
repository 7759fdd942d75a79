//! Connectors: what ccfd does in other systems when somebody runs one, or an alert does. Their types, settings, results
//! and errors are those of Kibana's connectors, so that scripts written for Kibana work unchanged.
//!
//! | file | what it has |
//! | --- | --- |
//! | `connector` | one connector: its id, its type, its settings without secrets |
//! | `connector_type` | what a type must say and do; each type has a folder named after it |
//! | `run` | one run: its parameters, its result or its failure |
//! | `error` | why a connector cannot be made, changed or run |
//!
//! Nothing here knows HTTP's side of Kibana (`admin/kibana/`), rules or alerts.

mod connector;
mod connector_type;
mod error;
pub mod index;
pub mod outgoing;
mod run;

pub use self::{
    connector::{Connector, ConnectorId, ConnectorSecrets, IdError},
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    error::ConnectorError,
    run::{Caller, ErrorSource, Retry, RunContext, RunFailure, RunOutput, TokenUsage, UNEXPECTED},
};
