use serde_json::json;
use tidegate_api::{Body, Operation, Request, builtin};
use tidegate_fetch::Roots;
use tidegate_handover::Patience;
use tidegate_measure::{MeasureOptions, Measurer};
use tidegate_shell::{Plugins, RequestId, WatchKey};
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::api::Api;
use crate::leadership::Leading;
use crate::stand_by::Scope;
use crate::testing::{Prepared, StandIn};
use crate::watch::WatchTiming;

/// What the shell was told, in words.
fn word(event: &Event) -> String {
    match event {
        Event::Leading(leading) => format!("leading {leading}"),
        Event::Plugins(_) => "plugins".into(),
        Event::Listed { .. } => "listed".into(),
        Event::ListBegan { .. } => "list began".into(),
        Event::ListEnded { .. } => "list ended".into(),
        Event::Changed { object, .. } => format!("changed {}", tidegate_api::object::name(object)),
        Event::Removed { object, .. } => format!("removed {}", tidegate_api::object::name(object)),
        Event::Unwatchable { .. } => "unwatchable".into(),
        Event::Answered { id, result } => format!("answered {} {}", id.0, result.is_ok()),
        Event::Routed { .. } => "routed".into(),
        Event::Measured { .. } => "measured".into(),
        Event::Woken => "woken".into(),
    }
}

struct Rig {
    told: UnboundedReceiver<String>,
    phase: watch::Sender<Phase>,
    lease: watch::Sender<Leading>,
    health: Arc<Health>,
    task: tokio::task::JoinHandle<()>,
}

/// A driver whose shell answers an event, by its word, with effects.
fn start(api: Api, mut react: impl FnMut(&str, Now) -> Vec<Effect> + Send + 'static) -> Rig {
    let (tell, told) = mpsc::unbounded_channel();
    let (lease, leadership) = Leadership::new();
    lease.send_replace(Leading::Always);
    let metrics = Arc::new(Metrics::new());
    let health = Arc::new(Health::new());
    let (watched, reports) = mpsc::channel(4);
    let scope = Scope { lease_namespace: "ns".into(), lease_name: "lock".into(), instance_id: None };
    let (leading, _) = Leadership::new();
    let stand_by =
        StandBy::new(scope, Patience::default(), leading, metrics.clone(), health.clone(), Clock::system())
            .into();
    let (publisher, publishing) =
        Publisher::new(api.clone(), leadership.clone(), metrics.clone(), "test".into(), Clock::system());
    tokio::spawn(publishing);
    let parts = Parts {
        jobs: Jobs::new(api.clone(), leadership.clone(), metrics.clone(), 1),
        measuring: Measuring::new(Measurer::new(MeasureOptions::new(Roots::native()))),
        watches: Watches::new(api, metrics.clone(), WatchTiming::default(), watched),
        reports,
        publisher,
        leadership,
        stand_by,
        shadow: None,
        health: health.clone(),
        metrics,
        plugins: watch::channel(Plugins::default()).1,
        in_use: watch::channel(None).0,
        listener: None,
        clock: Clock::system(),
    };
    let shell = move |now: Now, event: Event| {
        let word = word(&event);
        let effects = react(&word, now);
        tell.send(word).unwrap();
        effects
    };
    let (phase, phases) = watch::channel(Phase::Running);
    let driver = Driver::new(shell, parts);
    let task = tokio::spawn(driver.run(phases, Duration::from_secs(60)));
    Rig { told, phase, lease, health, task }
}

impl Rig {
    async fn told(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(60), self.told.recv()).await.unwrap().unwrap()
    }

    async fn expect(&mut self, words: &[&str]) {
        for word in words {
            assert_eq!(self.told().await, *word);
        }
    }
}

fn patch(id: u64) -> Effect {
    let operation = Operation::Patch { name: "web".into(), subresource: None, body: Body::Merge(json!({})) };
    let request = Request { resource: builtin::services(), namespace: Some("shop".into()), operation };
    Effect::Send { id: RequestId(id), request }
}

fn services() -> WatchKey {
    WatchKey { group: "".into(), kind: "Service".into(), versions: Vec::new(), namespace: None, name: None }
}

#[tokio::test]
async fn what_is_under_way_ends_and_nothing_new_begins() {
    let server = StandIn::default();
    server.prepare("services/web", Prepared::Late(Duration::from_millis(300), json!({})));
    let mut rig = start(server.start().await, |word, _| match word {
        "woken" => vec![patch(1)],
        // Too late: the end has begun.
        "leading false" => vec![patch(2)],
        _ => Vec::new(),
    });
    rig.expect(&["plugins", "leading true", "woken"]).await;
    rig.phase.send_replace(Phase::Draining);
    rig.expect(&["leading false", "answered 1 true"]).await;
    rig.task.await.unwrap();
    assert_eq!(rig.told.recv().await, None);
    assert!(rig.health.ready().is_err());
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
}

#[tokio::test]
async fn the_shell_learns_at_once_whether_it_leads() {
    let mut rig = start(StandIn::default().start().await, |_, _| Vec::new());
    rig.expect(&["plugins", "leading true", "woken"]).await;
    rig.lease.send_replace(Leading::No);
    rig.expect(&["leading false"]).await;
    rig.lease.send_replace(Leading::Always);
    rig.expect(&["leading true"]).await;
}

#[tokio::test]
async fn the_earliest_wake_up_counts() {
    let mut rig = start(StandIn::default().start().await, {
        let mut woken = 0;
        move |word, now| {
            if word == "woken" {
                woken += 1;
            }
            match (word, woken) {
                ("woken", 1) => vec![
                    Effect::WakeAt(now.monotonic + Duration::from_secs(3600)),
                    Effect::WakeAt(now.monotonic + Duration::from_millis(20)),
                    Effect::WakeAt(now.monotonic + Duration::from_secs(7200)),
                ],
                _ => Vec::new(),
            }
        }
    });
    rig.expect(&["plugins", "leading true", "woken", "woken"]).await;
}

#[tokio::test]
async fn a_watch_reports_until_it_is_not_wanted() {
    let server = StandIn::default();
    let service = json!({ "metadata": { "name": "web", "resourceVersion": "1" } });
    server.prepare("watch=true", Prepared::Stream { pieces: Vec::new(), cut: false });
    let list = json!({ "metadata": { "resourceVersion": "5" }, "items": [service] });
    server.prepare("services?limit", Prepared::Json(200, list));
    let resources = json!({ "resources": [
        { "name": "services", "kind": "Service", "namespaced": true, "verbs": ["list", "watch"] },
    ]});
    server.prepare("GET /api/v1", Prepared::Json(200, resources));
    let mut rig = start(server.start().await, |word, _| match word {
        "plugins" => vec![Effect::Watch(services()), Effect::Watch(services())],
        // What was still on its way is not reported any more.
        "list began" => vec![Effect::Unwatch(services()), Effect::WakeAt(Duration::ZERO)],
        _ => Vec::new(),
    });
    rig.expect(&["plugins", "leading true", "woken"]).await;
    assert!(rig.health.ready().is_err(), "nothing is known yet");
    rig.expect(&["list began", "woken"]).await;
    rig.phase.send_replace(Phase::Draining);
    rig.expect(&["leading false"]).await;
    rig.task.await.unwrap();
    assert_eq!(rig.told.recv().await, None);
}
