//! Making happenings happen.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Preconditions, Request, Resource, builtin, object};
use tidegate_cluster::{PodOutcome, PodRule, Rejection};
use tidegate_model::names::HASH_LABEL;
use tidegate_shell::Event;

use crate::facts::http_routes;
use crate::happening::{Edit, GatewayFault, Happening, Pods};
use crate::manifests;
use crate::process::Armed;
use crate::scenario::{App, NAMESPACE};
use crate::simulation::Simulation;

/// How long gateways take when nothing is wrong.
const GATEWAY: Duration = Duration::from_secs(1);

impl Simulation {
    /// Something happens now.
    pub(crate) fn happens(&mut self, what: &Happening) {
        let touches_routes = |edit: &Edit| {
            matches!(
                edit,
                Edit::Weights(..) | Edit::Label(_) | Edit::Rule { .. } | Edit::Canary(_) | Edit::Invalid
            )
        };
        if !matches!(what, Happening::Edit { what, .. } if !touches_routes(what)) {
            self.checker.troubled();
        }
        match what {
            Happening::Edit { app, what } => self.edit(*app, what),
            Happening::Request { controller, which, after, fate } => {
                if let Some(process) = self.processes.get_mut(*controller) {
                    process.armed.push(Armed { which: *which, after: *after, fate: *fate });
                }
            }
            Happening::Crash { controller, down } => self.end(*controller, *down),
            Happening::Leads { controller, leads } => self.lead(*controller, *leads),
            Happening::Watch { controller, kind, what } => self.watches_fail(*controller, *kind, *what),
            Happening::Compact => {
                let version = self.cluster.resource_version();
                self.cluster.compact(version);
            }
            Happening::Plugin { plugin, what } => {
                if self.plugins.set(*plugin, *what) {
                    self.tell_plugins();
                }
            }
            Happening::Gateway(what) => self.gateways_behave(*what),
            Happening::Pods { image, what } => self.pods_behave(*image, *what),
            Happening::PodsLost { app, count } => self.lose_pods(*app, *count),
            Happening::Metrics(what) => self.metrics_behave(*what),
            Happening::Jobs(what) => self.jobs_behave(*what),
            Happening::Meddling(what) => self.meddle(what),
            Happening::ClockJump { seconds } => self.jump(*seconds),
        }
    }

    /// A controller may lead, or not any more. Both may at the same time.
    pub(crate) fn lead(&mut self, controller: usize, leads: bool) {
        if let Some(process) = self.processes.get_mut(controller) {
            process.lease = leads;
        }
        self.step(controller, Event::Leading(leads), None);
    }

    /// Controllers learn which plugins there are.
    pub(crate) fn tell_plugins(&mut self) {
        for controller in 0..self.processes.len() {
            let Some(process) = self.processes.get(controller) else { continue };
            let states = self.plugins.states(&process.in_use);
            self.step(controller, Event::Plugins(states), None);
        }
    }

    pub(crate) fn gateways_behave(&mut self, what: GatewayFault) {
        let reports = self.scenario.gateway_reports;
        let gateway = &mut self.cluster.settings_mut().gateway;
        let (after, tells) = match what {
            GatewayFault::Slow(after) => (after, true),
            GatewayFault::Silent => (GATEWAY, false),
            GatewayFault::Well | GatewayFault::Refuses => (GATEWAY, true),
        };
        // One that never tells cannot be waited for, so it must not be slow.
        gateway.programs_after = Some(if reports { after } else { GATEWAY });
        gateway.reports_after = (reports && tells).then_some(after);
        gateway.rejects = (what == GatewayFault::Refuses && reports).then(|| Rejection {
            reason: "NotAllowedByListeners".to_owned(),
            message: "no listener takes it".to_owned(),
        });
        self.cluster.restart_gateway();
        let now = self.elapsed();
        self.checker.gateway_set(now, reports);
    }

    pub(crate) fn pods_behave(&mut self, image: u8, what: Pods) {
        let image = manifests::image_name(image);
        let rules = &mut self.cluster.settings_mut().pods.rules;
        rules.retain(|rule| rule.image.as_ref() != Some(&image));
        let outcome = match what {
            Pods::Well => return,
            Pods::Slow(after) => PodOutcome::ReadyAfter(after),
            Pods::NeverReady => PodOutcome::NeverReady,
            Pods::Crash(after) => PodOutcome::Crashes { after },
        };
        rules.push(PodRule { image: Some(image), outcome, ..PodRule::default() });
    }

    fn lose_pods(&mut self, app: usize, count: usize) {
        let Some(app) = self.scenario.apps.get(app) else { return };
        let is_own = |pod: &Value| object::label(pod, "app") == Some(&app.name);
        let kind = builtin::pods();
        let pods = self.cluster.objects(&kind, Some(NAMESPACE)).filter(|pod| is_own(pod));
        let names: Vec<String> = pods.map(|pod| object::name(pod).to_owned()).take(count).collect();
        for name in names {
            self.delete(&kind, &name);
        }
    }

    fn edit(&mut self, index: usize, what: &Edit) {
        let Some(app) = self.scenario.apps.get(index).cloned() else { return };
        let name = app.name.clone();
        let spec = |value: Value| json!({"spec": value});
        let canary = |value: Value| json!({"spec": {"strategy": {"canary": value}}});
        match what {
            Edit::Image(image) => {
                let containers = json!([manifests::container(&app, *image)]);
                let kind =
                    if app.deployment.is_some() { builtin::deployments() } else { builtin::rollouts() };
                let body = spec(json!({"template": {"spec": {"containers": containers}}}));
                self.patch(&kind, &name, None, body);
            }
            Edit::Steps(steps) => self.patch_rollout(&name, None, canary(json!({"steps": steps}))),
            Edit::Invalid => {
                let steps = json!([{"setWeight": app.max_weight.saturating_add(1)}]);
                self.patch_rollout(&name, None, canary(json!({"steps": steps})));
            }
            Edit::Replicas(replicas) => self.patch_rollout(&name, None, spec(json!({"replicas": replicas}))),
            Edit::Paused(paused) => self.patch_rollout(&name, None, spec(json!({"paused": paused}))),
            Edit::Canary(fields) => self.patch_rollout(&name, None, canary(fields.clone())),
            Edit::Beside(value) => {
                let metadata = json!({"annotations": {"team": format!("team-{value}")}});
                let body = json!({"metadata": metadata, "spec": {"minReadySeconds": value}});
                self.patch_rollout(&name, None, body);
            }
            Edit::Abort => self.patch_status(&name, json!({"abort": true})),
            Edit::Retry => self.patch_status(&name, json!({"abort": false})),
            Edit::Promote => self.promote(&name),
            Edit::PromoteFull => self.promote_full(&name),
            Edit::Delete => self.delete(&builtin::rollouts(), &name),
            Edit::Make => {
                self.create(manifests::rollout(&app, 0));
            }
            Edit::Restart(seconds) => {
                let at = self.cluster.now().checked_add(jiff::SignedDuration::from_secs(*seconds));
                let at = at.unwrap_or(jiff::Timestamp::MAX);
                // Kubernetes knows whole seconds only.
                let at = jiff::Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
                self.patch_rollout(&name, None, spec(json!({"restartAt": at})));
            }
            Edit::DeleteWorkload => self.delete(&builtin::deployments(), &name),
            Edit::MakeWorkload(image) => {
                if let Some(deployment) = manifests::deployment(&app, *image) {
                    self.create(deployment);
                }
            }
            Edit::ScaleWorkload(replicas) => {
                self.patch(&builtin::deployments(), &name, None, spec(json!({"replicas": replicas})));
            }
            Edit::Weights(..) | Edit::Label(_) | Edit::Rule { .. } => self.edit_route(&app, what),
            Edit::Selector { stable } => {
                let service = if *stable { app.stable_service() } else { app.canary_service() };
                let hash =
                    self.set_of(&name, 0).map(|set| object::label(&set, HASH_LABEL).map(str::to_owned));
                let body = spec(json!({"selector": {HASH_LABEL: hash.flatten()}}));
                self.patch(&builtin::services(), &service, None, body);
                self.checker.selector_edited(index, *stable);
            }
            Edit::Scale { set, replicas } => {
                if let Some(set) = self.set_of(&name, *set) {
                    let body = spec(json!({"replicas": replicas}));
                    self.patch(&builtin::replica_sets(), object::name(&set), None, body);
                }
            }
            Edit::DeleteSet(set) => {
                if let Some(set) = self.set_of(&name, *set) {
                    self.delete(&builtin::replica_sets(), object::name(&set));
                }
            }
        }
    }

    /// What `kubectl argo rollouts promote` does: ends the pause, or skips the step.
    pub(crate) fn promote(&mut self, name: &str) {
        let Some(rollout) = self.rollout(name) else { return };
        let status = |pointer: &str| rollout.pointer(pointer).cloned().unwrap_or_default();
        if rollout.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
            self.patch_rollout(name, None, json!({"spec": {"paused": false}}));
        }
        if status("/status/pauseConditions").as_array().is_some_and(|pauses| !pauses.is_empty()) {
            return self.patch_status(name, json!({"pauseConditions": null}));
        }
        let steps =
            rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
        let index = status("/status/currentStepIndex").as_u64().and_then(|index| usize::try_from(index).ok());
        let is_updating = status("/status/stableRS") != status("/status/currentPodHash");
        if let Some(index) = index.filter(|index| is_updating && *index < steps) {
            self.patch_status(name, json!({"pauseConditions": null, "currentStepIndex": index + 1}));
        }
    }

    /// What `kubectl argo rollouts promote --full` does.
    fn promote_full(&mut self, name: &str) {
        let Some(rollout) = self.rollout(name) else { return };
        let status = |field: &str| rollout.pointer(field).cloned().unwrap_or_default();
        if status("/status/stableRS") != status("/status/currentPodHash") {
            self.patch_status(name, json!({"promoteFull": true}));
        }
    }

    fn edit_route(&mut self, app: &App, what: &Edit) {
        let Some(name) = app.routes().next().map(str::to_owned) else { return };
        let routes = http_routes();
        let Some(route) = self.cluster.object(&routes, NAMESPACE, &name) else { return };
        let rules = route.pointer("/spec/rules").and_then(Value::as_array).cloned().unwrap_or_default();
        let body = match what {
            Edit::Weights(stable, canary) => {
                let weights = [(app.stable_service(), *stable), (app.canary_service(), *canary)];
                json!({"spec": {"rules": rules.into_iter().map(|rule| reweighed(rule, &weights)).collect::<Vec<_>>()}})
            }
            Edit::Rule { first } => {
                let rule = json!({
                    "matches": [{"path": {"type": "Exact", "value": format!("/extra-{}", rules.len())}}],
                    "backendRefs": [{"name": "assets", "port": 80}],
                });
                let mut rules = rules;
                if rules.len() < 12 {
                    rules.insert(if *first { 0 } else { rules.len() }, rule);
                }
                json!({"spec": {"rules": rules}})
            }
            Edit::Label(value) => json!({"metadata": {"labels": {"team": format!("team-{value}")}}}),
            _ => return,
        };
        self.patch(&routes, &name, None, body);
    }

    // ---- A user's requests

    pub(crate) fn patch_rollout(&mut self, name: &str, subresource: Option<&str>, body: Value) {
        self.patch(&builtin::rollouts(), name, subresource, body);
    }

    pub(crate) fn patch_status(&mut self, name: &str, status: Value) {
        self.patch_rollout(name, Some("status"), json!({"status": status}));
    }

    pub(crate) fn patch(&mut self, resource: &Resource, name: &str, subresource: Option<&str>, body: Value) {
        let operation = Operation::Patch {
            name: name.to_owned(),
            subresource: subresource.map(str::to_owned),
            body: Body::Merge(body),
        };
        self.by_user(&request(resource, operation));
    }

    pub(crate) fn delete(&mut self, resource: &Resource, name: &str) {
        let operation = Operation::Delete { name: name.to_owned(), preconditions: Preconditions::default() };
        self.by_user(&request(resource, operation));
    }

    pub(crate) fn rollout(&self, name: &str) -> Option<Value> {
        self.cluster.object(&builtin::rollouts(), NAMESPACE, name).map(|object| object.as_ref().clone())
    }

    /// A Rollout's ReplicaSet of this number, in order of names.
    fn set_of(&self, name: &str, number: usize) -> Option<Value> {
        let rollout = self.cluster.object(&builtin::rollouts(), NAMESPACE, name)?;
        let uid = object::uid(rollout);
        let kind = builtin::replica_sets();
        let sets = self.cluster.objects(&kind, Some(NAMESPACE));
        let mut own = sets.filter(|set| object::controller_uid(set) == Some(uid));
        own.nth(number).map(|set| set.as_ref().clone())
    }
}

/// A request about something in the namespace, or of the cluster.
pub(crate) fn request(resource: &Resource, operation: Operation) -> Request {
    let namespace = resource.namespaced.then(|| NAMESPACE.to_owned());
    Request { resource: resource.clone(), namespace, operation }
}

/// A rule in which Services have these weights.
fn reweighed(mut rule: Value, weights: &[(String, u32)]) -> Value {
    let backends = rule.get_mut("backendRefs").and_then(Value::as_array_mut);
    for backend in backends.into_iter().flatten() {
        let name = backend.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some((_, weight)) = weights.iter().find(|(service, _)| *service == name)
            && let Some(fields) = backend.as_object_mut()
        {
            fields.insert("weight".to_owned(), json!(weight));
        }
    }
    rule
}
