//! Servers that do not answer, or with something else than a value.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_analysis::Outcome;
use tidegate_analysis::provider::Provider;
use tidegate_measure::{LARGE_ANSWER_BYTES, MOST_ANSWER_BYTES, MOST_LARGE_ANSWERS};
use tidegate_zoo::{Answer, Step};

use crate::rig::{SECRET, measurer, observe, observe_with, outcome, prometheus, provider, says, server, web};

/// Both providers at one server, with this in the metric.
fn both(address: &str, fields: &Value) -> [Provider; 2] {
    [web(address, fields.clone()), prometheus(address, fields.clone())]
}

#[tokio::test]
async fn bad_answers_are_errors_with_their_cause() {
    for (status, body, told) in [
        ("500 Internal Server Error", "it is broken", "it is broken"),
        ("503 Service Unavailable", "", "503"),
        ("404 Not Found", "<html>", "404"),
        ("301 Moved Permanently", "no location", "301"),
        ("200 OK", "<html>sign in</html>", "sign in"),
        ("200 OK", "", "empty"),
        ("200 OK", "{\"a\": ", "JSON"),
        ("200 OK", "\u{0}\u{1}", "JSON"),
        ("204 No Content", "", "empty"),
    ] {
        let server = server(move |_| Answer::new(status, &[], body.as_bytes()));
        for provider in both(&server.url("/"), &json!({})) {
            let error = observe(&provider).await.unwrap_err();
            assert_eq!(error.reason(), "NoValue", "{error}");
            assert!(error.to_string().contains(told), "{told}: {error}");
        }
    }
    // Not JSON at all to begin with, and JSON that is too deep to be read.
    for body in [vec![0xff; 100], "[".repeat(100_000).into_bytes()] {
        let server = server(move |_| Answer::new("200 OK", &[], &body));
        for provider in both(&server.url("/"), &json!({})) {
            assert!(matches!(outcome(&provider).await, Outcome::Error(_)));
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_given_up() {
    let silent = || Answer(vec![Step::Hang]);
    let slow = || Answer::head("200 OK", &[]).then(Step::Drip(vec![b' '; 1000], Duration::from_millis(100)));
    for (answer, fields) in
        [(silent(), json!({"timeoutSeconds": 1})), (slow(), json!({"timeoutSeconds": "1"}))]
    {
        let server = server(move |_| answer.clone());
        let error = observe(&web(&server.url("/x?token=hunter2"), fields)).await.unwrap_err();
        assert_eq!(error.reason(), "TooSlow");
        assert!(error.to_string().contains("timeoutSeconds"), "{error}");
    }
    let server = server(move |_| silent());
    let error = observe(&prometheus(&server.url(""), json!({"timeout": 1}))).await.unwrap_err();
    assert_eq!(error.reason(), "TooSlow");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let endless = server(|_| Answer::head("200 OK", &[]).then(Step::WriteForEver(vec![b'1'; 4096])));
    let announced = server(|_| {
        let length = format!("Content-Length: {}", MOST_ANSWER_BYTES + 1);
        Answer::head("200 OK", &[&length]).then(Step::Hang)
    });
    for server in [&endless, &announced] {
        for provider in both(&server.url("/"), &json!({})) {
            assert_eq!(observe(&provider).await.unwrap_err().reason(), "TooLarge");
        }
    }
    // Of an error only the beginning matters.
    let failing = server(|_| Answer::head("500 Oops", &[]).then(Step::WriteForEver(b"broken ".repeat(100))));
    for provider in both(&failing.url("/"), &json!({})) {
        let error = observe(&provider).await.unwrap_err();
        assert!(error.reason() == "NoValue" && error.to_string().contains("500"), "{error}");
    }
}

#[tokio::test]
async fn the_largest_answer_is_read() {
    let digits = "1".repeat(MOST_ANSWER_BYTES - 2);
    let server = says(format!("\"{digits}\""));
    assert!(observe(&web(&server.url("/"), json!({}))).await.is_ok());
}

#[tokio::test]
async fn large_answers_wait_for_each_other_and_small_ones_for_none() {
    let stuck = server(|_| {
        let body = vec![b'1'; LARGE_ANSWER_BYTES + 1];
        Answer::head("200 OK", &["Content-Length: 100000"]).then(Step::Write(body)).then(Step::Hang)
    });
    let large = says(format!("\"{}\"", "1".repeat(2 * LARGE_ANSWER_BYTES)));
    let small = says(1);
    let measurer = measurer();
    let patient = web(&stuck.url("/"), json!({"timeoutSeconds": 60}));
    let held = async {
        let holding = (0..MOST_LARGE_ANSWERS).map(|_| observe_with(&measurer, &patient));
        let mut holding: Vec<_> = holding.map(Box::pin).collect();
        std::future::poll_fn(|context| {
            for one in &mut holding {
                assert!(one.as_mut().poll(context).is_pending());
            }
            std::task::Poll::<()>::Pending
        })
        .await;
    };
    let others = async {
        // Until all that get stuck have been answered.
        while stuck.seen().len() < MOST_LARGE_ANSWERS {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(observe_with(&measurer, &web(&small.url("/"), json!({}))).await.is_ok());
        let waiting = web(&large.url("/"), json!({"timeoutSeconds": 1}));
        assert_eq!(observe_with(&measurer, &waiting).await.unwrap_err().reason(), "TooSlow");
    };
    tokio::select! {
        () = held => unreachable!("it never ends"),
        () = others => {}
    }
    // Who gives up gives back.
    assert!(observe_with(&measurer, &web(&large.url("/"), json!({}))).await.is_ok());
}

#[tokio::test]
async fn nobody_there_and_nowhere_are_told_apart() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for provider in both(&format!("http://me:{SECRET}@127.0.0.1:{port}/?token={SECRET}"), &json!({})) {
        let error = observe(&provider).await.unwrap_err();
        assert_eq!(error.reason(), "NoAnswer");
        assert!(error.to_string().contains("refuses the connection"), "{error}");
    }
    // Never resolves (RFC 6761).
    let error = observe(&web("http://metrics.invalid/", json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("metrics.invalid does not resolve"), "{error}");
}

#[tokio::test]
async fn what_is_no_http_is_said() {
    let mail = server(|_| Answer(vec![Step::Write(b"220 mail.example ESMTP\r\n".to_vec())]));
    assert_eq!(observe(&web(&mail.url("/"), json!({}))).await.unwrap_err().reason(), "NoAnswer");
    let broken =
        server(|_| Answer::head("200 OK", &["Content-Length: 10"]).then(Step::Write(b"123".to_vec())));
    let error = observe(&web(&broken.url("/"), json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_too() {
    for (url, fields, reason) in [
        ("http://h:99999/", json!({}), "InvalidAddress"),
        ("http://h/", json!({"headers": [{"key": "Transfer-Encoding", "value": SECRET}]}), "InvalidHeader"),
        (
            "http://h/",
            json!({"headers": [{"key": "X", "value": format!("{SECRET}\u{7f}")}]}),
            "InvalidHeader",
        ),
    ] {
        assert_eq!(observe(&web(url, fields)).await.unwrap_err().reason(), reason);
    }
    let job = provider(
        json!({"job": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}}}}),
    );
    assert_eq!(observe(&job).await.unwrap_err().reason(), "NotOverHttp");
}
