//! Connections that do not come about, and why.

use tidegate_artifact::{LoadError, LoadReason};
use tidegate_fetch::{FetchRequest, Fetcher, Roots};
use tidegate_zoo::{Answer, Authority, Server, Step, Validity};

use crate::rig::{BODY, Rig};

fn assert_unreachable(error: &LoadError, told: &str) {
    assert_eq!(error.reason, LoadReason::Unreachable, "{error}");
    assert!(error.message.contains(told), "{told}: {error}");
}

#[tokio::test]
async fn certificates_are_checked() {
    let rig = Rig::new();
    let hints = [
        ("localhost", Validity::Past, "expired"),
        ("elsewhere.example", Validity::Now, "another host"),
        ("localhost", Validity::Now, "authority"),
    ]
    .map(async |(host, validity, told)| {
        let stranger = Authority::new();
        let authority = if told == "authority" { &stranger } else { &rig.authority };
        let server = Server::start(Some(authority.server(host, validity)), |_| Answer::file(BODY));
        let error = rig.get(&server.url("/")).await.unwrap_err();
        assert_unreachable(&error, told);
        assert_eq!(server.seen(), []);
        error.hint
    });
    let mut remedies = Vec::new();
    for hint in hints {
        remedies.push(hint.await);
    }
    remedies.sort();
    remedies.dedup();
    assert_eq!(remedies.len(), 3, "each has its own remedy: {remedies:?}");
}

#[tokio::test]
async fn a_machine_without_roots_says_so() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::file(BODY));
    let request = FetchRequest { ca_pem: None, ..rig.request(&server.url("/")) };
    let error = rig.fetch(&request).await.unwrap_err();
    assert_unreachable(&error, "no root certificates");
}

#[tokio::test]
async fn roots_of_a_request_are_besides_the_usual_ones() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::file(BODY));
    let fetcher = Fetcher::new(rig.settings.clone(), Roots::native());
    assert_eq!(fetcher.fetch(&rig.request(&server.url("/"))).await.unwrap().bytes(), BODY);
    // Only for that one request.
    let request = FetchRequest { ca_pem: None, ..rig.request(&server.url("/")) };
    assert_unreachable(&fetcher.fetch(&request).await.unwrap_err(), "certificate");
}

#[tokio::test]
async fn several_authorities_can_be_given_and_bad_ones_are_said() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::file(BODY));
    let both = format!("{}\n{}", Authority::new().pem(), rig.authority.pem());
    let request = FetchRequest { ca_pem: Some(both.into_bytes()), ..rig.request(&server.url("/")) };
    assert_eq!(rig.fetch(&request).await.unwrap().bytes(), BODY);

    let half = &rig.authority.pem()[..rig.authority.pem().len() / 2];
    let damaged = rig.authority.pem().replace("MII", "AAA");
    for pem in ["", "no PEM", half, &damaged, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let request = FetchRequest { ca_pem: Some(pem.into()), ..rig.request(&server.url("/")) };
        let error = rig.fetch(&request).await.unwrap_err();
        assert_eq!(error.reason, LoadReason::InvalidConfig, "{pem}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_https_server_is_said() {
    let rig = Rig::new();
    let plain = Server::start(None, |_| Answer::file(BODY));
    let port = plain.address().port();
    assert_unreachable(&rig.get(&format!("https://localhost:{port}/")).await.unwrap_err(), "TLS");

    let secure = rig.server(|_| Answer::file(BODY));
    let mut request = rig.request(&format!("http://localhost:{}/", secure.address().port()));
    request.allow_http = true;
    assert_unreachable(&rig.fetch(&request).await.unwrap_err(), "localhost");

    let shell = Server::start(None, |_| Answer(vec![Step::Write(b"220 mail.example ESMTP\r\n".to_vec())]));
    let mut request = rig.request(&shell.url("/"));
    request.allow_http = true;
    assert_unreachable(&rig.fetch(&request).await.unwrap_err(), "HTTP");
}

#[tokio::test]
async fn nobody_there_and_nowhere_are_told_apart() {
    let rig = Rig::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = rig.get(&format!("https://localhost:{port}/")).await.unwrap_err();
    assert_unreachable(&refused, "refuses the connection");
    // Never resolves (RFC 6761).
    let nowhere = rig.get("https://plugins.invalid/").await.unwrap_err();
    assert_unreachable(&nowhere, "plugins.invalid does not resolve");
    assert_ne!(refused.hint, nowhere.hint);
}
