//! Where measured values come from: each provider's configuration, read totally, and what it answers, read into a value.
//!
//! Nothing here asks anybody. A driver carries out what a configuration says and hands back what came of it.

pub mod job;
mod json_path;
mod moment;
pub mod prometheus;
pub mod web;

pub use json_path::{JsonPath, JsonPathError};
pub use moment::{Moment, MomentError};

use serde_json::Value;

use crate::field::{Field, Problems, brief};
use crate::substitute::has_placeholders;

/// Providers of Argo Rollouts that are not served.
const NOT_SERVED: [&str; 10] = [
    "kayenta",
    "datadog",
    "wavefront",
    "newRelic",
    "cloudWatch",
    "graphite",
    "influxdb",
    "skywalking",
    "plugin",
    "kubernetes",
];
const SERVED: [&str; 3] = ["job", "web", "prometheus"];

/// Where a metric's values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// A Kubernetes Job: good when it succeeds.
    Job(job::JobConfig),
    /// A web server that answers in JSON.
    Web(web::WebConfig),
    /// A Prometheus server.
    Prometheus(prometheus::PrometheusConfig),
    /// What the metric says cannot be read, so nobody can be asked. Its measurements are in error.
    Unreadable,
}

impl Provider {
    /// Whether a measurement lasts beyond the pass that begins it.
    pub const fn is_lasting(&self) -> bool {
        matches!(self, Self::Job(_))
    }

    pub(crate) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<Self> {
        let fields = field.value.as_object();
        let given: Vec<&str> = fields
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, _)| name.as_str())
            .collect();
        let name = match given.as_slice() {
            [name] => *name,
            [] => {
                problems.say(field, format!("must have one of {}", SERVED.join(", ")));
                return None;
            }
            several => {
                problems.say(field, format!("has {}; make each a metric of its own", several.join(" and ")));
                return None;
            }
        };
        let config = field.get(name);
        match name {
            "job" => job::JobConfig::read(&config, problems).map(Self::Job),
            "web" => Some(Self::Web(web::WebConfig::read(&config, problems))),
            "prometheus" => Some(Self::Prometheus(prometheus::PrometheusConfig::read(&config, problems))),
            _ if NOT_SERVED.contains(&name) => {
                let served = SERVED.join(", ");
                problems.say(
                    &config,
                    format!("the provider {name} is not served, only {served}; ask it through web or job"),
                );
                None
            }
            _ => {
                problems.say(&config, format!("is no provider; there are {}", SERVED.join(", ")));
                None
            }
        }
    }
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value; may hold a secret.
    pub value: String,
}

/// What a provider measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What conditions see.
    pub result: tidegate_expression::Value,
    /// How it is written into the status.
    pub text: String,
    /// What the provider said besides.
    pub warnings: Vec<String>,
}

fn headers(field: &Field<'_>, problems: &mut Problems) -> Vec<Header> {
    problems.list(field, "headers with key and value");
    let mut headers = Vec::new();
    for header in field.elements() {
        problems.only(&header, &["key", "value"]);
        let name = problems.needed_text(&header.get("key"), "the name of a header");
        let is_token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
        if !has_placeholders(header.get("key").value) && !name.chars().all(is_token) {
            problems.say(&header.get("key"), "is no name of a header; use letters, digits and -");
        }
        let value = problems.text(&header.get("value")).unwrap_or_default();
        if value.contains(['\r', '\n', '\0']) {
            problems.say(&header.get("value"), "must be one line");
        }
        headers.push(Header { name, value });
    }
    headers
}

/// An address with a scheme that is served and a host.
fn address(field: &Field<'_>, problems: &mut Problems) -> String {
    let text = problems.needed_text(field, "an address like http://host/path");
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_right =
        host.is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric() || first == '['));
    if !text.is_empty() && !is_right && !has_placeholders(field.value) {
        problems.say(field, "must begin with http:// or https:// and a host");
    }
    text
}

/// Whole seconds of at least 1, also as text.
fn timeout(field: &Field<'_>, otherwise: i64, problems: &mut Problems) -> i64 {
    if has_placeholders(field.value) {
        return otherwise;
    }
    // Argo Rollouts takes 0 for none given.
    problems.number(field, 0).filter(|seconds| *seconds > 0).unwrap_or(otherwise)
}

/// Refuses ways of authentication that are not served.
fn authentication(field: &Field<'_>, problems: &mut Problems) {
    for (name, value) in field.value.as_object().into_iter().flatten() {
        let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty);
        if !value.is_null() && !is_empty {
            let instead = "send a token in headers, from an argument with secretKeyRef";
            problems.say(&field.get(name), format!("authentication by {name} is not served; {instead}"));
        }
    }
    if field.is_given() && !field.value.is_object() {
        problems.say(field, format!("must be an object, not {}", brief(field.value)));
    }
}

/// The text of a value for the status, cut where it gets long: an object has a limited size, and a value is for reading.
fn shortened(text: String) -> String {
    const MOST_CHARACTERS: usize = 4096;
    cut(&text, MOST_CHARACTERS).unwrap_or(text)
}

/// What a server says in its own words, for a message: as much as people read.
fn said(text: &str) -> String {
    const MOST_CHARACTERS: usize = 500;
    cut(text, MOST_CHARACTERS).unwrap_or_else(|| text.to_owned())
}

/// The beginning of what has more characters.
fn cut(text: &str, most: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(most)?;
    Some(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// What a server said, for a message.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads JSON, with what is wrong in words.
fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| {
        if body.is_empty() {
            "Could not parse JSON body: the answer is empty".to_owned()
        } else {
            format!("Could not parse JSON body: {error}; it begins with {:?}", excerpt(body))
        }
    })
}
