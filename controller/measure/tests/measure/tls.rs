//! Who is trusted.

use serde_json::{Value, json};
use tidegate_fetch::Roots;
use tidegate_zoo::{Answer, Authority, Server, Validity};

use crate::rig::{measurer, observe_with, prometheus, trusting, web};

fn secure(authority: &Authority, host: &str, validity: Validity) -> Server {
    let scalar =
        json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}).to_string();
    Server::start(Some(authority.server(host, validity)), move |_| {
        Answer::new("200 OK", &[], scalar.as_bytes())
    })
}

/// Asks it, trusting the authorities in this PEM.
async fn asked(server: &Server, authorities: &str, fields: Value) -> Result<String, String> {
    let roots = Roots::none();
    let roots = if authorities.is_empty() { roots } else { roots.and(authorities.as_bytes()).unwrap() };
    match observe_with(&trusting(roots), &prometheus(&server.url(""), fields)).await {
        Ok(seen) => Ok(seen.text),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn only_a_trusted_authority_is_enough() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = secure(&authority, "localhost", Validity::Now);
    assert_eq!(asked(&server, authority.pem(), json!({})).await, Ok("3".to_owned()));
    let both = format!("{}\n{}", stranger.pem(), authority.pem());
    assert_eq!(asked(&server, &both, json!({})).await, Ok("3".to_owned()));
    let said = server.seen().len();
    for (authorities, told) in
        [("", "no root certificates"), (stranger.pem(), "authority that is not trusted")]
    {
        let error = asked(&server, authorities, json!({})).await.unwrap_err();
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
        let error = asked(&server, authority.pem(), json!({})).await.unwrap_err();
        assert!(error.contains(told), "{told}: {error}");
        assert_eq!(asked(&server, "", json!({"insecure": true})).await, Ok("3".to_owned()));
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
    assert_eq!(asked(&other, Authority::new().pem(), json!({"insecure": true})).await, Ok("3".to_owned()));
}
