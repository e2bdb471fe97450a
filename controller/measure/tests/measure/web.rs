//! The provider `web`: what is sent, and what of the answer is measured.

use serde_json::json;
use tidegate_analysis::Outcome;
use tidegate_zoo::Answer;

use crate::rig::{SECRET, observe, outcome, says, server, web};

#[tokio::test]
async fn what_the_path_selects_is_measured() {
    let server = says(json!({"data": {"percent": 0.95}}));
    let Outcome::Observed(seen) =
        outcome(&web(&server.url("/m?a=b"), json!({"jsonPath": "{$.data.percent}"}))).await
    else {
        panic!("no value")
    };
    assert_eq!(seen.text, "0.95");
    let request = &server.seen()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/m?a=b"));
    assert_eq!(request.body, b"");
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("tidegate/"));
}

#[tokio::test]
async fn headers_and_bodies_are_sent() {
    let server = says(1);
    let headers =
        json!([{"key": "Authorization", "value": "Bearer t"}, {"key": "Host", "value": "canary.example"}]);
    for (method, fields, content_type, body) in [
        (
            "POST",
            json!({"method": "POST", "jsonBody": {"a": [1, null]}}),
            Some("application/json"),
            r#"{"a":[1,null]}"#,
        ),
        ("PUT", json!({"method": "PUT", "body": "text"}), None, "text"),
        ("GET", json!({}), None, ""),
    ] {
        let mut fields = fields;
        fields["headers"] = headers.clone();
        observe(&web(&server.url("/"), fields)).await.unwrap();
        let request = server.seen().pop().unwrap();
        assert_eq!(request.method, method);
        assert_eq!(request.header("content-type"), content_type, "{method}");
        assert_eq!(request.header("authorization"), Some("Bearer t"));
        assert_eq!(request.header("host"), Some("canary.example"));
        assert_eq!(String::from_utf8(request.body).unwrap(), body);
    }
}

#[tokio::test]
async fn credentials_of_the_address_are_sent_as_a_header() {
    let server = says(1);
    let url = server.url("/").replace("localhost", "me:p%40ss@localhost");
    observe(&web(&url, json!({}))).await.unwrap();
    // me:p@ss
    assert_eq!(server.seen()[0].header("authorization"), Some("Basic bWU6cEBzcw=="));
}

#[tokio::test]
async fn redirects_are_followed_with_headers_on_one_server_only() {
    let there = says(7);
    let away = there.url("/there");
    let here = server(move |request| match request.target.as_str() {
        "/near" => Answer::redirect("/value"),
        "/value" => Answer::new("200 OK", &[], b"5"),
        "/circle" => Answer::redirect("/circle"),
        _ => Answer::redirect(&away),
    });
    let token = json!({"headers": [{"key": "X-Token", "value": SECRET}]});

    assert_eq!(observe(&web(&here.url("/near"), token.clone())).await.unwrap().text, "5");
    assert_eq!(here.seen()[1].header("x-token"), Some(SECRET));
    assert_eq!(observe(&web(&here.url("/away"), json!({}))).await.unwrap().text, "7");
    let error = observe(&web(&here.url("/away"), token)).await.unwrap_err();
    assert_eq!(error.reason(), "Redirected");
    assert!(error.to_string().contains(&there.url("/there")), "{error}");
    assert_eq!(there.seen().len(), 1, "the server that it leads to is not asked with the token");

    let asked = here.seen().len();
    assert_eq!(observe(&web(&here.url("/circle"), json!({}))).await.unwrap_err().reason(), "Redirected");
    assert_eq!(here.seen().len() - asked, 11);
}
