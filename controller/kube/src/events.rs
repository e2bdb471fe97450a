//! Kubernetes events: for people who run `kubectl describe`. Best effort.
//!
//! Each becomes an object of its own. Recorders that aggregate count repeats of a reason and show the text of
//! the first, so that "20 → 40" would read "0 → 20, twice"; what the shell publishes are transitions, few and
//! each with its own text.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{Operation, Request, builtin, object};
use tidegate_core::NoteKind;
use tidegate_shell::KubernetesEvent;
use tokio::sync::mpsc;
use tracing::debug;

use crate::api::{Api, REQUEST_TIMEOUT};
use crate::clock::Clock;
use crate::leadership::Leadership;
use crate::metrics::Metrics;

/// Argo's component name; tools filter by it.
const COMPONENT: &str = "rollouts-controller";

/// So many may wait to be sent. More means that the API server does not keep up; then they are the least
/// important of what it is asked for.
const QUEUE: usize = 1024;

/// Limits of the API server's validation, in bytes.
const MAX_MESSAGE: usize = 1024;
const MAX_REASON: usize = 128;
const MAX_INSTANCE: usize = 128;

/// `Normal` or `Warning`.
pub(crate) fn type_of(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Normal => "Normal",
        NoteKind::Warning => "Warning",
    }
}

/// An event on its way.
struct Waiting {
    at: Timestamp,
    event: KubernetesEvent,
    /// Whether it is about why this process does not lead.
    regardless: bool,
}

/// Where events are handed in.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: mpsc::Sender<Waiting>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Publisher {
    /// A publisher, and the task that sends. It ends when the publisher is gone and all is sent.
    pub(crate) fn new(
        api: Api,
        leadership: Leadership,
        metrics: Arc<Metrics>,
        instance: String,
        clock: Clock,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (
            Self { queue, metrics: metrics.clone(), clock },
            send_all(api, leadership, metrics, instance, waiting),
        )
    }

    /// Hands an event in; never waits.
    pub(crate) fn publish(&self, event: KubernetesEvent) {
        self.hand_in(event, false);
    }

    /// The same for an event that is sent whether this process leads or not.
    pub(crate) fn publish_regardless(&self, event: KubernetesEvent) {
        self.hand_in(event, true);
    }

    fn hand_in(&self, event: KubernetesEvent, regardless: bool) {
        self.metrics.event(&event.regarding, event.kind, &event.reason);
        if self.queue.try_send(Waiting { at: self.clock.now(), event, regardless }).is_err() {
            self.metrics.event_dropped();
        }
    }
}

async fn send_all(
    api: Api,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    instance: String,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    while let Some(Waiting { at, event, regardless }) = waiting.recv().await {
        let limit = if regardless { Some(REQUEST_TIMEOUT) } else { leadership.write_within(REQUEST_TIMEOUT) };
        let sent = match limit {
            Some(limit) => {
                let request = create(at, &event, &instance);
                let started = tokio::time::Instant::now();
                let answer = api.send_within(&request, limit).await;
                let code = answer.as_ref().map_or_else(|error| error.code, |_| 201);
                metrics.requested(&request, code, started.elapsed());
                answer.map(drop)
            }
            None => continue,
        };
        if let Err(error) = sent {
            metrics.event_dropped();
            debug!(reason = event.reason, code = error.code, %error, "could not publish a Kubernetes event");
            // A server that is overloaded or away is not helped by the next one at once.
            if error.is_transient() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// The request that makes the event.
fn create(at: Timestamp, event: &KubernetesEvent, instance: &str) -> Request {
    let regarding = event.regarding.as_ref();
    let field = |field: &str| regarding.get(field).cloned().unwrap_or_default();
    let name = object::name(regarding);
    // Events about cluster-scoped objects live in this namespace, by convention of Kubernetes itself.
    let namespace = match object::namespace(regarding) {
        "" => "default",
        namespace => namespace,
    };
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let object = json!({
        "apiVersion": "v1",
        "kind": "Event",
        // The server makes the name unique.
        "metadata": { "namespace": namespace, "generateName": format!("{name}.") },
        "involvedObject": {
            "apiVersion": field("apiVersion"),
            "kind": field("kind"),
            "namespace": object::namespace(regarding),
            "name": name,
            "uid": object::uid(regarding),
            "resourceVersion": object::resource_version(regarding),
        },
        "reason": shortened(&event.reason, MAX_REASON),
        "message": shortened(&event.message, MAX_MESSAGE),
        "type": type_of(event.kind),
        "source": { "component": COMPONENT },
        "reportingComponent": COMPONENT,
        "reportingInstance": shortened(instance, MAX_INSTANCE),
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    });
    Request {
        resource: builtin::events(),
        namespace: Some(namespace.to_owned()),
        operation: Operation::Create { object: prune(object) },
    }
}

/// Without the fields of the reference that the object does not have.
fn prune(mut event: Value) -> Value {
    if let Some(reference) = event.get_mut("involvedObject").and_then(Value::as_object_mut) {
        reference.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    }
    event
}

/// At most so many bytes, cut between characters.
fn shortened(text: &str, most: usize) -> String {
    const CUT: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(CUT.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_refers_to_its_object_and_keeps_its_text() {
        let event = KubernetesEvent {
            regarding: Arc::new(json!({
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "metadata": { "namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7" },
            })),
            kind: NoteKind::Normal,
            reason: "TrafficWeightUpdated".into(),
            message: "Traffic weight updated from 0 to 20".into(),
        };
        let request = create(Timestamp::UNIX_EPOCH, &event, "pod-1");
        assert_eq!(request.namespace.as_deref(), Some("shop"));
        let Operation::Create { object } = request.operation else { panic!() };
        assert_eq!(object["involvedObject"]["uid"], "u");
        assert_eq!(object["message"], "Traffic weight updated from 0 to 20");
        assert_eq!(object["firstTimestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(object["source"]["component"], "rollouts-controller");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for length in [0, 1, 340, 341, 342, 2000] {
            let text = "€".repeat(length);
            let short = shortened(&text, MAX_MESSAGE);
            assert!(short.len() <= MAX_MESSAGE);
            assert_eq!(short == text, text.len() <= MAX_MESSAGE);
        }
    }
}
