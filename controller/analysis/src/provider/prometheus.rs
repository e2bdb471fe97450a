//! The provider `prometheus`: a query, at a moment or over a range.

use serde_json::Value;
use tidegate_expression::Value as Measured;

use super::{
    Header, Moment, Observation, address, authentication, excerpt, headers, parse, said, shortened, timeout,
};
use crate::field::{Field, Problems};
use crate::substitute::has_placeholders;

/// How long a query may take when it does not say, in seconds (Argo Rollouts).
pub const DEFAULT_TIMEOUT_SECONDS: i64 = 30;
/// Key in a metric's metadata: the query that was asked (Argo Rollouts).
pub const RESOLVED_QUERY_KEY: &str = "ResolvedPrometheusQuery";

/// How many warnings of an answer are kept: the first ones say what is wrong, and an object has a limited size.
const MOST_WARNINGS: usize = 10;

/// What is asked of which server.
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusConfig {
    /// The server's address, without `/api/v1`.
    pub address: String,
    /// The query.
    pub query: String,
    /// Over which range; None: at the moment it is asked.
    pub range: Option<Range>,
    /// Headers of the request.
    pub headers: Vec<Header>,
    /// Seconds until it counts as failed.
    pub timeout_seconds: i64,
    /// Whether any certificate is accepted.
    pub insecure: bool,
}

/// The range of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// From when.
    pub start: Moment,
    /// Until when.
    pub end: Moment,
    /// Seconds between its values.
    pub step_seconds: i64,
}

impl PrometheusConfig {
    pub(crate) fn read(field: &Field<'_>, problems: &mut Problems) -> Self {
        problems.only(
            field,
            &["address", "query", "rangeQuery", "headers", "authentication", "timeout", "insecure"],
        );
        authentication(&field.get("authentication"), problems);
        Self {
            address: address(&field.get("address"), problems),
            query: problems.needed_text(&field.get("query"), "a query"),
            range: range(&field.get("rangeQuery"), problems),
            headers: headers(&field.get("headers"), problems),
            timeout_seconds: timeout(&field.get("timeout"), DEFAULT_TIMEOUT_SECONDS, problems),
            insecure: problems.flag(&field.get("insecure")),
        }
    }

    /// What an answer measures: a number, or a list of numbers (one for each series, or all values of all series of a range).
    ///
    /// # Errors
    /// When it measures nothing; in words.
    pub fn observe(&self, status: u16, body: &[u8]) -> Result<Observation, String> {
        let answer = match parse(body) {
            Ok(answer) if answer.is_object() => answer,
            _ if !(200..300).contains(&status) => {
                return Err(format!("Prometheus answered with status {status}: {}", excerpt(body)));
            }
            Ok(_) => return Err(format!("the answer is not Prometheus's: {}", excerpt(body))),
            Err(error) => return Err(error),
        };
        let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
        // A proxy in front may fail with an answer that it has kept.
        if text("status") != "success" || !(200..300).contains(&status) {
            let (kind, error) = (text("errorType"), text("error"));
            return Err(if error.is_empty() {
                format!("Prometheus answered with status {status}: {}", excerpt(body))
            } else {
                format!("{}: {}", said(kind), said(error))
            });
        }
        let data = answer.get("data").unwrap_or(&Value::Null);
        let result = data.get("result").unwrap_or(&Value::Null);
        let observed = match data.get("resultType").and_then(Value::as_str).unwrap_or_default() {
            "scalar" => sample(result).map(|(number, text)| (Measured::Float(number), text)),
            "vector" => series(result).and_then(|series| list(series.map(|one| one.get("value")))),
            "matrix" => series(result).and_then(|series| {
                let values = series.map(|one| one.get("values").and_then(Value::as_array));
                let values: Option<Vec<_>> = values.collect();
                list(values?.into_iter().flatten().map(Some))
            }),
            other => {
                return Err(format!(
                    "Prometheus metric type not supported: {:?}; query numbers",
                    said(other)
                ));
            }
        };
        let (result, text) = observed.ok_or_else(|| {
            if has_histograms(result) {
                "Prometheus metric type not supported: histograms; make numbers of them with histogram_quantile, histogram_avg \
                 or histogram_count"
                    .to_owned()
            } else {
                format!("the answer is not Prometheus's: {}", excerpt(body))
            }
        })?;
        let warnings = answer.get("warnings").and_then(Value::as_array).into_iter().flatten();
        let warnings =
            warnings.filter_map(|warning| warning.as_str().map(said)).take(MOST_WARNINGS).collect();
        Ok(Observation { result, text: shortened(text), warnings })
    }
}

fn range(field: &Field<'_>, problems: &mut Problems) -> Option<Range> {
    if !field.is_given() {
        return None;
    }
    problems.only(field, &["start", "end", "step"]);
    let mut moment = |name: &str| {
        let field = field.get(name);
        let text = problems.needed_text(&field, "a moment like now() or now() - duration(\"5m\")");
        if text.is_empty() || has_placeholders(field.value) {
            return Moment::FromNow(0);
        }
        Moment::parse(&text).unwrap_or_else(|error| {
            problems.say(&field, error.to_string());
            Moment::FromNow(0)
        })
    };
    let (start, end) = (moment("start"), moment("end"));
    let step = field.get("step");
    let known = !has_placeholders(step.value);
    let seconds = if known { problems.duration(&step) } else { None };
    if known && seconds.is_none_or(|seconds| seconds < 1) {
        problems.say(&step, "must be a duration of at least 1s, like 1m");
    }
    Some(Range { start, end, step_seconds: seconds.unwrap_or(1).max(1) })
}

fn series(result: &Value) -> Option<impl Iterator<Item = &Value>> {
    result.as_array().map(|series| series.iter())
}

/// Whether there is a series of native histograms, which have no value.
fn has_histograms(result: &Value) -> bool {
    let is_one = |one: &Value| one.get("histogram").is_some() || one.get("histograms").is_some();
    result.as_array().is_some_and(|series| series.iter().any(is_one))
}

fn list<'a>(samples: impl Iterator<Item = Option<&'a Value>>) -> Option<(Measured, String)> {
    let samples: Option<Vec<_>> = samples.map(|one| sample(one?)).collect();
    let (numbers, texts): (Vec<f64>, Vec<String>) = samples?.into_iter().unzip();
    Some((Measured::floats(&numbers), format!("[{}]", texts.join(","))))
}

/// A number and its text out of `[time, "number"]`.
fn sample(pair: &Value) -> Option<(f64, String)> {
    let number: f64 = pair.get(1)?.as_str()?.parse().ok()?;
    let text = if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        number.to_string()
    };
    Some((number, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: &Value) -> Result<PrometheusConfig, Vec<String>> {
        let mut problems = Problems::default();
        let config = PrometheusConfig::read(&Field::new("p", Some(value)), &mut problems);
        if problems.0.is_empty() { Ok(config) } else { Err(problems.0.into_iter().map(|p| p.path).collect()) }
    }

    #[test]
    fn configurations_are_read() {
        let read = config(&json!({"address": "http://p:9090", "query": "up"})).unwrap();
        assert_eq!((read.timeout_seconds, read.insecure, read.range), (30, false, None));
        let read = config(&json!({
            "address": "https://p", "query": "up", "timeout": "40", "insecure": true,
            "headers": [{"key": "X-Scope-OrgID", "value": "tenant"}],
            "authentication": {"sigv4": {}},
            "rangeQuery": {"start": "now() - duration(\"5m\")", "end": "now()", "step": "1m"},
        }))
        .unwrap();
        assert_eq!(read.timeout_seconds, 40);
        let range = Range { start: Moment::FromNow(-300), end: Moment::FromNow(0), step_seconds: 60 };
        assert_eq!(read.range, Some(range));
        for (value, path) in [
            (json!({"query": "up"}), "p.address"),
            (json!({"address": "prometheus:9090", "query": "up"}), "p.address"),
            (json!({"address": "http://p"}), "p.query"),
            (json!({"address": "http://p", "query": "up", "timeout": -1}), "p.timeout"),
            (
                json!({"address": "http://p", "query": "up", "rangeQuery": {"start": "x", "end": "now()", "step": "1m"}}),
                "p.rangeQuery.start",
            ),
            (
                json!({"address": "http://p", "query": "up", "rangeQuery": {"start": "now()", "end": "now()"}}),
                "p.rangeQuery.step",
            ),
            (
                json!({"address": "http://p", "query": "up", "authentication": {"oauth2": {"clientId": "c"}}}),
                "p.authentication.oauth2",
            ),
            (json!({"address": "http://p", "query": "up", "adress": 1}), "p.adress"),
        ] {
            assert_eq!(config(&value).expect_err(&value.to_string()), [path], "{value}");
        }
    }

    #[test]
    fn answers_are_numbers() {
        let success = |kind: &str, result: Value| json!({"status": "success", "data": {"resultType": kind, "result": result}});
        let read = config(&json!({"address": "http://p", "query": "up"})).unwrap();
        for (answer, text) in [
            (success("scalar", json!([1.5, "0.95"])), "0.95"),
            (success("scalar", json!([1, "NaN"])), "NaN"),
            (
                success("vector", json!([{"metric": {}, "value": [1, "1"]}, {"value": [1, "2.50"]}])),
                "[1,2.5]",
            ),
            (
                success(
                    "vector",
                    json!([{"value": [1, "+Inf"]}, {"value": [1, "NaN"]}, {"value": [1, "1e3"]}]),
                ),
                "[+Inf,NaN,1000]",
            ),
            (success("vector", json!([])), "[]"),
            (success("matrix", json!([{"values": [[1, "1"], [2, "2"]]}, {"values": [[1, "3"]]}])), "[1,2,3]"),
            (success("matrix", json!([])), "[]"),
        ] {
            let observed = read.observe(200, answer.to_string().as_bytes()).unwrap();
            assert_eq!(observed.text, text, "{answer}");
        }
        let mut warned = success("scalar", json!([1, "1"]));
        warned["warnings"] = json!(["slow", 3]);
        assert_eq!(read.observe(200, warned.to_string().as_bytes()).unwrap().warnings, ["slow"]);
    }

    #[test]
    fn what_a_server_says_besides_is_kept_short() {
        let read = config(&json!({"address": "http://p", "query": "up"})).unwrap();
        let long = "long ".repeat(100_000);
        let mut warned = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}});
        warned["warnings"] = json!(vec![&long; 100]);
        let warnings = read.observe(200, warned.to_string().as_bytes()).unwrap().warnings;
        assert!(!warnings.is_empty() && warnings.concat().len() < 10_000);
        for answer in [
            json!({"status": "error", "errorType": long, "error": long}),
            json!({"status": "success", "data": {"resultType": long}}),
        ] {
            let error = read.observe(200, answer.to_string().as_bytes()).unwrap_err();
            assert!(error.contains("long") && error.len() < 10_000, "{}", error.len());
        }
    }

    #[test]
    fn a_histogram_is_told_from_garbage() {
        let read = config(&json!({"address": "http://p", "query": "up"})).unwrap();
        let answer = json!({"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {}, "histogram": [1, {"count": "1", "sum": "1", "buckets": []}]}]}});
        let error = read.observe(200, answer.to_string().as_bytes()).unwrap_err();
        assert!(error.contains("histogram_quantile"), "{error}");
    }

    #[test]
    fn anything_else_is_an_error_in_words() {
        let read = config(&json!({"address": "http://p", "query": "up"})).unwrap();
        for (status, body, said) in [
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
                "bad_data: parse error",
            ),
            (503, "upstream down", "503"),
            (500, "", "500"),
            (500, r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#, "500"),
            (200, "", "empty"),
            (200, "<html>", "<html>"),
            (200, "[]", "[]"),
            (200, "{}", "200"),
            (200, r#"{"status":"success"}"#, "not supported"),
            (200, r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#, "not supported"),
            (200, r#"{"status":"success","data":{"resultType":"scalar","result":[1,2]}}"#, "not Prometheus"),
            (200, r#"{"status":"success","data":{"resultType":"vector","result":[{}]}}"#, "not Prometheus"),
            (200, r#"{"status":"success","data":{"resultType":"vector","result":null}}"#, "not Prometheus"),
            (
                200,
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"x"]]}]}}"#,
                "not Prometheus",
            ),
        ] {
            let error = read.observe(status, body.as_bytes()).expect_err(body);
            assert!(error.contains(said), "{body}: {error}");
        }
    }
}
