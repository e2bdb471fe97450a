//! A stand-in API server for unit tests: answers with what a test has prepared, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use futures::{StreamExt, stream};
use kube::{Client, Config};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::api::Api;

/// One prepared answer.
#[derive(Clone, Debug)]
pub(crate) enum Prepared {
    /// A whole answer.
    Json(u16, Value),
    /// A whole answer, after a while.
    Late(Duration, Value),
    /// A watch: these pieces, then the connection is cut, or stays open for ever.
    Stream { pieces: Vec<String>, cut: bool },
}

#[derive(Default)]
struct Script {
    /// For requests whose URI contains this, the answers in order; the last one again and again.
    answers: Vec<(String, VecDeque<Prepared>)>,
    asked: Vec<String>,
}

/// A stand-in API server.
#[derive(Clone, Default)]
pub(crate) struct StandIn(Arc<Mutex<Script>>);

impl StandIn {
    /// Prepares an answer for requests whose method and URI contain this text. Earlier texts are tried first.
    pub(crate) fn prepare(&self, part: &str, answer: Prepared) {
        let mut script = self.0.lock().unwrap();
        match script.answers.iter_mut().find(|(known, _)| known == part) {
            Some((_, answers)) => answers.push_back(answer),
            None => script.answers.push((part.to_owned(), VecDeque::from([answer]))),
        }
    }

    /// What was asked so far: method and URI.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    fn prepared(&self, line: &str) -> Option<Prepared> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(line.to_owned());
        let (_, answers) = script.answers.iter_mut().find(|(part, _)| line.contains(part.as_str()))?;
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    }

    async fn answer(&self, line: String) -> Response {
        match self.prepared(&line) {
            Some(Prepared::Late(wait, value)) => {
                tokio::time::sleep(wait).await;
                respond(200, Body::from(value.to_string()))
            }
            Some(Prepared::Json(code, value)) => respond(code, Body::from(value.to_string())),
            Some(Prepared::Stream { pieces, cut }) => {
                let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
                let end = stream::once(async move {
                    if cut {
                        // A connection that breaks takes along what was not sent yet.
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        Err(std::io::Error::other("cut"))
                    } else {
                        std::future::pending().await
                    }
                });
                respond(200, Body::from_stream(pieces.chain(end)))
            }
            None => respond(404, Body::from("404 page not found")),
        }
    }

    /// Starts it; answers a way to it.
    pub(crate) async fn start(&self) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = self.clone();
        let router = Router::new().fallback(move |request: Request| {
            let script = script.clone();
            let line = format!("{} {}", request.method(), request.uri());
            async move { script.answer(line).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut config = Config::new(format!("http://{address}").parse().unwrap());
        config.default_retry = false;
        Api::new(Client::try_from(config).unwrap())
    }
}

fn respond(code: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
