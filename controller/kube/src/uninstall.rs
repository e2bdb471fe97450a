//! Taking the controller out of a cluster: for each Rollout everything is given back, or left as it is for another controller,
//! and nothing of Tidegate's own stays on it. The same shell does it that runs the canaries, with the lease held.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{Operation, Request, builtin, object};
use tidegate_model::names::{OWN_PREFIX, condition};
use tidegate_model::routing_record::has_finalizer;
use tidegate_model::{RoutingRecord, interest};
use tidegate_shell::{Ending, Report};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::api::Api;

/// How often it is looked what is left.
const LOOK: Duration = Duration::from_secs(2);

/// So long nobody is told that the lease is waited for.
const QUIET: Duration = Duration::from_secs(4);

/// What is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many Rollouts are looked at.
    Began {
        /// How many.
        rollouts: usize,
    },
    /// Another controller holds the lease.
    LeaseHeld {
        /// Who.
        holder: String,
    },
    /// Nothing is held for a Rollout any more.
    Done {
        /// Namespace and name.
        rollout: String,
        /// The objects that were given back, or left; kind, then namespace and name.
        objects: Vec<String>,
    },
}

/// What has not been given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Namespace and name of the Rollout.
    pub rollout: String,
    /// Why, as far as it is known.
    pub why: String,
}

/// Which Rollouts are meant.
pub(crate) struct Meant {
    pub(crate) namespace: Option<String>,
    pub(crate) instance_id: Option<String>,
    pub(crate) lease_namespace: String,
    pub(crate) lease_name: String,
}

/// How a controller is taken out of a cluster.
pub struct Closing {
    /// What is done for each Rollout.
    pub ending: Ending,
    /// How long it may take.
    pub deadline: Duration,
    /// Is told what is going on.
    pub tell: Box<dyn FnMut(Progress) + Send>,
}

impl Closing {
    /// Watches until nothing is left to do, or time is up.
    pub(crate) async fn watch(
        self,
        meant: Meant,
        api: Api,
        reports: mpsc::UnboundedReceiver<Report>,
        done: oneshot::Sender<Vec<Left>>,
    ) {
        let Self { deadline, tell, .. } = self;
        Watcher { api, meant, reports, deadline, tell }.run(done).await;
    }
}

/// Watches until nothing is left to do, or time is up.
struct Watcher {
    api: Api,
    meant: Meant,
    reports: mpsc::UnboundedReceiver<Report>,
    deadline: Duration,
    tell: Box<dyn FnMut(Progress) + Send>,
}

/// What is known of the Rollouts.
#[derive(Default)]
struct Ledger {
    /// The objects that were recorded, by Rollout.
    meant: Option<BTreeMap<String, Vec<String>>>,
    given_back: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Watcher {
    /// Answers with what was left when time was up; nothing: all is done.
    async fn run(mut self, done: oneshot::Sender<Vec<Left>>) {
        let began = Instant::now();
        let mut ledger = Ledger::default();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_lease_told = false;
        let left = loop {
            tokio::select! {
                Some(report) = self.reports.recv() => {
                    if let Report::GivenBack { rollout } = report {
                        ledger.given_back.insert(format!("{}/{}", rollout.namespace, rollout.name));
                    }
                }
                _ = looks.tick() => {
                    let left = self.look(&mut ledger).await;
                    if left.is_empty() || began.elapsed() >= self.deadline {
                        break left;
                    }
                    if !is_lease_told && ledger.given_back.is_empty() && began.elapsed() >= QUIET {
                        is_lease_told = self.tell_lease().await;
                    }
                }
            }
        };
        let _ = done.send(left);
    }

    /// What is left now.
    async fn look(&mut self, ledger: &mut Ledger) -> Vec<Left> {
        let request = Request {
            resource: builtin::rollouts(),
            namespace: self.meant.namespace.clone(),
            operation: Operation::List { labels: None },
        };
        let rollouts = match self.api.send(&request).await {
            Ok(mut list) => match list.get_mut("items").map(Value::take) {
                Some(Value::Array(rollouts)) => rollouts,
                _ => Vec::new(),
            },
            Err(error) => {
                return vec![Left {
                    rollout: "all".to_owned(),
                    why: format!("they cannot be listed: {error}"),
                }];
            }
        };
        let instance_id = self.meant.instance_id.as_deref();
        let mut left = Vec::new();
        let ours: Vec<&Value> =
            rollouts.iter().filter(|rollout| interest::is_of_instance(rollout, instance_id)).collect();
        if ledger.meant.is_none() {
            (self.tell)(Progress::Began { rollouts: ours.len() });
            ledger.meant = Some(ours.iter().map(|rollout| (name_of(rollout), recorded(rollout))).collect());
        }
        for rollout in ours {
            let name = name_of(rollout);
            if has_marks(rollout) || !(ledger.given_back.contains(&name) || is_without_us(rollout)) {
                left.push(Left { rollout: name, why: why(rollout) });
            } else if ledger.told.insert(name.clone()) {
                let objects =
                    ledger.meant.as_ref().and_then(|meant| meant.get(&name)).cloned().unwrap_or_default();
                (self.tell)(Progress::Done { rollout: name, objects });
            }
        }
        left
    }

    async fn tell_lease(&mut self) -> bool {
        let request = Request {
            resource: builtin::leases(),
            namespace: Some(self.meant.lease_namespace.clone()),
            operation: Operation::Get { name: self.meant.lease_name.clone() },
        };
        let Ok(lease) = self.api.send(&request).await else { return false };
        let holder = lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default();
        if !holder.is_empty() {
            (self.tell)(Progress::LeaseHeld { holder: holder.to_owned() });
        }
        true
    }
}

fn name_of(rollout: &Value) -> String {
    format!("{}/{}", object::namespace(rollout), object::name(rollout))
}

fn recorded(rollout: &Value) -> Vec<String> {
    RoutingRecord::read(rollout).targets.into_iter().flat_map(|target| target.objects).collect()
}

/// Whether something of Tidegate's own is on a Rollout.
fn has_marks(rollout: &Value) -> bool {
    let annotations = rollout.pointer("/metadata/annotations").and_then(Value::as_object);
    let is_own = |key: &String| key.starts_with(OWN_PREFIX) && key.as_str() != SKIP;
    has_finalizer(rollout) || annotations.is_some_and(|all| all.keys().any(is_own))
}

/// The one annotation that is the user's.
const SKIP: &str = tidegate_model::names::SKIP_RELEASE_ANNOTATION;

/// Whether it is being deleted, and we have nothing to do with how long that takes.
fn is_without_us(rollout: &Value) -> bool {
    object::is_deleting(rollout) && !has_finalizer(rollout)
}

fn why(rollout: &Value) -> String {
    let conditions = rollout.pointer("/status/conditions").and_then(Value::as_array);
    let text =
        |one: &Value, field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let failing = conditions.into_iter().flatten().find(|one| {
        text(one, "type") == condition::TRAFFIC_ROUTER_READY && text(one, "status") == "False"
            || text(one, "type") == "WriteFailed"
    });
    failing.map_or_else(
        || "it was not looked at in time".to_owned(),
        |one| format!("{}: {}", text(one, "reason"), text(one, "message")),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_on_a_rollout_is_seen() {
        let rollout = |metadata: Value| json!({"metadata": metadata});
        assert!(!has_marks(&rollout(json!({"finalizers": ["example.com/x"], "annotations": {"a": "b"}}))));
        assert!(!has_marks(&rollout(json!({"annotations": {"tidegate.dev/skip-release": "true"}}))));
        assert!(has_marks(&rollout(json!({"finalizers": ["tidegate.dev/release"]}))));
        assert!(has_marks(&rollout(json!({"annotations": {"tidegate.dev/state": "{}"}}))));
        assert!(has_marks(&rollout(json!({"annotations": {"tidegate.dev/router-plugins": "{}"}}))));
    }

    #[test]
    fn the_condition_says_why() {
        let rollout = json!({"status": {"conditions": [
            {"type": "Available", "status": "False", "reason": "A", "message": "b"},
            {"type": "TrafficRouterReady", "status": "False", "reason": "Forbidden", "message": "no"},
        ]}});
        assert_eq!(why(&rollout), "Forbidden: no");
        assert_eq!(why(&json!({})), "it was not looked at in time");
    }
}
