//! Where a redirect leads, and whether anybody follows. Pure.

use http::StatusCode;
use tidegate_artifact::shown;
use url::Url;

use crate::error::MeasureError;
use crate::question::Question;

/// How many redirects are followed (Argo Rollouts).
pub(crate) const MOST_REDIRECTS: usize = 10;

const HINT: &str = "give the address that it leads to in the metric, if that is the right one";

/// Whether a status with a header `Location` is a redirect that clients follow.
pub(crate) fn leads_on(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The question to ask instead.
///
/// # Errors
/// When it leads to where this question should not go.
pub(crate) fn follow(
    question: &Question,
    status: StatusCode,
    location: &[u8],
    followed: usize,
) -> Result<Question, MeasureError> {
    let refused = |problem: String| MeasureError::Redirect {
        asked: question.shown(),
        status: status.as_u16(),
        problem,
        hint: HINT,
    };
    let here = &question.url;
    let text = std::str::from_utf8(location).ok();
    let Some(mut there) = text.and_then(|text| here.join(text).ok()) else {
        return Err(refused("leads to no address".to_owned()));
    };
    there.set_fragment(None);
    let target = shown(&there);
    if followed >= MOST_REDIRECTS {
        return Err(refused(format!("is one redirect more than {MOST_REDIRECTS}, to {target}")));
    }
    if !matches!(there.scheme(), "http" | "https") {
        return Err(refused(format!("leads to {}:, which is no web server", there.scheme())));
    }
    if here.scheme() == "https" && there.scheme() == "http" {
        return Err(refused(format!("leads from https to plain http, {target}")));
    }
    if !there.username().is_empty() || there.password().is_some() {
        return Err(refused(format!("leads to an address with a user name or a password, {target}")));
    }
    let mut next = Question { url: there, ..question.clone() };
    if !(question.is_query && status != StatusCode::SEE_OTHER
        || matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT))
    {
        next.without_body();
    }
    if next.is_confidential() && !is_same_server(here, &next.url) {
        return Err(refused(format!(
            "leads to another server, {target}, which must not get the headers or the body that are for this one"
        )));
    }
    Ok(next)
}

/// Whether two addresses are of one server. The usual way from http to https counts as one.
fn is_same_server(here: &Url, there: &Url) -> bool {
    let is_upgrade = here.scheme() == "http"
        && there.scheme() == "https"
        && here.port().is_none()
        && there.port().is_none();
    let is_same =
        here.scheme() == there.scheme() && here.port_or_known_default() == there.port_or_known_default();
    here.host() == there.host() && (is_same || is_upgrade)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, Method};

    fn question(method: Method, url: &str, is_query: bool) -> Question {
        let body = (method != Method::GET).then(|| "body".to_owned());
        let mut headers = HeaderMap::new();
        if body.is_some() {
            headers.insert("content-type", HeaderValue::from_static("text/plain"));
        }
        Question { method, url: url.parse().unwrap(), headers, body, is_query }
    }

    fn led(question: &Question, status: u16, location: &str) -> Result<(Method, bool, String), MeasureError> {
        let next = follow(question, StatusCode::from_u16(status).unwrap(), location.as_bytes(), 0)?;
        Ok((next.method, next.body.is_some(), next.url.to_string()))
    }

    #[test]
    fn methods_change_as_in_browsers_and_queries_stay() {
        let post = question(Method::POST, "http://a/x", false);
        let query = question(Method::POST, "http://a/x", true);
        for status in [301, 302, 303, 307, 308] {
            let stays = (Method::POST, true, "http://a/y".to_owned());
            let turns = (Method::GET, false, "http://a/y".to_owned());
            let expected = if status >= 307 { &stays } else { &turns };
            assert_eq!(led(&post, status, "/y").as_ref(), Ok(expected), "{status}");
            let expected = if status == 303 { &turns } else { &stays };
            assert_eq!(led(&query, status, "/y").as_ref(), Ok(expected), "{status}");
        }
    }

    #[test]
    fn headers_and_bodies_stay_on_their_server() {
        for (from, to, is_same) in [
            ("http://a/x", "y", true),
            ("http://a/x", "https://a/x", true),
            ("https://a/x", "https://a:443/y", true),
            ("http://a:8080/x", "https://a/x", false),
            ("http://a/x", "https://a:8443/x", false),
            ("https://a/x", "https://b/x", false),
            ("https://a/x", "https://a:444/x", false),
        ] {
            let mut get = question(Method::GET, from, false);
            assert!(led(&get, 302, to).is_ok(), "{from} -> {to}");
            get.headers.insert("x-token", HeaderValue::from_static("secret"));
            assert_eq!(led(&get, 302, to).is_ok(), is_same, "{from} -> {to}");
            let post = question(Method::POST, from, false);
            assert_eq!(led(&post, 307, to).is_ok(), is_same, "{from} -> {to}");
            // The body is left behind, and with it the reason to stay.
            assert!(led(&post, 302, to).is_ok(), "{from} -> {to}");
        }
    }

    #[test]
    fn nobody_is_led_astray() {
        let get = question(Method::GET, "https://a/x?token=secret", false);
        for location in
            ["http://a/x", "file:///etc/passwd", "https://u:secret@a/", "https://[::1/", "ftp://a/"]
        {
            let error = led(&get, 302, location).unwrap_err();
            assert_eq!(error.reason(), "Redirected", "{location}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(follow(&get, StatusCode::FOUND, b"\xff", 0).is_err());
        assert!(follow(&get, StatusCode::FOUND, b"/y", MOST_REDIRECTS).is_err());
    }
}
