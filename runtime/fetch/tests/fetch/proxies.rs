//! Through a proxy.

use tidegate_artifact::LoadReason;
use tidegate_fetch::FetchRequest;
use tidegate_zoo::{Answer, Server, Step};

use crate::rig::{BODY, Rig, SECRET};

/// A request through a proxy that wants to know who asks.
fn through(rig: &Rig, url: &str, proxy: &Server) -> FetchRequest {
    let proxy = format!("http://me:{SECRET}@localhost:{}", proxy.address().port());
    FetchRequest { proxy: Some(proxy.parse().unwrap()), ..rig.request(url) }
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::file(BODY));
    let address = server.address();
    let proxy = Server::start(None, move |request| {
        if request.header("proxy-authorization").is_some() {
            Answer::head("200 OK", &[]).then(Step::Tunnel(address))
        } else {
            Answer::new("407 Proxy Authentication Required", &[], b"")
        }
    });
    // The proxy resolves the name, and knows the way.
    let request = through(&rig, &server.url("/p.wasm"), &proxy);
    assert_eq!(rig.fetch(&request).await.unwrap().bytes(), BODY);
    assert_eq!(proxy.seen()[0].method, "CONNECT");
    assert_eq!(server.seen()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn plain_http_goes_through_the_proxy_too() {
    let rig = Rig::new();
    let proxy = Server::start(None, |_| Answer::file(BODY));
    let mut request = through(&rig, "http://plugins.invalid/p.wasm", &proxy);
    request.allow_http = true;
    assert_eq!(rig.fetch(&request).await.unwrap().bytes(), BODY);
    assert_eq!(proxy.seen()[0].target, "http://plugins.invalid/p.wasm");
}

#[tokio::test]
async fn what_the_proxy_does_not_do_is_said() {
    let rig = Rig::new();
    let server = rig.server(|_| Answer::file(BODY));
    for (status, told) in [("407 Proxy Authentication Required", "407"), ("403 Forbidden", "proxy")] {
        let proxy = Server::start(None, move |_| Answer::new(status, &[], b""));
        let error = rig.fetch(&through(&rig, &server.url("/"), &proxy)).await.unwrap_err();
        assert_eq!(error.reason, LoadReason::Unreachable);
        assert!(error.message.contains(told), "{error}");
    }
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut request = rig.request(&server.url("/"));
    request.proxy = Some(format!("http://me:{SECRET}@{gone}").parse().unwrap());
    let error = rig.fetch(&request).await.unwrap_err();
    assert_eq!(error.reason, LoadReason::Unreachable);
    assert!(error.hint.contains("proxy"), "{error:?}");

    for proxy in ["socks5://localhost:1080", "file:///etc/passwd"] {
        request.proxy = Some(proxy.parse().unwrap());
        assert_eq!(rig.fetch(&request).await.unwrap_err().reason, LoadReason::InvalidConfig);
    }
    assert_eq!(server.seen(), []);
}
