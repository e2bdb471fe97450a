//! What is asked of a server, made of a provider's configuration. Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use tidegate_analysis::provider::Header;
use tidegate_analysis::provider::prometheus::PrometheusConfig;
use tidegate_analysis::provider::web::WebConfig;
use tidegate_artifact::shown;
use tidegate_fetch::ABOUT_SENDING;
use url::{Url, form_urlencoded};

use crate::clients::Trust;
use crate::error::MeasureError;

/// What is asked of a server.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    /// Without user and password.
    pub(crate) url: Url,
    /// The metric's own, each marked as sensitive.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<String>,
    /// Whether it is a query of Prometheus: it changes nothing, however it is asked.
    pub(crate) is_query: bool,
}

/// A question, and how it is to be asked.
pub(crate) struct Asking {
    pub(crate) question: Question,
    pub(crate) trust: Trust,
    /// For everything.
    pub(crate) timeout: Duration,
    /// The field of the metric that says so.
    pub(crate) timeout_field: &'static str,
}

impl Asking {
    /// Of the provider `web`.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) fn web(config: &WebConfig) -> Result<Self, MeasureError> {
        let method = match config.method {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            _ => Method::GET,
        };
        let (url, credentials) = address(&config.url)?;
        let headers = headers(&config.headers, credentials)?;
        Ok(Self {
            question: Question { method, url, headers, body: config.body.clone(), is_query: false },
            trust: trust(config.insecure),
            timeout: seconds(config.timeout_seconds),
            timeout_field: "timeoutSeconds",
        })
    }

    /// Of the provider `prometheus`: at this moment, or over the range that ends relative to it.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) fn prometheus(config: &PrometheusConfig, now: Timestamp) -> Result<Self, MeasureError> {
        let (mut url, in_address) = address(&config.address)?;
        let name = if config.range.is_some() { "query_range" } else { "query" };
        url.set_path(&format!("{}/api/v1/{name}", url.path().trim_end_matches('/')));
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        parameters.append_pair("query", &config.query);
        match config.range {
            None => parameters.append_pair("time", &moment(now)),
            Some(range) => parameters
                .append_pair("start", &moment(range.start.at(now)))
                .append_pair("end", &moment(range.end.at(now)))
                .append_pair("step", &range.step_seconds.to_string()),
        };
        let mut headers = headers(&config.headers, in_address)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        Ok(Self {
            question: Question {
                method: Method::POST,
                url,
                headers,
                body: Some(parameters.finish()),
                is_query: true,
            },
            trust: trust(config.insecure),
            timeout: seconds(config.timeout_seconds),
            timeout_field: "timeout",
        })
    }
}

impl Question {
    /// For people: how it is asked and where.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method(), shown(&self.url))
    }

    /// How it is asked.
    pub(crate) fn method(&self) -> &'static str {
        match self.method {
            Method::POST => "POST",
            Method::PUT => "PUT",
            _ => "GET",
        }
    }

    /// Whether asking twice does no harm.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.is_query || self.method == Method::GET
    }

    /// Whether there is something in it that only the server that it is for should see.
    pub(crate) fn is_confidential(&self) -> bool {
        self.body.is_some() || !self.headers.is_empty()
    }

    /// The same without a body, after an answer that says that it does not take one.
    pub(crate) fn by_get(&self, refused: StatusCode) -> Option<Self> {
        let is_refused = matches!(refused, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED);
        if !is_refused || !self.is_query || self.method != Method::POST {
            return None;
        }
        let mut get = self.clone();
        let parameters = get.body.take()?;
        let query = match get.url.query().filter(|query| !query.is_empty()) {
            Some(query) => format!("{query}&{parameters}"),
            None => parameters,
        };
        get.url.set_query(Some(&query));
        get.without_body();
        Some(get)
    }

    /// Makes it a GET.
    pub(crate) fn without_body(&mut self) {
        self.method = Method::GET;
        self.body = None;
        self.headers.remove(CONTENT_TYPE);
    }
}

/// An address, and the credentials that were in it.
fn address(text: &str) -> Result<(Url, Option<String>), MeasureError> {
    let invalid = |problem: &str| MeasureError::Address { problem: problem.to_owned() };
    let mut url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("it is none of a web server"));
    }
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let given = !url.username().is_empty() || url.password().is_some();
    let credentials =
        given.then(|| basic(&plain(url.username()), &plain(url.password().unwrap_or_default())));
    // Cannot fail for an address with a host, which those of web servers have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Ok((url, credentials))
}

/// A header `Authorization` of this value.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn headers(given: &[Header], credentials: Option<String>) -> Result<HeaderMap, MeasureError> {
    let mut headers = HeaderMap::new();
    let credentials = credentials.map(|value| Header { name: "Authorization".to_owned(), value });
    for header in credentials.iter().chain(given) {
        let refused = |problem| MeasureError::Header { name: header.name.clone(), problem };
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| refused("that is no name of a header; use letters, digits and -"))?;
        if ABOUT_SENDING.contains(&name) {
            return Err(refused("it says how a message is sent; leave it out"));
        }
        let mut value = HeaderValue::from_bytes(header.value.as_bytes()).map_err(|_| {
            refused("its value has a line break or a control character; see the end of the Secret")
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn trust(insecure: bool) -> Trust {
    if insecure { Trust::Anybody } else { Trust::Authorities }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default().max(1))
}

/// A time as Prometheus reads it: seconds since 1970, with milliseconds.
fn moment(at: Timestamp) -> String {
    let milliseconds = at.as_millisecond();
    let sign = if milliseconds < 0 { "-" } else { "" };
    let (seconds, rest) = (milliseconds.unsigned_abs() / 1000, milliseconds.unsigned_abs() % 1000);
    if rest == 0 { format!("{sign}{seconds}") } else { format!("{sign}{seconds}.{rest:03}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds() {
        for (milliseconds, text) in
            [(0, "0"), (1_500, "1.500"), (1_767_225_600_007, "1767225600.007"), (-1_250, "-1.250")]
        {
            assert_eq!(moment(Timestamp::from_millisecond(milliseconds).unwrap()), text);
        }
    }

    #[test]
    fn credentials_leave_the_address() {
        let (url, credentials) = address("https://me:p%40ss@host:8443/a?b#c").unwrap();
        assert_eq!(url.as_str(), "https://host:8443/a?b");
        assert_eq!(credentials, Some(basic("me", "p@ss")));
        assert_eq!(address("http://host").unwrap().1, None);
        for text in
            ["", "host", "ftp://host", "http://", "http://[::1", "http://host:99999", "data:text/plain,x"]
        {
            assert_eq!(address(text).unwrap_err().reason(), "InvalidAddress", "{text}");
        }
    }

    #[test]
    fn a_header_of_the_metric_counts_more_than_credentials_and_the_last_one_most() {
        let given = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
        let headers = headers(
            &[given("authorization", "Bearer x"), given("X-A", "1"), given("x-a", "2")],
            Some(basic("u", "p")),
        )
        .unwrap();
        assert_eq!(headers.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer x"]);
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["2"]);
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused_without_their_values() {
        for (name, value) in [
            ("Transfer-Encoding", "secret"),
            ("accept-encoding", "secret"),
            ("a b", "secret"),
            ("", "secret"),
            ("X-Token", "secret\n"),
            ("X-Token", "secret\u{0}"),
        ] {
            let given = [Header { name: name.to_owned(), value: value.to_owned() }];
            let error = headers(&given, None).unwrap_err();
            assert_eq!(error.reason(), "InvalidHeader");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
