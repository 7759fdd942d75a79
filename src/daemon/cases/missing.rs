//! What a 404 means: that a case or a comment is not there, or that something else is wrong.

use http::Method;
use serde::Deserialize;

/// Whether a request names a case, in its path or its body.
pub(super) fn names_case(method: &Method, path: &str) -> bool {
    let of_one = path.strip_prefix("/api/cases/").is_some_and(|rest| !rest.starts_with("_find"));
    of_one || (*method == Method::PATCH && path == "/api/cases")
}

/// Whether a 404 is Kibana's own answer about what was named, not one about the path or the space.
pub(super) fn is_own_404(body: &[u8], said: &str) -> bool {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "statusCode")]
        status: u16,
    }
    let is_own = serde_json::from_slice::<Own>(body).is_ok_and(|own| own.status == 404);
    is_own && said != "Not Found" && !said.contains("[space/")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_404_concerns_one_case_only_if_kibana_itself_says_so_of_what_was_named() {
        let own = |message: &str| json!({ "statusCode": 404, "error": "Not Found", "message": message });
        let is_own =
            |body: &Value| is_own_404(body.to_string().as_bytes(), body["message"].as_str().unwrap());
        for of_case in [
            "Saved object [cases/1] not found",
            "These cases 1 do not exist. Please check you have the correct ids.",
            "This comment 1 does not exist anymore (id: 1).",
        ] {
            assert!(is_own(&own(of_case)), "{of_case}");
        }
        assert!(!is_own(&own("Not Found")) && !is_own(&own("Saved object [space/soc] not found")));
        assert!(!is_own_404(b"<html>", "no message"), "of a gateway");
        let names = |method: &Method, path: &str| names_case(method, path);
        assert!(names(&Method::GET, "/api/cases/1") && names(&Method::PATCH, "/api/cases"));
        assert!(!names(&Method::POST, "/api/cases") && !names(&Method::GET, "/api/cases/_find?page=1"));
    }
}
