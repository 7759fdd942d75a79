//! Why a connector cannot be made, changed or run, in Kibana's words.

use crate::sinks::SinkError;

/// The status of the response follows from the kind, in `admin/kibana/`.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The request is malformed.
    #[error("{0}")]
    Malformed(String),
    /// No type has this id.
    #[error("Action type \"{0}\" is not registered.")]
    UnknownType(String),
    /// ccfd knows the type and does not have it.
    #[error("action type \"{0}\" is not enabled in the Kibana config xpack.actions.enabledActionTypes")]
    Disabled(String),
    /// No space has this id, or it was deleted meanwhile.
    #[error("there is no space `{0}`")]
    NoSpace(String),
    /// The settings are invalid.
    #[error("error validating connector type config: {0}")]
    Config(String),
    /// The secrets are invalid.
    #[error("error validating connector type secrets: {0}")]
    Secrets(String),
    /// Settings and secrets do not fit together.
    #[error("error validating action type connector: {0}")]
    Pair(String),
    /// No connector of this space has this id.
    #[error("Saved object [action/{0}] not found")]
    NotFound(String),
    /// It is one of the system, which nobody reads.
    #[error("Connector {0} not found")]
    ReadSystem(String),
    /// Another connector has this id.
    #[error("Saved object [action/{0}] conflict")]
    Conflict(String),
    /// The settings have a connector with this id.
    #[error("This {0} already exists in a preconfigured action.")]
    TakenByPreconfigured(String),
    /// It is one of the settings.
    #[error("Preconfigured action {0} can not be updated.")]
    UpdatePreconfigured(String),
    /// It is one of the settings.
    #[error("Preconfigured action {0} can not be deleted.")]
    DeletePreconfigured(String),
    /// Nobody creates connectors of the system.
    #[error("System action creation is forbidden. Action type: {0}.")]
    CreateSystem(String),
    /// Nobody changes them.
    #[error("System action {0} can not be updated.")]
    UpdateSystem(String),
    /// Nobody deletes them.
    #[error("System action {0} can not be deleted.")]
    DeleteSystem(String),
    /// Only rules run them.
    #[error("Execution of system action is not allowed")]
    RunSystem,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SinkError),
    /// The store of secrets failed.
    #[error("the store of secrets: {0}")]
    SecretStore(String),
}
