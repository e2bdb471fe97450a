//! What the controller asks for and writes, and how soon after what happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::{Method, Request};
use serde_json::Value;
use tidegate_api::object;
use tidegate_cluster::Change;

use crate::manifests::REPLICAS;

/// What is known so far, for whoever asks.
#[derive(Clone)]
pub(crate) struct Traffic(Arc<Mutex<Seen>>);

struct Seen {
    /// Requests but for watches and the lease.
    loud: u64,
    last_loud: Instant,
    writes: u64,
    /// What each Rollout has not been answered for: when the first of it happened.
    waiting: BTreeMap<(String, String), Instant>,
    latencies: Vec<Duration>,
    /// Paths of requests, for whoever wonders.
    last: Vec<String>,
}

/// What was counted in some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) loud: u64,
    pub(crate) writes: u64,
    pub(crate) last_loud: Instant,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Seen {
            loud: 0,
            last_loud: Instant::now(),
            writes: 0,
            waiting: BTreeMap::new(),
            latencies: Vec::new(),
            last: Vec::new(),
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Seen) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of a request of the controller that has arrived.
    pub(crate) fn requested(&self, request: &Request<Bytes>) {
        let now = Instant::now();
        let path = request.uri().path();
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        if is_watch || path.contains("/leases") {
            return;
        }
        self.with(|seen| {
            seen.loud += 1;
            seen.last_loud = now;
            if seen.last.len() > 20 {
                seen.last.remove(0);
            }
            seen.last.push(format!("{} {path}", request.method()));
            if *request.method() == Method::GET || path.contains("/events") {
                return;
            }
            seen.writes += 1;
            let body = || serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
            if let Some(rollout) = rollout_of_path(path, body)
                && let Some(since) = seen.waiting.remove(&rollout)
            {
                seen.latencies.push(now.duration_since(since));
            }
        });
    }

    /// Takes note of a change. Those that the controller has to answer with a write are: another template of a Rollout, all
    /// pods of a ReplicaSet available, a gateway's report on a route.
    pub(crate) fn changed(&self, change: &Change) {
        let (before, after) = (change.before.as_deref(), &*change.object);
        let differs =
            |pointer: &str| before.is_some_and(|before| before.pointer(pointer) != after.pointer(pointer));
        let kind = after.get("kind").and_then(Value::as_str).unwrap_or_default();
        let concerns = match kind {
            "Rollout" => differs("/spec/template").then(|| object::name(after).to_owned()),
            "ReplicaSet" => {
                let number =
                    |pointer: &str| after.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
                let is_complete = number("/status/availableReplicas") == number("/spec/replicas");
                let is_news = differs("/status/availableReplicas") && number("/spec/replicas") <= REPLICAS;
                (is_complete && is_news).then(|| app_of(object::name(after)))
            }
            "HTTPRoute" => differs("/status").then(|| object::name(after).to_owned()),
            _ => None,
        };
        if let Some(name) = concerns {
            let key = (object::namespace(after).to_owned(), name);
            self.with(|seen| {
                seen.waiting.entry(key).or_insert_with(Instant::now);
            });
        }
    }

    pub(crate) fn count(&self) -> Count {
        self.with(|seen| Count { loud: seen.loud, writes: seen.writes, last_loud: seen.last_loud })
    }

    /// The requests that came last.
    pub(crate) fn last(&self) -> Vec<String> {
        self.with(|seen| seen.last.clone())
    }

    /// From now on only what happens from now on is looked at.
    pub(crate) fn forget(&self) {
        self.with(|seen| {
            seen.waiting.clear();
            seen.latencies.clear();
        });
    }

    /// The times from what happened to the write that followed, in order.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let mut latencies = self.with(|seen| seen.latencies.clone());
        latencies.sort_unstable();
        latencies
    }
}

/// The name of the app that a ReplicaSet, or a Service, is of: its own up to the last hyphen.
fn app_of(name: &str) -> String {
    name.rsplit_once('-').map_or(name, |(app, _)| app).to_owned()
}

/// Namespace and app of what is written.
fn rollout_of_path(path: &str, body: impl FnOnce() -> Value) -> Option<(String, String)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let at = parts.iter().position(|part| *part == "namespaces")?;
    let [namespace, plural, rest @ ..] = parts.get(at + 1..)? else { return None };
    let name = match rest.first() {
        Some(name) => (*name).to_owned(),
        None => object::name(&body()).to_owned(),
    };
    let app = match *plural {
        "rollouts" | "httproutes" => name,
        "replicasets" | "services" => app_of(&name),
        _ => return None,
    };
    Some(((*namespace).to_owned(), app))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_of_their_rollout() {
        let of = |path: &str, body: Value| {
            rollout_of_path(path, || body).map(|(namespace, app)| format!("{namespace}/{app}"))
        };
        let none = Value::Null;
        for (path, body, expected) in [
            ("/apis/argoproj.io/v1alpha1/namespaces/a/rollouts/web/status", none.clone(), Some("a/web")),
            ("/api/v1/namespaces/a/services/web-canary", none.clone(), Some("a/web")),
            ("/apis/apps/v1/namespaces/a/replicasets/app-1-6f9/scale", none.clone(), Some("a/app-1")),
            (
                "/apis/apps/v1/namespaces/a/replicasets",
                serde_json::json!({"metadata": {"name": "app-1-6f9"}}),
                Some("a/app-1"),
            ),
            ("/api/v1/namespaces/a/events", none, None),
        ] {
            assert_eq!(of(path, body).as_deref(), expected, "{path}");
        }
    }
}
