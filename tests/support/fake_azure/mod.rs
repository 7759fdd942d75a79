//! An Entra authority and a Logs Ingestion endpoint that knows its tokens. Two servers, so that each has its own script.

mod analytics;
mod entra;
mod ingestion;

pub use analytics::{Analytics, WORKSPACE};
pub use entra::Entra;
use http::StatusCode;
pub use ingestion::{Ingestion, Loss};
use serde_json::json;

use super::fake::{Ca, Reply};

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT_ID: &str = "66666666-7777-8888-9999-000000000000";
pub const CLIENT_SECRET: &str = "verysecretclientsecret";
/// What the file of a workload identity holds.
pub const ASSERTION: &str = "eyJhbGciOiJub25lIn0.e30.verysecretassertion";
/// What `IDENTITY_HEADER` holds on App Service.
pub const IDENTITY_HEADER: &str = "verysecretidentityheader";
pub const DCR: &str = "dcr-0123456789abcdef0123456789abcdef";

/// Both, behind TLS.
pub struct Azure {
    pub ca: Ca,
    pub entra: Entra,
    pub ingestion: Ingestion,
}

impl Azure {
    pub fn start() -> Self {
        let ca = Ca::new();
        let entra = Entra::start(Some(ca.server()));
        let ingestion = Ingestion::start(Some(ca.server()), &entra);
        Self { ca, entra, ingestion }
    }
}

/// An answer in the error envelope of the Logs Ingestion API, for scripts.
pub fn ingestion_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message } }))
}

/// An answer in the error envelope of Entra, for scripts: `entra_error(401, "invalid_client", 7000215)`.
pub fn entra_error(status: u16, error: &str, code: u32) -> Reply {
    let reason = StatusCode::from_u16(status).unwrap();
    Reply::json(
        status,
        &json!({
            "error": error,
            "error_description": format!("AADSTS{code}: {reason}. Trace ID: 1 Correlation ID: 2"),
            "error_codes": [code],
            "timestamp": "2026-01-01 00:00:00Z",
            "trace_id": "00000000-0000-0000-0000-000000000001",
            "correlation_id": "00000000-0000-0000-0000-000000000002",
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}
