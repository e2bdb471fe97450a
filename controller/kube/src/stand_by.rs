//! Whether this process may write: what the lease says, unless another controller is at work.
//!
//! The election and the event loop tell what they see, and everybody who writes asks [`Leadership`], which hears the
//! outcome. It changes before the shell is told of what changed it.
//!
//! [`Leadership`]: crate::leadership::Leadership

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Operation, Request, builtin, object};
use tidegate_core::NoteKind;
use tidegate_handover::{Freshness, Holder, Judge, Lease, Marks, Patience, Sighting, Stance, Why};
use tidegate_model::interest;
use tidegate_shell::KubernetesEvent;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::api::Api;
use crate::clock::Clock;
use crate::health::Health;
use crate::leadership::Leading;
use crate::metrics::Metrics;
use crate::request::FIELD_MANAGER;

/// How often a lease is looked at that this process does not compete for.
const LOOK: Duration = Duration::from_secs(5);

/// Which lease, and whose Rollouts.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) lease_namespace: String,
    pub(crate) lease_name: String,
    /// Argo's `--instance-id`.
    pub(crate) instance_id: Option<String>,
}

/// What is known about other controllers, and what follows.
pub(crate) struct StandBy {
    scope: Scope,
    started: Instant,
    leading: watch::Sender<Leading>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    judge: Judge,
    /// What the lease alone says.
    lease: Leading,
    stance: Stance,
    untold: Vec<KubernetesEvent>,
}

impl StandBy {
    pub(crate) fn new(
        scope: Scope,
        patience: Patience,
        leading: watch::Sender<Leading>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        clock: Clock,
    ) -> Self {
        let state = State {
            judge: Judge::new(patience),
            lease: Leading::No,
            stance: Stance::Free,
            untold: Vec::new(),
        };
        Self { scope, started: Instant::now(), leading, metrics, health, clock, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the lease says, and who holds it if this process does not.
    pub(crate) fn lease(&self, leading: Leading, holder: Option<&str>) {
        let mut state = self.state();
        let lease = match (leading, holder) {
            (Leading::Held { .. } | Leading::Always, _) => Lease::Ours,
            (Leading::No, Some(holder)) => Lease::Theirs { holder: holder.to_owned() },
            (Leading::No, None) => Lease::Nobodys,
        };
        state.lease = leading;
        state.judge.lease(self.started.elapsed(), self.clock.now(), lease);
        self.settle(&mut state, None);
    }

    /// A Rollout as the API server has it.
    pub(crate) fn saw(&self, rollout: &Value) {
        let key = (object::namespace(rollout), object::name(rollout));
        let mut state = self.state();
        if interest::is_of_instance(rollout, self.scope.instance_id.as_deref()) {
            let marks = Marks::of(rollout, FIELD_MANAGER);
            state.judge.saw(self.started.elapsed(), self.clock.now(), key, &marks);
            self.settle(&mut state, Some(rollout));
        } else {
            state.judge.gone(key);
        }
    }

    /// A Rollout is gone.
    pub(crate) fn gone(&self, rollout: &Value) {
        self.state().judge.gone((object::namespace(rollout), object::name(rollout)));
    }

    /// All Rollouts come now.
    pub(crate) fn list_began(&self) {
        self.state().judge.list_began();
    }

    /// All have come; the others are gone.
    pub(crate) fn list_ended(&self) {
        self.state().judge.list_ended();
    }

    /// Looks whether enough time has passed; answers what is to be published.
    pub(crate) fn look(&self) -> Vec<KubernetesEvent> {
        let mut state = self.state();
        self.settle(&mut state, None);
        std::mem::take(&mut state.untold)
    }

    fn settle(&self, state: &mut State, rollout: Option<&Value>) {
        let stance = state.judge.stance(self.started.elapsed());
        let leading = match stance {
            Stance::StandBy(Why::Writes { .. }) => Leading::No,
            _ => state.lease,
        };
        self.leading.send_if_modified(|before| {
            let changed = *before != leading;
            *before = leading;
            changed
        });
        if stance == state.stance {
            return;
        }
        match &stance {
            Stance::Free => {
                info!("no other controller is heard any more: not standing by");
                self.metrics.standing_by(None);
                self.health.standing_by(None);
            }
            Stance::StandBy(why) => {
                let is_news =
                    !matches!(&state.stance, Stance::StandBy(before) if before.reason() == why.reason());
                if is_news {
                    warn!(reason = why.reason(), "{why}");
                    state.untold.push(self.event(why, rollout));
                }
                self.metrics.standing_by(Some(why.reason()));
                self.health.standing_by(Some(why.to_string()));
            }
        }
        state.stance = stance;
    }

    /// What `kubectl describe` shows: of the Rollout that another one wrote to, or of the lease.
    fn event(&self, why: &Why, rollout: Option<&Value>) -> KubernetesEvent {
        let (kind, regarding) = match (why, rollout) {
            (Why::Writes { .. }, Some(rollout)) => (NoteKind::Warning, rollout.clone()),
            (Why::Writes { rollout: (namespace, name), .. }, None) => {
                let rollouts = builtin::rollouts();
                let reference = json!({
                    "apiVersion": rollouts.api_version(), "kind": &*rollouts.kind,
                    "metadata": { "namespace": namespace, "name": name },
                });
                (NoteKind::Warning, reference)
            }
            (Why::Lease { .. }, _) => {
                let leases = builtin::leases();
                let reference = json!({
                    "apiVersion": leases.api_version(), "kind": &*leases.kind,
                    "metadata": { "namespace": self.scope.lease_namespace, "name": self.scope.lease_name },
                });
                (NoteKind::Normal, reference)
            }
        };
        KubernetesEvent {
            regarding: Arc::new(regarding),
            kind,
            reason: "StandingBy".to_owned(),
            message: why.to_string(),
        }
    }
}

/// Instead of an election: leads, unless a controller of Argo Rollouts holds its lease.
pub(crate) async fn alone(api: Api, stand_by: Arc<StandBy>, mut released: oneshot::Receiver<()>) {
    let request = Request {
        resource: builtin::leases(),
        namespace: Some(stand_by.scope.lease_namespace.clone()),
        operation: Operation::Get { name: stand_by.scope.lease_name.clone() },
    };
    let mut freshness = Freshness::default();
    loop {
        let seen = match api.send(&request).await {
            Ok(lease) => Some(sighting(&lease)),
            Err(error) if error.is_not_found() => Some(None),
            Err(error) if error.is_missing_right() => {
                debug!(%error, "the lease cannot be looked at");
                Some(None)
            }
            // Nobody can write now; what was known last still holds.
            Err(_) => None,
        };
        if let Some(seen) = seen {
            let holder = freshness.look(stand_by.started.elapsed(), seen);
            match holder.filter(|holder| Holder::of(holder) == Holder::Argo) {
                Some(holder) => stand_by.lease(Leading::No, Some(holder)),
                None => stand_by.lease(Leading::Always, None),
            }
        }
        tokio::select! {
            _ = &mut released => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn sighting(lease: &Value) -> Option<Sighting> {
    let spec = lease.get("spec")?;
    let text = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let seconds = spec.get("leaseDurationSeconds").and_then(Value::as_u64).unwrap_or_default();
    Some(Sighting {
        holder: text("holderIdentity"),
        renewed: text("renewTime"),
        duration: Duration::from_secs(seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leadership::Leadership;

    fn stand_by() -> (StandBy, Leadership, Arc<Metrics>, Arc<Health>) {
        let (leading, leadership) = Leadership::new();
        let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::new()));
        let scope = Scope {
            lease_namespace: "argo-rollouts".into(),
            lease_name: "lock".into(),
            instance_id: Some("blue".into()),
        };
        let clock = Clock::system();
        let stand_by =
            StandBy::new(scope, Patience::default(), leading, metrics.clone(), health.clone(), clock);
        (stand_by, leadership, metrics, health)
    }

    fn rollout(instance: &str, time: &str) -> Value {
        json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {
            "namespace": "shop", "name": "web",
            "labels": { "argo-rollouts.argoproj.io/controller-instance-id": instance },
            "managedFields": [{ "manager": "rollouts-controller", "subresource": "status", "time": time }],
        }})
    }

    #[test]
    fn who_writes_beside_us_stops_us_and_it_is_said_everywhere() {
        let (stand_by, leadership, metrics, health) = stand_by();
        stand_by.lease(Leading::Always, None);
        stand_by.saw(&rollout("blue", "2020-01-01T00:00:00Z"));
        stand_by.saw(&rollout("green", "2020-01-01T00:00:01Z"));
        assert!(leadership.may_write(), "what happens to the Rollouts of others is not our business");
        assert!(stand_by.look().is_empty());

        stand_by.saw(&rollout("blue", "2020-01-01T00:00:00Z"));
        assert!(leadership.may_write(), "an old write is history");
        stand_by.saw(&rollout("blue", "2020-01-01T00:00:02Z"));
        assert!(!leadership.may_write());
        let events = stand_by.look();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].regarding["metadata"]["name"], "web");
        assert_eq!(events[0].reason, "StandingBy");
        assert!(stand_by.look().is_empty(), "it is said once");
        let text = metrics.text().unwrap();
        assert!(text.contains("tidegate_standing_by{reason=\"ForeignWrites\"} 1"), "{text}");
        assert!(health.note().is_some_and(|note| note.contains("shop/web")));
    }

    #[test]
    fn a_lease_of_argo_is_told_of_and_its_end_too() {
        let (stand_by, leadership, metrics, health) = stand_by();
        let holder = "argo-rollouts-0_0b1e2d3c-4455-6677-8899-aabbccddeeff";
        stand_by.lease(Leading::No, Some(holder));
        assert!(!leadership.may_write());
        assert_eq!(stand_by.look()[0].regarding["metadata"]["name"], "lock");
        assert!(health.note().is_some_and(|note| note.contains(holder)));
        stand_by.lease(Leading::Always, None);
        assert!(leadership.may_write() && health.note().is_none());
        let text = metrics.text().unwrap();
        assert!(text.contains("tidegate_standing_by{reason=\"ForeignLease\"} 0"), "{text}");
    }
}
