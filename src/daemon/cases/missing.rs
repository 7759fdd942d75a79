//! Whether a refusal is Kibana's own, and what its 404 means: that a case or a comment is not there, or that something else is
//! wrong.

use collectors::Response;
use http::Method;
use serde::Deserialize;

/// Whether a request names a case, in its path or its body.
pub(super) fn names_case(method: &Method, path: &str) -> bool {
    let of_one = path.strip_prefix("/api/cases/").is_some_and(|rest| !rest.starts_with("_find"));
    of_one || (*method == Method::PATCH && path == "/api/cases")
}

/// Whether an answer comes from Kibana itself, which repeats the status in the body.
pub(super) fn is_own(answer: &Response) -> bool {
    #[derive(Deserialize)]
    struct Own {
        #[serde(rename = "statusCode")]
        status: u16,
    }
    serde_json::from_slice::<Own>(&answer.body).is_ok_and(|own| own.status == answer.status.as_u16())
}

/// What Kibana's 404 is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KibanaMissing {
    /// A case.
    Case,
    /// A comment of one.
    Comment,
    /// The space, or the whole path.
    Place,
    /// Unknown: other servers answer in the same form, and say that they have no such route.
    Unknown,
}

impl KibanaMissing {
    /// That of a 404 with this text. Kibana puts words of its own before the reason.
    pub(super) fn of(said: &str) -> Self {
        let is_object = |kind: &str| {
            let named =
                said.split_once("Saved object [").and_then(|(_, rest)| rest.split_once("] not found"));
            named.is_some_and(|(name, _)| name.split_once('/').is_some_and(|(known, _)| known == kind))
        };
        let does_not_exist = |what: &str| {
            said.split_once(what)
                .is_some_and(|(_, rest)| rest.contains(" does not exist") || rest.contains(" do not exist"))
        };
        match said {
            _ if is_object("cases-comments") || does_not_exist("This comment ") => Self::Comment,
            _ if is_object("cases") || does_not_exist("This case ") || does_not_exist("These cases ") => {
                Self::Case
            }
            _ if said == "Not Found" || is_object("space") => Self::Place,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        let status = StatusCode::from_u16(status).unwrap();
        Response { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn an_answer_is_kibanas_own_if_it_repeats_its_status() {
        let own = json!({ "statusCode": 403, "error": "Forbidden", "message": "no" }).to_string();
        assert!(is_own(&answer(403, &own)));
        for (status, body) in
            [(403, "<html>"), (403, ""), (404, "{\"message\":\"Not Found\"}"), (404, own.as_str())]
        {
            assert!(!is_own(&answer(status, body)), "{status} {body}");
        }
    }

    #[test]
    fn a_404_concerns_one_case_only_if_kibana_says_so_of_what_was_named() {
        for of_case in [
            "Saved object [cases/1] not found",
            "These cases 1 do not exist. Please check you have the correct ids.",
            "Failed to patch comment case id: 1: Error: This case 1 does not exist",
        ] {
            assert_eq!(KibanaMissing::of(of_case), KibanaMissing::Case, "{of_case}");
        }
        for of_comment in [
            "This comment 1 does not exist anymore (id: 1).",
            "Failed to delete comment: 1 comment id: 2: Error: This comment 2 does not exist in 1.",
            "Failed to patch comment case id: 1: Error: Saved object [cases-comments/2] not found",
        ] {
            assert_eq!(KibanaMissing::of(of_comment), KibanaMissing::Comment, "{of_comment}");
        }
        for place in ["Not Found", "Saved object [space/soc] not found"] {
            assert_eq!(KibanaMissing::of(place), KibanaMissing::Place, "{place}");
        }
        for other in [
            "Route PATCH:/s/soc/api/cases/1/comments not found",
            "no Route matched with those values",
            "",
            "Saved object [cases-configure/1] not found",
        ] {
            assert_eq!(KibanaMissing::of(other), KibanaMissing::Unknown, "{other}");
        }
        let names = |method: &Method, path: &str| names_case(method, path);
        assert!(names(&Method::GET, "/api/cases/1") && names(&Method::PATCH, "/api/cases"));
        assert!(!names(&Method::POST, "/api/cases") && !names(&Method::GET, "/api/cases/_find?page=1"));
    }
}
