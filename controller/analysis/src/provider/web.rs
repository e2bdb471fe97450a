//! The provider `web`: a request to a server that answers in JSON.

use serde_json::Value;

use super::{
    Header, JsonPath, Observation, address, authentication, excerpt, headers, parse, shortened, timeout,
};
use crate::field::{Field, Problems, brief};
use crate::substitute::has_placeholders;

/// How long a request may take when it does not say, in seconds (Argo Rollouts).
pub const DEFAULT_TIMEOUT_SECONDS: i64 = 10;

/// What is asked of which server.
#[derive(Clone, Debug, PartialEq)]
pub struct WebConfig {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// The address.
    pub url: String,
    /// Headers of the request.
    pub headers: Vec<Header>,
    /// What is sent.
    pub body: Option<String>,
    /// Seconds until it counts as failed.
    pub timeout_seconds: i64,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// What of the answer is measured.
    pub json_path: JsonPath,
}

impl WebConfig {
    pub(crate) fn read(field: &Field<'_>, problems: &mut Problems) -> Self {
        problems.only(
            field,
            &[
                "method",
                "url",
                "headers",
                "body",
                "jsonBody",
                "timeoutSeconds",
                "insecure",
                "jsonPath",
                "authentication",
            ],
        );
        let url = address(&field.get("url"), problems);
        let method_field = field.get("method");
        let method = match problems.text(&method_field).as_deref() {
            None | Some("GET") => "GET",
            Some("POST") => "POST",
            Some("PUT") => "PUT",
            Some(other) if other.contains("{{") => "GET",
            Some(_) => {
                problems.say(&method_field, "must be GET, POST or PUT");
                "GET"
            }
        };
        let mut sent = headers(&field.get("headers"), problems);
        let (text, json) = (problems.text(&field.get("body")), field.get("jsonBody"));
        if text.is_some() && json.is_given() {
            problems.say(&json, "must not be given beside body; remove one");
        }
        if (text.is_some() || json.is_given()) && method == "GET" && !has_placeholders(method_field.value) {
            problems.say(&method_field, "must be POST or PUT when there is a body");
        }
        let is_typed = sent.iter().any(|header| header.name.eq_ignore_ascii_case("content-type"));
        if json.is_given() && !is_typed {
            sent.push(Header { name: "Content-Type".to_owned(), value: "application/json".to_owned() });
        }
        let path_field = field.get("jsonPath");
        let path = problems.text(&path_field).filter(|_| !has_placeholders(path_field.value));
        let json_path = path.map_or_else(JsonPath::default, |path| {
            JsonPath::parse(&path).unwrap_or_else(|error| {
                problems.say(&path_field, error.to_string());
                JsonPath::default()
            })
        });
        authentication(&field.get("authentication"), problems);
        Self {
            method,
            url,
            headers: sent,
            body: text.or_else(|| json.is_given().then(|| json.value.to_string())),
            timeout_seconds: timeout(&field.get("timeoutSeconds"), DEFAULT_TIMEOUT_SECONDS, problems),
            insecure: problems.flag(&field.get("insecure")),
            json_path,
        }
    }

    /// What an answer measures.
    ///
    /// # Errors
    /// When it measures nothing; in words.
    pub fn observe(&self, status: u16, body: &[u8]) -> Result<Observation, String> {
        if !(200..300).contains(&status) {
            let said = excerpt(body);
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            return Err(format!("received non 2xx response code: {status}{said}"));
        }
        let answer = parse(body)?;
        let found = self
            .json_path
            .first(&answer)
            .map_err(|error| format!("Could not find JSONPath in body: {error}"))?;
        let result = tidegate_expression::Value::from_json(found).map_err(|error| error.fault.to_string())?;
        Ok(Observation { result, text: shortened(text(found)), warnings: Vec::new() })
    }
}

fn text(found: &Value) -> String {
    if found.is_null() { brief(found) } else { found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tidegate_expression::Condition;

    fn config(value: &Value) -> Result<WebConfig, Vec<String>> {
        let mut problems = Problems::default();
        let config = WebConfig::read(&Field::new("web", Some(value)), &mut problems);
        if problems.0.is_empty() { Ok(config) } else { Err(problems.0.into_iter().map(|p| p.path).collect()) }
    }

    #[test]
    fn what_is_not_given_is_as_in_argo() {
        let read = config(&json!({"url": "https://x/y"})).unwrap();
        assert_eq!((read.method, read.timeout_seconds, read.insecure, read.body), ("GET", 10, false, None));
        let read = config(
            &json!({"url": "http://x", "method": "POST", "jsonBody": {"a": [1]}, "timeoutSeconds": 3}),
        )
        .unwrap();
        assert_eq!((read.body.as_deref(), read.timeout_seconds), (Some("{\"a\":[1]}"), 3));
        assert_eq!(read.headers, [Header { name: "Content-Type".into(), value: "application/json".into() }]);
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_its_path() {
        for (value, path) in [
            (json!({}), "web.url"),
            (json!({"url": "ftp://x"}), "web.url"),
            (json!({"url": "http://"}), "web.url"),
            (json!({"url": "http://x", "method": "DELETE"}), "web.method"),
            (json!({"url": "http://x", "body": "x"}), "web.method"),
            (json!({"url": "http://x", "method": "PUT", "body": "x", "jsonBody": {}}), "web.jsonBody"),
            (json!({"url": "http://x", "headers": [{"key": "a b", "value": "c"}]}), "web.headers[0].key"),
            (
                json!({"url": "http://x", "headers": [{"key": "a", "value": "c\nd: e"}]}),
                "web.headers[0].value",
            ),
            (json!({"url": "http://x", "headers": {}}), "web.headers"),
            (json!({"url": "http://x", "jsonPath": "{$.a"}), "web.jsonPath"),
            (json!({"url": "http://x", "jsonpath": "{$.a}"}), "web.jsonpath"),
            (json!({"url": "http://x", "timeoutSeconds": -1}), "web.timeoutSeconds"),
            (
                json!({"url": "http://x", "authentication": {"sigv4": {"region": "r"}}}),
                "web.authentication.sigv4",
            ),
        ] {
            assert_eq!(config(&value).expect_err(&value.to_string()), [path], "{value}");
        }
    }

    #[test]
    fn an_answer_measures_what_the_path_selects() {
        let observe = |path: &str, status, body: &str| {
            config(&json!({"url": "http://x", "jsonPath": path})).unwrap().observe(status, body.as_bytes())
        };
        let body = r#"{"data": {"ok": true, "percent": 0.95, "none": null, "list": [1, 2]}}"#;
        for (path, text, condition) in [
            ("{$.data.ok}", "true", "result == true"),
            ("$.data.percent", "0.95", "result >= 0.95"),
            ("{.data.list}", "[1,2]", "all(result, # > 0) and result[1] == 2"),
            (
                "{$.data}",
                r#"{"ok":true,"percent":0.95,"none":null,"list":[1,2]}"#,
                "result.ok && result.none == nil",
            ),
            ("{$.data.none}", "nothing", "result == nil"),
            ("", r#"{"data":{"ok":true,"percent":0.95,"none":null,"list":[1,2]}}"#, "result.data.ok"),
        ] {
            let seen = observe(path, 200, body).unwrap();
            assert_eq!(seen.text, text, "{path}");
            assert_eq!(Condition::parse(condition).unwrap().evaluate(&seen.result), Ok(true), "{path}");
        }
        for (status, body) in [
            (500, "oops"),
            (404, ""),
            (301, "{}"),
            (200, ""),
            (200, "<html>"),
            (200, "{\"data\": 1}"),
            (204, "\u{0}"),
        ] {
            assert!(observe("{$.data.ok}", status, body).is_err(), "{status} {body}");
        }
    }
}
