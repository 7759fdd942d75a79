//! Connectors: what ccfd does in other systems when somebody runs one, or an alert does. Their types, settings, results
//! and errors are those of Kibana's connectors, so that scripts written for Kibana work unchanged.
//!
//! | file | what it has |
//! | --- | --- |
//! | `connector` | one connector: its id, its type, its settings without secrets |
//! | `connector_type` | what a type must say and do; each type has a folder named after it |
//! | `run` | one run: its parameters, its result or its failure |
//! | `error` | why a connector cannot be made, changed or run |
//! | `fields`, `said`, `response`, `stable_id` | what several types need: strict reading, texts of other systems, statuses, names |
//! | `receiver` | who is asked when a connector runs |
//! | `progress` | which parts of a run are done |
//! | `unwritten` | what the database is to know of runs, while another process has locked it |
//! | `param_language` | the language of a text of the parameters |
//! | `catalogue` | the types that ccfd has |
//! | `cases` | the type of the system's own connector, which only actions of alerts use |
//! | `other_types` | the types of Kibana that it does not have |
//! | `registry` | the connectors that there are: made, changed, listed, run |
//! | `recorded` | what is kept of a run |
//! | `stream_timing` | when the pieces of a stream come, for a test of a connector |
//!
//! Nothing here knows HTTP's side of Kibana (`admin/kibana/`), rules or alerts.

mod cases;
mod catalogue;
mod connector;
mod connector_type;
mod email;
mod error;
mod fields;
pub mod gen_ai;
pub mod index;
mod other_types;
pub mod outgoing;
mod pagerduty;
mod param_language;
mod progress;
mod receiver;
mod recorded;
mod registry;
mod response;
mod run;
pub mod said;
mod server_log;
mod servicenow;
mod slack;
mod stable_id;
mod stream_timing;
mod unwritten;
mod webhook;

pub use self::{
    cases::CASES_TYPE_ID,
    catalogue::{TYPES, connector_type, other_types},
    connector::{Connector, ConnectorId, ConnectorSecrets, IdError},
    connector_type::{ConnectorType, Feature, Licence, TypeInfo},
    error::ConnectorError,
    param_language::{ParamLanguage, each_text},
    progress::{CreationMark, RunProgress},
    receiver::receiver,
    recorded::BegunRun,
    registry::{
        ConnectorChange, ListedConnector, ListedType, NewConnector, PreconfiguredProblem, ReadyConnector,
        Registry, SYSTEM_CONNECTOR,
    },
    run::{
        Caller, ErrorSource, Retry, RunContext, RunFailure, RunOutput, StreamEnd, StreamEnding, TokenUsage,
        UNEXPECTED,
    },
    servicenow::parts_of_gone_incident,
    stream_timing::StreamTiming,
};
