//! What is true of one Rollout at one moment, read from the cluster's objects alone: who is selected, how many pods there are,
//! and where traffic goes, as routes say and as gateways do it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::Phase;
use tidegate_api::{Resource, builtin, object};
use tidegate_cluster::Cluster;
use tidegate_model::names::HASH_LABEL;
use tidegate_model::{PingOrPong, ProgressThreshold, ReplicaSet, Rollout, RoutingRecord, Status, Step};

use crate::division::{Division, share};
use crate::lab::Lab;
use crate::scenario::{App, NAMESPACE};

/// The kinds that facts are read from.
#[derive(Debug)]
pub(crate) struct Kinds {
    rollouts: Resource,
    sets: Resource,
    services: Resource,
    routes: Resource,
    deployments: Resource,
}

impl Kinds {
    pub(crate) fn new() -> Self {
        Self {
            rollouts: builtin::rollouts(),
            sets: builtin::replica_sets(),
            services: builtin::services(),
            routes: http_routes(),
            deployments: builtin::deployments(),
        }
    }
}

/// The kind of the routes.
pub(crate) fn http_routes() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
}

/// What is true of one Rollout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The Rollout; nothing: it is not there.
    pub(crate) rollout: Option<Arc<Read>>,
    /// The Deployment that it takes its template from.
    pub(crate) deployment: Option<Arc<Value>>,
    /// The Services, in the order of [`App::services`].
    pub(crate) services: [Option<Arc<Selected>>; 2],
    /// Which of them is in the stable role.
    stable: usize,
    /// Its ReplicaSets.
    pub(crate) sets: Vec<Arc<ReplicaSet>>,
    /// Its routes.
    pub(crate) routes: Vec<Route>,
    /// Whether what gateways do can be told at all.
    pub(crate) gateway_tells: bool,
    /// Whether a user, not a controller, has written the selectors of the Services last.
    pub(crate) edited: [bool; 2],
    /// What there is of analyses and experiments, of all Rollouts.
    pub(crate) lab: Arc<Lab>,
}

/// A Rollout, read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) object: Arc<Value>,
    pub(crate) spec: Rollout,
    pub(crate) status: Status,
}

/// A Service and the template hash that it selects.
#[derive(Debug)]
pub(crate) struct Selected {
    object: Arc<Value>,
    pub(crate) hash: Option<String>,
}

/// A route, as it is written and as gateways have taken it.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) written: Option<Arc<Division>>,
    pub(crate) taken: Vec<Arc<Division>>,
    /// Whether its router waits for what gateways report.
    pub(crate) is_verified: bool,
    /// Whether the Rollout's configuration names it now.
    pub(crate) is_wanted: bool,
    /// Whether the Rollout says that it has written to it.
    pub(crate) is_held: bool,
}

impl Facts {
    /// What is true now. Parts that have not changed are shared with what was true `last`.
    pub(crate) fn read(
        cluster: &Cluster,
        kinds: &Kinds,
        app: &App,
        gateway_tells: bool,
        edited: [bool; 2],
        lab: &Arc<Lab>,
        last: Option<&Self>,
    ) -> Self {
        let get = |resource: &Resource, name: &str| cluster.object(resource, NAMESPACE, name);
        let rollout = get(&kinds.rollouts, &app.name).map(|object| {
            let known = last.and_then(|last| last.rollout.as_ref());
            known.filter(|known| Arc::ptr_eq(&known.object, object)).cloned().unwrap_or_else(|| {
                Arc::new(Read {
                    object: object.clone(),
                    spec: Rollout::read(object),
                    status: Status::read(object),
                })
            })
        });
        let mut services = [None, None];
        for (index, name) in app.services().iter().enumerate() {
            let Some(object) = get(&kinds.services, name) else { continue };
            let known = last.and_then(|last| last.services.get(index)?.as_ref());
            let known = known.filter(|known| Arc::ptr_eq(&known.object, object)).cloned();
            if let Some(place) = services.get_mut(index) {
                *place = Some(known.unwrap_or_else(|| Arc::new(Selected::read(object))));
            }
        }
        let sets =
            rollout.as_ref().map(|rollout| read_sets(cluster, kinds, object::uid(&rollout.object), last));
        let names = app.routes().enumerate();
        let routes = names
            .map(|(index, name)| {
                let known = last.and_then(|last| last.routes.get(index));
                Route::read(cluster, &kinds.routes, name, app, rollout.as_deref(), known)
            })
            .collect();
        let deployment = app.deployment.and_then(|_| get(&kinds.deployments, &app.name)).cloned();
        let sets = sets.unwrap_or_default();
        let stable = rollout.as_deref().map_or(0, |rollout| stable_of(rollout, app));
        Self { rollout, deployment, services, stable, sets, routes, gateway_tells, edited, lab: lab.clone() }
    }

    /// Whether nothing has changed.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same = |one: Option<&Arc<Value>>, other: Option<&Arc<Value>>| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        let rollout = |facts: &Self| facts.rollout.as_ref().map(|rollout| rollout.object.clone());
        let services = self.services.iter().zip(&other.services).all(|(one, other)| {
            same(one.as_ref().map(|one| &one.object), other.as_ref().map(|other| &other.object))
        });
        let sets = self.sets.len() == other.sets.len()
            && self.sets.iter().zip(&other.sets).all(|(one, other)| Arc::ptr_eq(one, other));
        same(rollout(self).as_ref(), rollout(other).as_ref())
            && same(self.deployment.as_ref(), other.deployment.as_ref())
            && services
            && sets
            && self.gateway_tells == other.gateway_tells
            && self.edited == other.edited
            && Arc::ptr_eq(&self.lab, &other.lab)
            && self.routes.len() == other.routes.len()
            && self.routes.iter().zip(&other.routes).all(|(one, other)| one.is_same(other))
    }

    /// The newest template, wherever it stands; null: nobody knows.
    pub(crate) fn template(&self) -> &Value {
        let template = self
            .rollout
            .as_ref()
            .map(|rollout| tidegate_model::workload::template(&rollout.object, self.deployment.as_deref()));
        template.unwrap_or(&Value::Null)
    }

    /// The uid of the Rollout; empty: there is none.
    pub(crate) fn uid(&self) -> &str {
        self.rollout.as_ref().map_or("", |rollout| object::uid(&rollout.object))
    }

    /// The status; nothing: there is no Rollout.
    pub(crate) fn status(&self) -> Option<&Status> {
        self.rollout.as_ref().map(|rollout| &rollout.status)
    }

    /// The spec.
    pub(crate) fn spec(&self) -> Option<&Rollout> {
        self.rollout.as_ref().map(|rollout| &rollout.spec)
    }

    /// The place in [`App::services`] of the Service in a role; 0: stable, 1: canary. And the role of the Service at a place.
    pub(crate) const fn place(&self, role: usize) -> usize {
        if self.stable == 0 { role } else { 1 - role }
    }

    /// The template hash that a role's Service selects.
    pub(crate) fn selected(&self, role: usize) -> Option<&str> {
        self.services.get(self.place(role))?.as_ref()?.hash.as_deref()
    }

    /// Whether the Service in the canary role leads to the stable pods, too, or to all pods: whatever it gets is stable's.
    pub(crate) fn is_canary_stable(&self) -> bool {
        let Some(status) = self.status() else { return true };
        self.selected(1).is_none_or(|hash| hash == status.stable_rs)
    }

    /// Whether it goes back to a template of the rollback window.
    pub(crate) fn is_fast_rollback(&self) -> bool {
        let Some((spec, status)) = self.spec().zip(self.status()) else { return false };
        let made = |hash: &str| self.set(hash).and_then(|set| set.created_at);
        let (Some(new), Some(stable)) = (made(&status.current_pod_hash), made(&status.stable_rs)) else {
            return false;
        };
        let between =
            self.sets.iter().filter_map(|set| set.created_at).filter(|at| new < *at && *at < stable);
        new < stable && i64::try_from(between.count()).is_ok_and(|count| count < spec.rollback_window)
    }

    /// The ReplicaSet with a template hash.
    pub(crate) fn set(&self, hash: &str) -> Option<&ReplicaSet> {
        self.sets.iter().find(|set| set.hash == hash).map(Arc::as_ref)
    }

    /// How many available pods there are of a template.
    pub(crate) fn available(&self, hash: &str) -> i64 {
        self.set(hash).map_or(0, |set| set.available)
    }

    /// How many of so many wanted pods suffice.
    pub(crate) fn sufficient(&self, wanted: i64) -> i64 {
        match self.spec().and_then(|spec| spec.canary.progress_threshold) {
            None => wanted,
            Some(ProgressThreshold::Percent(percent)) => (wanted * percent + 99) / 100,
            Some(ProgressThreshold::Pods(pods)) => pods.min(wanted),
        }
    }

    /// For how many pods of stable those that are available and meant to stay count.
    pub(crate) fn counted(&self, hash: &str) -> i64 {
        let pods = self.set(hash).map_or(0, |set| set.available.min(set.desired));
        match self.spec().and_then(|spec| spec.canary.progress_threshold) {
            Some(ProgressThreshold::Percent(percent)) => pods * 100 / percent.max(1),
            None | Some(ProgressThreshold::Pods(_)) => pods,
        }
    }

    /// Whether the update was given up, with something to go back to.
    pub(crate) fn is_aborted(&self) -> bool {
        self.status().is_some_and(|status| {
            status.abort
                && status.stable_rs != status.current_pod_hash
                && self.set(&status.stable_rs).is_some()
                && !self.is_fast_rollback()
        })
    }

    /// Whether an analysis or an experiment that the status names for the update has gone wrong, and the update goes on.
    pub(crate) fn is_condemned(&self) -> bool {
        let Some(status) = self.status() else { return false };
        let is_bad = |phase: Option<Phase>| matches!(phase, Some(Phase::Failed | Phase::Error));
        let runs = [&status.step_run, &status.background_run];
        let mut runs = runs.into_iter().flatten().filter_map(|run| self.lab.run(&run.name));
        // Of another template, or before somebody tried again, it says nothing.
        let hash =
            |object: &Value| object::label(object, HASH_LABEL) == Some(status.current_pod_hash.as_str());
        let experiment = self.lab.experiment(&status.current_experiment);
        let is_open = status.stable_rs != status.current_pod_hash
            && !status.stable_rs.is_empty()
            && !status.abort
            && !status.promote_full
            && status.aborted_at.is_none()
            && !self.is_fast_rollback();
        is_open
            && (runs.any(|run| is_bad(run.phase) && hash(&run.object))
                || experiment.is_some_and(|one| is_bad(one.phase) && hash(&one.object)))
    }

    /// The divisions of traffic that may be in force: those written, and those that gateways still follow.
    pub(crate) fn divisions(&self) -> impl Iterator<Item = &Division> {
        let tells = self.gateway_tells;
        self.routes.iter().filter(|route| route.is_wanted || route.is_held).flat_map(move |route| {
            let taken = route.taken.iter().filter(move |_| tells && route.is_verified);
            route.written.iter().chain(taken).map(Arc::as_ref)
        })
    }

    /// The largest share of a role's Service in any rule: weight and sum.
    pub(crate) fn largest_share(&self, role: usize) -> (u64, u64) {
        let place = self.place(role);
        let shares = self.divisions().flat_map(|division| &division.rules).map(|rule| share(rule, place));
        shares.fold((0, 1), |largest, one| if one.0 * largest.1 > largest.0 * one.1 { one } else { largest })
    }

    /// Whether a role gets requests: by weight, or (the canary) by a managed route.
    pub(crate) fn carries(&self, role: usize) -> bool {
        let is_led_to = || self.divisions().any(|division| division.leads_to(self.place(1)));
        self.largest_share(role).0 > 0 || (role == 1 && is_led_to())
    }

    /// Whether a role gets anything by what is written in routes, whatever gateways make of it.
    pub(crate) fn carries_by_what_is_written(&self, role: usize) -> bool {
        let routes = self.routes.iter().filter(|route| route.is_wanted || route.is_held);
        routes.filter_map(|route| route.written.as_ref()).any(|division| {
            let place = self.place(role);
            (role == 1 && division.leads_to(place)) || division.most(place) > 0
        })
    }

    /// Whether anything is sent to a Service that is in none of the roles, by what is written or by what gateways still follow.
    pub(crate) fn feeds(&self, service: &str) -> bool {
        self.divisions().any(|division| division.largest_other(service).0 > 0)
    }

    /// The Services of experiments that the Rollout says it has given something, or is about to.
    pub(crate) fn given(&self) -> BTreeSet<String> {
        let rollout = self.rollout.as_ref();
        rollout.map(|rollout| tidegate_experiment::held(&rollout.object, None)).unwrap_or_default()
    }

    /// Whether anything is sent to any such Service.
    pub(crate) fn feeds_others(&self) -> bool {
        self.divisions().any(Division::feeds_others)
    }

    /// Whether the canary has something in a route that the configuration names no more.
    pub(crate) fn leaves_something_behind(&self) -> bool {
        let left = self.routes.iter().filter(|route| route.is_held && !route.is_wanted);
        let place = self.place(1);
        left.filter_map(|route| route.written.as_ref())
            .any(|division| division.leads_to(place) || division.most(place) > 0)
    }

    /// How many pods of this template the traffic needs that they get now, of so many for all of it.
    pub(crate) fn needed_pods(&self, hash: &str, replicas: i64) -> i64 {
        if replicas <= 0 {
            return 0;
        }
        let roles = [0, 1].into_iter().filter(|role| self.selected(*role) == Some(hash));
        let pods = roles.map(|role| {
            let (weight, total) = self.largest_share(role);
            let product = i128::from(weight) * i128::from(replicas.max(0));
            let total = i128::from(total.max(1));
            let pods = i64::try_from((product + total - 1) / total).unwrap_or(i64::MAX);
            if self.carries(role) { pods.max(1) } else { pods }
        });
        pods.max().unwrap_or_default()
    }

    /// Whether the canary has this weight everywhere, and nowhere another.
    pub(crate) fn canary_is_everywhere(&self, weight: u64) -> bool {
        self.is_everywhere(self.place(1), weight)
    }

    /// Whether the Service at a place of [`App::services`] has this weight everywhere, and nowhere another.
    pub(crate) fn is_everywhere(&self, place: usize, weight: u64) -> bool {
        let wanted = self.routes.iter().filter(|route| route.is_wanted);
        let divisions = wanted.flat_map(|route| {
            let taken = route.taken.iter().filter(|_| self.gateway_tells && route.is_verified);
            route.written.iter().chain(taken)
        });
        divisions
            .into_iter()
            .flat_map(|division| &division.rules)
            .all(|rule| rule.get(place) == Some(&weight))
    }

    /// The weight of the last `setWeight` among the first `count` steps.
    pub(crate) fn weight_after(&self, count: usize) -> u32 {
        let Some(spec) = self.spec() else { return 0 };
        let set = spec.canary.steps.iter().take(count).rev().find_map(|step| match step {
            Step::SetWeight(weight) => Some(*weight),
            _ => None,
        });
        set.unwrap_or_default().min(spec.canary.max_weight())
    }
}

/// Which of an app's Services is in the stable role: as the status says that routes have it, else as the spec says it.
fn stable_of(rollout: &Read, app: &App) -> usize {
    let [first, second] = app.services();
    let weights = rollout.status.weights.as_ref();
    let noted = weights.map(|weights| (weights.stable_service.as_str(), weights.canary_service.as_str()));
    if noted == Some((&*first, &*second)) {
        return 0;
    }
    if noted == Some((&*second, &*first)) {
        return 1;
    }
    let stable = match &rollout.spec.canary.ping_pong {
        Some(names) => Some(names.name(rollout.status.stable_ping_pong.unwrap_or(PingOrPong::Pong))),
        None => rollout.spec.canary.stable_service.as_ref(),
    };
    usize::from(stable == Some(&second))
}

fn read_sets(cluster: &Cluster, kinds: &Kinds, uid: &str, last: Option<&Facts>) -> Vec<Arc<ReplicaSet>> {
    let objects = cluster.objects(&kinds.sets, Some(NAMESPACE));
    let own = objects.filter(|set| object::controller_uid(set) == Some(uid));
    own.map(|object| {
        let known = last.and_then(|last| last.sets.iter().find(|set| Arc::ptr_eq(&set.object, object)));
        known.cloned().unwrap_or_else(|| Arc::new(ReplicaSet::read(object)))
    })
    .collect()
}

impl Selected {
    /// Whether this was read from that object.
    pub(crate) fn is_of(&self, object: &Arc<Value>) -> bool {
        Arc::ptr_eq(&self.object, object)
    }

    pub(crate) fn read(object: &Arc<Value>) -> Self {
        let hash = object.pointer("/spec/selector").and_then(|selector| selector.get(HASH_LABEL)?.as_str());
        Self { object: object.clone(), hash: hash.map(str::to_owned) }
    }
}

impl Route {
    fn read(
        cluster: &Cluster,
        routes: &Resource,
        name: &str,
        app: &App,
        rollout: Option<&Read>,
        known: Option<&Self>,
    ) -> Self {
        let divide = |object: &Arc<Value>| {
            let mut known = known.into_iter().flat_map(|known| known.written.iter().chain(&known.taken));
            let same = known.find(|known| Arc::ptr_eq(&known.object, object));
            same.cloned().unwrap_or_else(|| Arc::new(Division::read(object, app)))
        };
        Self {
            written: cluster.object(routes, NAMESPACE, name).map(divide),
            taken: cluster.taken(routes, NAMESPACE, name).map(divide).collect(),
            is_verified: rollout.is_none_or(|rollout| is_verified(&rollout.object, name)),
            is_wanted: rollout.is_none_or(|rollout| router_of(&rollout.object, name).is_some()),
            is_held: rollout.is_some_and(|rollout| is_held(&rollout.object, name)),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let same = |one: &Arc<Division>, other: &Arc<Division>| Arc::ptr_eq(one, other);
        let written = match (&self.written, &other.written) {
            (Some(one), Some(other)) => same(one, other),
            (None, None) => true,
            _ => false,
        };
        written
            && self.is_verified == other.is_verified
            && self.is_wanted == other.is_wanted
            && self.is_held == other.is_held
            && self.taken.len() == other.taken.len()
            && self.taken.iter().zip(&other.taken).all(|(one, other)| same(one, other))
    }
}

/// Whether a Rollout says that it has written to a route.
fn is_held(rollout: &Value, route: &str) -> bool {
    let end = format!(" {NAMESPACE}/{route}");
    RoutingRecord::read(rollout).targets.iter().any(|target| {
        target.objects.iter().any(|object| object.starts_with("HTTPRoute.") && object.ends_with(&end))
    })
}

/// Whether the router that divides this route waits for reports.
fn is_verified(rollout: &Value, route: &str) -> bool {
    router_of(rollout, route).and_then(|router| router.get("verify")).and_then(Value::as_str) != Some("Never")
}

/// The configuration that names a route.
fn router_of<'a>(rollout: &'a Value, route: &str) -> Option<&'a Value> {
    let plugins = rollout.pointer("/spec/strategy/canary/trafficRouting/plugins").and_then(Value::as_object);
    let mut routers = plugins.into_iter().flat_map(serde_json::Map::values);
    let is_meant = |router: &&Value| {
        let names = router.get("httpRoutes").and_then(Value::as_array);
        names.is_none_or(|names| {
            names.iter().any(|one| one.get("name").and_then(Value::as_str) == Some(route))
        })
    };
    routers.find(is_meant)
}
