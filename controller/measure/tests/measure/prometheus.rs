//! The provider `prometheus`: queries as its API has them, and what is made of its answers.

use serde_json::{Value, json};
use tidegate_expression::Condition;
use tidegate_zoo::Answer;

use crate::rig::{SECRET, observe, prometheus, says, server};

fn vector(values: &[&str]) -> Value {
    let series: Vec<_> = values.iter().map(|value| json!({"metric": {}, "value": [1.5, value]})).collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": series}})
}

#[tokio::test]
async fn a_query_is_posted_with_its_moment() {
    let server = says(vector(&["0.99"]));
    for (path, fields) in [("", json!({})), ("/", json!({})), ("/prefix/", json!({}))] {
        assert_eq!(observe(&prometheus(&server.url(path), fields)).await.unwrap().text, "[0.99]");
        let request = server.seen().pop().unwrap();
        let expected = format!("{}/api/v1/query", path.trim_end_matches('/'));
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", expected.as_str()));
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.body, b"query=up%7Bjob%3D%22a+b%22%7D&time=1769860800.250");
    }
}

#[tokio::test]
async fn a_range_ends_relative_to_the_moment() {
    let matrix = json!({"status": "success", "data": {"resultType": "matrix",
        "result": [{"metric": {}, "values": [[1, "1"], [2, "2"]]}]}});
    let server = says(matrix);
    let range = json!({"rangeQuery": {"start": "now() - duration(\"5m\")", "end": "now()", "step": "1m"}});
    assert_eq!(observe(&prometheus(&server.url(""), range)).await.unwrap().text, "[1,2]");
    let request = server.seen().pop().unwrap();
    assert_eq!(request.target, "/api/v1/query_range");
    let body = String::from_utf8(request.body).unwrap();
    assert!(body.ends_with("&start=1769860500.250&end=1769860800.250&step=60"), "{body}");
}

#[tokio::test]
async fn who_takes_no_post_is_asked_by_get() {
    for status in ["405 Method Not Allowed", "501 Not Implemented"] {
        let server = server(move |request| match request.method.as_str() {
            "GET" => Answer::new("200 OK", &[], vector(&["1"]).to_string().as_bytes()),
            _ => Answer::new(status, &[], b"no"),
        });
        assert_eq!(observe(&prometheus(&server.url("?tenant=t"), json!({}))).await.unwrap().text, "[1]");
        let get = server.seen().pop().unwrap();
        let target = "/api/v1/query?tenant=t&query=up%7Bjob%3D%22a+b%22%7D&time=1769860800.250";
        assert_eq!((get.target.as_str(), get.body.as_slice()), (target, &b""[..]));
        assert_eq!(get.header("content-type"), None);
    }
}

#[tokio::test]
async fn headers_and_credentials_are_sent() {
    let server = says(vector(&["1"]));
    let address = server.url("").replace("://", &format!("://me:{SECRET}@"));
    let headers = json!([{"key": "X-Scope-OrgID", "value": "tenant"}]);
    observe(&prometheus(&address, json!({"headers": headers}))).await.unwrap();
    let request = server.seen().pop().unwrap();
    assert_eq!(request.header("x-scope-orgid"), Some("tenant"));
    // me:hunter2
    assert_eq!(request.header("authorization"), Some("Basic bWU6aHVudGVyMg=="));

    let headers = json!([{"key": "Authorization", "value": "Bearer t"}]);
    observe(&prometheus(&address, json!({"headers": headers}))).await.unwrap();
    assert_eq!(server.seen().pop().unwrap().header("authorization"), Some("Bearer t"));
}

#[tokio::test]
async fn a_query_survives_a_redirect() {
    let server = server(|request| match request.target.as_str() {
        "/old/api/v1/query" => Answer::redirect("/new/api/v1/query"),
        _ => Answer::new("200 OK", &[], vector(&["1"]).to_string().as_bytes()),
    });
    assert_eq!(observe(&prometheus(&server.url("/old"), json!({}))).await.unwrap().text, "[1]");
    let [first, second] = server.seen().try_into().unwrap();
    assert_eq!((second.method, second.body), (first.method, first.body));
}

#[tokio::test]
async fn nothing_and_not_a_number_come_as_they_are() {
    for (values, text, nothing, nan) in [(&[][..], "[]", true, false), (&["NaN"][..], "[NaN]", false, true)] {
        let server = says(vector(values));
        let seen = observe(&prometheus(&server.url(""), json!({}))).await.unwrap();
        assert_eq!(seen.text, text);
        let holds = |condition: &str| Condition::parse(condition).unwrap().evaluate(&seen.result);
        assert_eq!(holds("len(result) == 0"), Ok(nothing));
        assert_eq!(holds("len(result) > 0 && isNaN(result[0])"), Ok(nan));
    }
}

#[tokio::test]
async fn what_the_server_says_of_a_bad_query_is_told() {
    let said = json!({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"});
    let server = server(move |_| Answer::new("400 Bad Request", &[], said.to_string().as_bytes()));
    let error = observe(&prometheus(&server.url(""), json!({}))).await.unwrap_err();
    assert_eq!(error.reason(), "NoValue");
    let asked = format!("POST {}", server.url("/api/v1/query"));
    let text = error.to_string();
    assert!(text.starts_with(&asked) && text.contains("unexpected end"), "{text}");
}
