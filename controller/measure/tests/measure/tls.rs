//! Who is trusted.

use serde_json::{Value, json};
use tidegate_zoo::{Answer, Authority, Server, Validity};

use crate::rig::{measurer, observe, observe_with, prometheus, web};

fn secure(authority: &Authority, host: &str, validity: Validity) -> Server {
    let scalar =
        json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}).to_string();
    Server::start(Some(authority.server(host, validity)), move |_| {
        Answer::new("200 OK", &[], scalar.as_bytes())
    })
}

async fn asked(server: &Server, fields: Value) -> Result<String, String> {
    match observe(&prometheus(&server.url(""), fields)).await {
        Ok(seen) => Ok(seen.text),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn only_an_authority_of_the_metric_is_enough() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = secure(&authority, "localhost", Validity::Now);
    assert_eq!(asked(&server, json!({"caCert": authority.pem()})).await, Ok("3".to_owned()));
    let both = format!("{}\n{}", stranger.pem(), authority.pem());
    assert_eq!(asked(&server, json!({"caCert": both})).await, Ok("3".to_owned()));
    let said = server.seen().len();
    for (fields, told) in [
        (json!({}), "certificate"),
        (json!({"caCert": stranger.pem()}), "authority that is not trusted"),
        (json!({"caCert": "no PEM"}), "caCert"),
    ] {
        let error = asked(&server, fields).await.unwrap_err();
        assert!(error.contains(told), "{told}: {error}");
    }
    assert_eq!(server.seen().len(), said, "who is not trusted is told nothing");
}

#[tokio::test]
async fn certificates_are_checked_for_time_and_name() {
    let authority = Authority::new();
    for (host, validity, told) in
        [("localhost", Validity::Past, "expired"), ("elsewhere.example", Validity::Now, "another host")]
    {
        let server = secure(&authority, host, validity);
        let error = asked(&server, json!({"caCert": authority.pem()})).await.unwrap_err();
        assert!(error.contains(told), "{told}: {error}");
        assert_eq!(asked(&server, json!({"insecure": true})).await, Ok("3".to_owned()));
    }
}

#[tokio::test]
async fn insecure_is_for_that_metric_alone() {
    let server = secure(&Authority::new(), "localhost", Validity::Now);
    let measurer = measurer();
    let url = server.url("/");
    for _ in 0..2 {
        assert!(observe_with(&measurer, &web(&url, json!({"insecure": true}))).await.is_ok());
        assert!(observe_with(&measurer, &web(&url, json!({}))).await.is_err());
    }
    let other = secure(&Authority::new(), "localhost", Validity::Now);
    let fields = json!({"insecure": true, "caCert": Authority::new().pem()});
    assert_eq!(asked(&other, fields).await, Ok("3".to_owned()));
}
