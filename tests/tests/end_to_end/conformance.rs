//! The same requests to the in-memory cluster and to the real API server, answer by answer.
//!
//! Simulation, demo and the deterministic tests are worth as much as the in-memory cluster is true. A script
//! sends requests and may use what earlier answers said (uids, resource versions); it runs on both servers, and
//! the answers must be equal once what has to differ is evened out: uids, versions as numbers, times, generated
//! names, addresses.

mod built_in;
mod client;
mod older;
mod rollouts;
mod routes;
mod server;
mod strict;

use client::Client;
use server::Server;

/// Runs a script on both and compares.
fn compare(name: &str, script: impl AsyncFn(&mut Client)) {
    let servers = tidegate_tests::servers();
    servers.run(async {
        let namespace = format!("conform-{name}-{}", fastrand::u32(..));
        let mut real = Client::new(Server::real(servers, &namespace).await, &namespace);
        let mut model = Client::new(Server::model(), &namespace);
        script(&mut real).await;
        script(&mut model).await;
        let (mut real, mut model) = (real.into_notes(), model.into_notes());
        assert_eq!(real.len(), model.len(), "the script took different ways:\n{real:#?}\n{model:#?}");
        if servers.is_old() {
            for notes in [&mut real, &mut model] {
                notes.retain(|note| older::is_comparable(name, note));
                for note in notes.iter_mut() {
                    older::even(&mut note.answer);
                }
            }
        }
        let mut differences = String::new();
        for (real, model) in real.iter().zip(&model) {
            if real != model {
                differences.push_str(&format!(
                    "\n{}\n  real server: {}\n  in memory:   {}\n",
                    real.what, real.answer, model.answer
                ));
            }
        }
        assert!(differences.is_empty(), "{name}: the two answered differently:\n{differences}");
    });
}
