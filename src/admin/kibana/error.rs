//! Every error of these paths, in the envelope of Kibana.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    admin::body::BodyError, connectors::ConnectorError, detect_db::SpaceError, reasons::with_reasons,
    sinks::SinkError,
};

/// What a request is refused with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct KibanaError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    #[serde(rename = "statusCode")]
    status_code: u16,
    error: &'a str,
    message: &'a str,
}

impl KibanaError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The status alone says what is wrong.
    pub(super) fn bare(status: StatusCode) -> Self {
        Self::new(status, reason(status))
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn not_found() -> Self {
        Self::bare(StatusCode::NOT_FOUND)
    }

    /// What failed is only logged: it names files.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = with_reasons(error), "request to the connectors' API failed");
        let message = "An internal server error occurred. Check the log of ccfd for details.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        StatusCode::REQUEST_TIMEOUT => "Request Time-out",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

impl IntoResponse for KibanaError {
    fn into_response(self) -> Response {
        let Self { status, message } = &self;
        let envelope = ErrorEnvelope { status_code: status.as_u16(), error: reason(*status), message };
        let mut response = (*status, Json(envelope)).into_response();
        let headers = response.headers_mut();
        if *status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
        }
        if *status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<ConnectorError> for KibanaError {
    fn from(error: ConnectorError) -> Self {
        let status = match &error {
            // As of a request for a space that is unknown.
            ConnectorError::NoSpace(_) => return Self::not_found(),
            ConnectorError::Malformed(_)
            | ConnectorError::UnknownType(_)
            | ConnectorError::Config(_)
            | ConnectorError::Secrets(_)
            | ConnectorError::Pair(_)
            | ConnectorError::TakenByPreconfigured(_)
            | ConnectorError::UpdatePreconfigured(_)
            | ConnectorError::DeletePreconfigured(_)
            | ConnectorError::CreateSystem(_)
            | ConnectorError::UpdateSystem(_)
            | ConnectorError::DeleteSystem(_)
            | ConnectorError::RunSystem => StatusCode::BAD_REQUEST,
            ConnectorError::Disabled(_) => StatusCode::FORBIDDEN,
            ConnectorError::NotFound(_) | ConnectorError::ReadSystem(_) => StatusCode::NOT_FOUND,
            ConnectorError::Conflict(_) => StatusCode::CONFLICT,
            ConnectorError::Database(_) | ConnectorError::SecretStore(_) => return Self::internal(&error),
        };
        Self::new(status, error.to_string())
    }
}

impl From<SpaceError> for KibanaError {
    fn from(error: SpaceError) -> Self {
        let status = match &error {
            SpaceError::Taken(_) => StatusCode::CONFLICT,
            SpaceError::TooMany | SpaceError::Reserved(_) => StatusCode::BAD_REQUEST,
            SpaceError::Unknown => StatusCode::NOT_FOUND,
            SpaceError::Database(_) => return Self::internal(&error),
        };
        Self::new(status, error.to_string())
    }
}

impl From<SinkError> for KibanaError {
    fn from(error: SinkError) -> Self {
        Self::internal(&error)
    }
}

impl From<BodyError> for KibanaError {
    fn from(error: BodyError) -> Self {
        let message = match error {
            BodyError::TooLarge { max } => {
                format!("Payload content length greater than maximum allowed: {max}")
            }
            BodyError::TooMuch => "Request payload has too many values".to_owned(),
            BodyError::TooSlow => "Request payload did not arrive in time".to_owned(),
            BodyError::Cut => "Request payload is incomplete".to_owned(),
            BodyError::Busy => "Too many large requests at once, try again later".to_owned(),
        };
        Self::new(error.status(), message)
    }
}
