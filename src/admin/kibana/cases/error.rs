//! What is refused.

use axum::http::StatusCode;

use crate::{admin::kibana::KibanaError, cases::CaseError};

impl From<CaseError> for KibanaError {
    fn from(error: CaseError) -> Self {
        let status = match &error {
            CaseError::Invalid(_) => StatusCode::BAD_REQUEST,
            CaseError::Unchanged => StatusCode::NOT_ACCEPTABLE,
            CaseError::Unknown { .. } => StatusCode::NOT_FOUND,
            CaseError::Conflict(_) => StatusCode::CONFLICT,
            CaseError::Database(error) => return Self::internal(error),
        };
        Self::new(status, error.to_string())
    }
}
