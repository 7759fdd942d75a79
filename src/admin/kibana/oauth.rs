//! The two pages to which a browser returns from an authorization by OAuth. No connector of ccfd begins one, so they only
//! say that; nothing of the request is repeated in them.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use super::call::ApiCall;

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Authorization</title></head>
<body>
<h1>No authorization is in progress</h1>
<p>The connectors of ccfd do not authorize by OAuth. You can close this window.</p>
<script src=\"_oauth_callback_script\"></script>
</body>
</html>
";

const SCRIPT: &str = "\"use strict\";
window.opener?.postMessage({ type: \"oauth_flow_completed\", success: false }, window.location.origin);
";

/// The page may load its script, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; frame-ancestors 'none'";

pub(super) async fn page(_: ApiCall) -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    ([kind, (header::CONTENT_SECURITY_POLICY, POLICY)], PAGE).into_response()
}

pub(super) async fn script(_: ApiCall) -> Response {
    let kind = (header::CONTENT_TYPE, "application/javascript; charset=utf-8");
    ([kind, (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], SCRIPT).into_response()
}
