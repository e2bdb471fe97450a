//! What to do about the status of an answer. Pure.

use http::StatusCode;
use tidegate_artifact::{LoadError, LoadReason, Stage};

/// The error for an answer with another status than 200. `who` answered; `with_headers` says whether the request brought
/// headers of its own.
pub(crate) fn refused(status: StatusCode, who: &str, with_headers: bool) -> LoadError {
    LoadError {
        status: Some(status.as_u16()),
        ..LoadError::new(
            Stage::Read,
            LoadReason::HttpStatus,
            format!("{who} answers with {status}"),
            hint(status, with_headers),
        )
    }
}

fn hint(status: StatusCode, with_headers: bool) -> &'static str {
    match (status, with_headers) {
        (StatusCode::UNAUTHORIZED, false) => {
            "it wants to know who asks: send a header, for example Authorization, from a Secret (headers or headersFrom of \
             the source)"
        }
        (StatusCode::UNAUTHORIZED, true) => {
            "the headers that were sent do not convince it: check that the token is right and has not expired, and how \
             the server wants it written (`Bearer TOKEN`, `token TOKEN`, `Basic …`)"
        }
        (StatusCode::FORBIDDEN, _) => {
            "who asks may not read this: give the token the right to, renew a signed URL that has expired, and see whether \
             the server limits how often, or from where, it is asked"
        }
        (StatusCode::NOT_FOUND, false) => {
            "check the URL. Some servers answer so to whoever may not read the file: an asset of a private release needs \
             the API's address of the asset, and the headers Authorization (from a Secret) and Accept: \
             application/octet-stream"
        }
        (StatusCode::NOT_FOUND, true) => {
            "check the URL, and that the token in the headers may read it. An asset of a private release needs the API's \
             address of the asset, and the header Accept: application/octet-stream as well"
        }
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, _) => {
            "the proxy wants to know who asks: put user name and password into its URL, http://USER:PASSWORD@HOST:PORT"
        }
        (StatusCode::GONE, _) => "the file was removed for good: choose a newer version, and pin its digest",
        (StatusCode::NOT_ACCEPTABLE, _) => "send the header Accept with what the server has, or */*",
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            "it is asked too often: wait, send a token that has a larger allowance, or serve the file from somewhere nearer"
        }
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY, _) => {
            "it passes by itself, as a rule: try again later"
        }
        (status, _) if status.is_server_error() => {
            "the server, or a proxy in front of it, has a problem: see its log. It is tried again later"
        }
        (status, _) if status.is_redirection() => {
            "give the address of the file itself, as `curl --location --verbose` shows it"
        }
        (status, _) if status.is_success() => {
            "only 200 with the whole file will do: check what the server has there"
        }
        _ => "check the URL and the headers, and see the server's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_remedy() {
        for code in 100..600 {
            let status = StatusCode::from_u16(code).unwrap();
            for with_headers in [false, true] {
                let error = refused(status, "https://a.example/p", with_headers);
                assert_eq!((error.reason, error.status), (LoadReason::HttpStatus, Some(code)));
                assert!(error.message.contains(&code.to_string()) && !error.hint.is_empty());
            }
        }
    }

    #[test]
    fn who_sent_no_header_is_told_of_them() {
        for status in [StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND] {
            assert_ne!(refused(status, "", false).hint, refused(status, "", true).hint);
        }
        assert!(refused(StatusCode::NOT_FOUND, "", false).hint.contains("application/octet-stream"));
    }
}
