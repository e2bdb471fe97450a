//! The same requests to the in-memory cluster and to the real API server, answer by answer.
//!
//! Simulation, demo and the deterministic tests are worth as much as the in-memory cluster is true. A script
//! sends requests and may use what earlier answers said (uids, resource versions); it runs on the real server, on the
//! in-memory cluster by plain calls and on the same over HTTP, and the answers must be equal once what has to differ is
//! evened out: uids, versions as numbers, times, generated names, addresses. What only HTTP has (discovery, pages,
//! watches) is compared between the two that speak it.

mod built_in;
mod client;
mod http;
mod older;
mod rollouts;
mod routes;
mod server;
mod strict;

use client::{Client, Note};
use server::Server;

/// Runs a script on all and compares.
fn compare(name: &str, script: impl AsyncFn(&mut Client)) {
    let servers = tidegate_tests::servers();
    servers.run(async {
        let namespace = format!("conform-{name}-{}", fastrand::u32(..));
        let real = notes(Server::real(servers, &namespace).await, &namespace, &script).await;
        let model = notes(Server::model(), &namespace, &script).await;
        let http = notes(Server::http(false).await, &namespace, &script).await;
        let old = servers.is_old();
        assert_same(name, old, &real, &model, "in memory");
        assert_same(name, old, &real, &http, "over HTTP");
    });
}

/// The same for scripts that only a server on a socket understands.
fn compare_http(name: &str, script: impl AsyncFn(&mut Client)) {
    let servers = tidegate_tests::servers();
    servers.run(async {
        let namespace = format!("conform-{name}-{}", fastrand::u32(..));
        let real = notes(Server::real(servers, &namespace).await, &namespace, &script).await;
        let http = notes(Server::http(true).await, &namespace, &script).await;
        assert_same(name, servers.is_old(), &real, &http, "over HTTP");
    });
}

async fn notes(server: Server, namespace: &str, script: impl AsyncFn(&mut Client)) -> Vec<Note> {
    let mut client = Client::new(server, namespace);
    script(&mut client).await;
    client.into_notes()
}

fn assert_same(name: &str, is_old: bool, real: &[Note], other: &[Note], which: &str) {
    assert_eq!(real.len(), other.len(), "the script took different ways:\n{real:#?}\n{other:#?}");
    let mut differences = String::new();
    for (real, other) in real.iter().zip(other) {
        let (mut real, mut other) = (real.clone(), other.clone());
        if is_old {
            if !older::is_comparable(name, &real) {
                continue;
            }
            older::even(&mut real.answer);
            older::even(&mut other.answer);
        }
        if real != other {
            differences.push_str(&format!(
                "\n{}\n  real server: {}\n  {which}: {}\n",
                real.what, real.answer, other.answer
            ));
        }
    }
    assert!(differences.is_empty(), "{name}: the two answered differently:\n{differences}");
}
