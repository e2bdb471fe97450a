//! The end of a run: what was wrong is put right, and then everything must get where it should be, and be silent.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_analysis::Phase;
use tidegate_api::{builtin, object};
use tidegate_model::Status;
use tidegate_model::names::{condition, phase};
use tidegate_model::routing_record::has_finalizer;

use crate::evidence;
use crate::facts::{Facts, http_routes};
use crate::happening::{GatewayFault, PluginFault, Pods};
use crate::manifests;
use crate::scenario::{App, NAMESPACE, PLUGINS};
use crate::simulation::{CONTROLLERS, Simulation};

/// A system that has sent nothing for this long will not by itself; the controller looks at everything every quarter of an
/// hour, and pauses, delays and deadlines of the scenarios are shorter.
const SILENCE: Duration = Duration::from_mins(35);

/// What takes longer than this never ends.
const PATIENCE: Duration = Duration::from_hours(6);

impl Simulation {
    /// Puts everything right, and sees that the system gets where it should be.
    pub(crate) fn end_well(&mut self) {
        self.heal();
        if !self.falls_silent("after the faults") {
            return;
        }
        let now = self.elapsed();
        if let Some(message) = self.what_is_given_up_in_vain() {
            return self.checker.violated(now, "converges", message);
        }
        self.finish();
        if self.checker.violation().is_some() || !self.falls_silent("at the end") {
            return;
        }
        let now = self.elapsed();
        if let Some(message) = self.what_is_wrong() {
            self.checker.violated(now, "converges", message);
        }
    }

    /// The canary of an aborted update that still gets requests, although its routers could end that.
    pub(crate) fn what_is_given_up_in_vain(&self) -> Option<String> {
        let in_vain = self.checker.facts().find(|(_, facts)| is_given_up_in_vain(facts));
        let in_vain = in_vain
            .map(|(app, _)| format!("Rollout {} is aborted, and its canary still gets requests", app.name));
        let is_valid =
            |facts: &Facts| facts.status().is_none_or(|status| !is_true(status, condition::INVALID_SPEC));
        // Where the spec is not valid, nobody knows for which template it was.
        let condemned = self.checker.facts().find(|(_, facts)| facts.is_condemned() && is_valid(facts));
        in_vain.or_else(|| {
            let (app, _) = condemned?;
            Some(format!(
                "what was measured speaks against the update of Rollout {}, and it goes on",
                app.name
            ))
        })
    }

    /// What is not as it should be once nothing happens any more.
    pub(crate) fn what_is_wrong(&self) -> Option<String> {
        let found = self.checker.facts().find_map(|(app, facts)| Some((&app.name, wrong(facts)?)));
        let found = found.map(|(name, what)| format!("Rollout {name} is not as it should be: {what}"));
        found.or_else(|| self.what_is_left_over())
    }

    /// Whether an update is under way beside which something is measured.
    fn is_measured(&self) -> bool {
        let lab = self.checker.lab();
        lab.runs.iter().any(|run| !run.phase.is_some_and(Phase::is_completed))
    }

    /// How the Rollouts are, in words.
    pub(crate) fn states(&self) -> String {
        let states: Vec<String> = self.checker.facts().map(|(app, facts)| state(app, facts)).collect();
        states.join("; ")
    }

    /// All faults end. What users have done stays.
    fn heal(&mut self) {
        self.trace.say(self.elapsed(), || "** everything is put right".to_owned());
        for process in &mut self.processes {
            process.armed.clear();
        }
        self.watches_heal();
        self.surroundings_heal();
        self.tell_plugins();
        self.observe();
        // What is late arrives, and processes that were down are back.
        self.run(Duration::from_mins(1));
        for controller in 1..CONTROLLERS {
            self.lead(controller, false);
        }
        self.lead(0, true);
        self.replace_failing_pods();
        self.observe();
    }

    /// Plugins, gateways and new pods are as they should be.
    pub(crate) fn surroundings_heal(&mut self) {
        for plugin in 0..PLUGINS.len() {
            self.plugins.set(plugin, PluginFault::Well);
        }
        self.gateways_behave(GatewayFault::Well);
        for image in 0..=u8::MAX {
            self.pods_behave(image, Pods::Well);
        }
        self.evidence_heals();
    }

    /// Deletes pods that do not work.
    pub(crate) fn replace_failing_pods(&mut self) {
        // Pods that began to fail go on as they began.
        let failing = |pod: &Value| {
            let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
            let is_over = pod.pointer("/status/phase").and_then(Value::as_str) == Some("Succeeded");
            let all_ready = |all: &Vec<Value>| all.iter().all(|one| one.get("ready") == Some(&json!(true)));
            let restarted = |all: &Vec<Value>| {
                all.iter()
                    .any(|one| one.get("restartCount").and_then(Value::as_u64).is_some_and(|count| count > 0))
            };
            !is_over && statuses.is_none_or(|all| !all_ready(all) || restarted(all))
        };
        let kind = builtin::pods();
        let pods = self.cluster.objects(&kind, Some(NAMESPACE));
        let names: Vec<String> =
            pods.filter(|pod| failing(pod)).map(|pod| object::name(pod).to_owned()).collect();
        for name in names {
            self.delete(&kind, &name);
        }
    }

    /// Runs until nothing has been sent for a long time. Whether that came.
    fn falls_silent(&mut self, when: &str) -> bool {
        let began = self.elapsed();
        loop {
            let (requests, events, evidence) = (self.requests, self.events, self.evidence_requests);
            self.run(SILENCE);
            if self.checker.violation().is_some() {
                return false;
            }
            // An update that is paused may be measured for ever.
            let is_silent = self.requests - requests == self.evidence_requests - evidence;
            if is_silent && self.events == events && (self.is_measured() || self.requests == requests) {
                return true;
            }
            if self.elapsed().saturating_sub(began) > PATIENCE {
                let sent = self.requests - requests;
                let message = format!("{sent} requests in the last {} min, {when}", SILENCE.as_secs() / 60);
                let now = self.elapsed();
                self.checker.violated(now, "silent", message);
                return false;
            }
        }
    }

    /// Users finish what they have begun.
    fn finish(&mut self) {
        self.trace.say(self.elapsed(), || "** users finish what they have begun".to_owned());
        let began = self.elapsed();
        while self.checker.violation().is_none() {
            if self.finish_all() {
                return;
            }
            self.observe();
            self.run(Duration::from_secs(30));
            if self.elapsed().saturating_sub(began) > PATIENCE {
                let (now, states) = (self.elapsed(), self.states());
                self.checker.violated(now, "converges", states);
            }
        }
    }

    /// Does what users would do now; whether there is nothing to do.
    pub(crate) fn finish_all(&mut self) -> bool {
        let apps = self.scenario.apps.clone();
        let mut is_done = true;
        for app in &apps {
            is_done &= self.finish_one(app);
        }
        is_done
    }

    /// Does what a user would do about a Rollout now; whether there is nothing to do.
    fn finish_one(&mut self, app: &App) -> bool {
        let Some(rollout) = self.rollout(&app.name) else { return true };
        let at = |pointer: &str| rollout.pointer(pointer).cloned().unwrap_or_default();
        let conditions = at("/status/conditions");
        let mut conditions = conditions.as_array().into_iter().flatten();
        if conditions.any(|one| one.get("reason").and_then(Value::as_str) == Some("WriteRejected")) {
            // The API server refused what was written to a route. It is tried again when the route changes.
            self.rehosted = self.rehosted.wrapping_add(1);
            let host = format!("shop-{}.example", self.rehosted);
            for name in app.routes() {
                self.patch(&http_routes(), name, None, json!({"spec": {"hostnames": [host]}}));
            }
        } else if at("/status/phase") == phase::HEALTHY
            && at("/status/observedGeneration").as_str() == generation(&rollout).as_deref()
        {
            return true;
        }
        if self.cluster.object(&builtin::deployments(), NAMESPACE, &app.name).is_none()
            && let Some(deployment) = manifests::deployment(app, 0)
        {
            self.create(deployment);
        }
        if at("/spec/strategy/canary/steps/0/setWeight")
            .as_u64()
            .is_some_and(|weight| weight > app.max_weight.into())
        {
            self.patch_rollout(
                &app.name,
                None,
                json!({"spec": {"strategy": {"canary": {"steps": app.steps}}}}),
            );
        }
        if is_true(&Status::read(&rollout), condition::INVALID_SPEC) {
            // A merge patch leaves what it does not name.
            for analysis in [Value::Null, evidence::replaced(app)] {
                let canary = json!({"steps": app.steps, "analysis": analysis});
                self.patch_rollout(&app.name, None, json!({"spec": {"strategy": {"canary": canary}}}));
            }
        }
        if at("/spec/paused") == json!(true) {
            self.patch_rollout(&app.name, None, json!({"spec": {"paused": false}}));
        }
        if at("/status/abort") == json!(true) {
            self.patch_status(&app.name, json!({"abort": false}));
        } else if at("/status/pauseConditions").as_array().is_some_and(|pauses| !pauses.is_empty()) {
            self.patch_status(&app.name, json!({"pauseConditions": null}));
        }
        false
    }
}

/// Whether the canary of an aborted update still gets requests, although its routers could end that.
fn is_given_up_in_vain(facts: &Facts) -> bool {
    let is_ready = facts.status().and_then(|status| status.condition(condition::TRAFFIC_ROUTER_READY));
    let is_paused = facts.spec().is_some_and(|spec| spec.paused);
    facts.is_aborted()
        && !is_paused
        && facts.carries(1)
        && is_ready.is_some_and(|ready| ready.status == "True")
}

/// Whether a status has a condition that is true.
fn is_true(status: &Status, kind: &str) -> bool {
    status.condition(kind).is_some_and(|one| one.status == "True")
}

fn generation(rollout: &Value) -> Option<String> {
    object::generation(rollout).map(|generation| generation.to_string())
}

fn state(app: &App, facts: &Facts) -> String {
    let text = |pointer: &str| {
        let rollout = facts.rollout.as_ref();
        rollout.and_then(|one| one.object.pointer(pointer)).map(Value::to_string).unwrap_or_default()
    };
    let conditions = facts.status().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let conditions =
        conditions.iter().filter(|one| one.kind.starts_with("Traffic") || one.status == "Unknown");
    let conditions: Vec<String> = conditions
        .map(|one| format!("{}={} {}: {}", one.kind, one.status, one.reason, one.message))
        .collect();
    format!(
        "Rollout {} is {} {} at step {}; {}",
        app.name,
        text("/status/phase"),
        text("/status/message"),
        text("/status/currentStepIndex"),
        conditions.join("; ")
    )
}

/// How many pods a Deployment still has that should have given them all up.
fn superfluous(facts: &Facts) -> Option<i64> {
    let rollout = facts.rollout.as_ref()?;
    let scale_down = rollout.object.pointer("/spec/workloadRef/scaleDown")?.as_str()?;
    let left = facts.deployment.as_ref()?.pointer("/spec/replicas")?.as_i64()?;
    (scale_down != "never" && left > 0).then_some(left)
}

/// What a ReplicaSet should have from its Rollout besides the template, and does not.
fn beside(rollout: &Value, set: &Value) -> Option<String> {
    let seconds =
        |object: &Value| object.pointer("/spec/minReadySeconds").and_then(Value::as_i64).unwrap_or_default();
    let team = |object: &Value| object::annotation(object, "team").map(str::to_owned);
    let (wanted, found) = ((seconds(rollout), team(rollout)), (seconds(set), team(set)));
    (wanted != found).then(|| format!("{} has {found:?}, and its Rollout {wanted:?}", object::name(set)))
}

/// What is not as it should be once nothing happens any more.
fn wrong(facts: &Facts) -> Option<String> {
    let (spec, status) = facts.spec().zip(facts.status())?;
    let stable = &status.stable_rs;
    if *stable != status.current_pod_hash {
        return Some(format!("it is still between {stable} and {}", status.current_pod_hash));
    }
    let image = |template: &Value| template.pointer("/spec/containers/0/image").cloned();
    let set = facts.set(stable);
    let template = set.and_then(|set| set.object.pointer("/spec/template"));
    if template.and_then(image) != image(facts.template()) {
        return Some("the stable pods are not of its template".to_owned());
    }
    if let Some(beside) =
        facts.rollout.as_ref().zip(set).and_then(|(rollout, set)| beside(&rollout.object, &set.object))
    {
        return Some(beside);
    }
    for set in &facts.sets {
        let wanted = if set.hash == *stable { spec.replicas } else { 0 };
        if (set.desired, set.available) != (wanted, wanted) {
            return Some(format!(
                "{} has {} of {} pods, and should have {wanted}",
                set.name, set.available, set.desired
            ));
        }
    }
    let others = i64::try_from(facts.sets.len()).unwrap_or(i64::MAX).saturating_sub(1);
    if others > spec.revision_history_limit {
        return Some(format!("{others} old ReplicaSets are kept"));
    }
    let time = |pointer: &str| {
        let text = facts.rollout.as_ref()?.object.pointer(pointer)?.as_str()?;
        text.parse::<jiff::Timestamp>().ok()
    };
    if time("/spec/restartAt").is_some_and(|at| time("/status/restartedAt") != Some(at)) {
        return Some("its pods were to be restarted".to_owned());
    }
    if spec.replicas > 0
        && let Some(left) = superfluous(facts)
    {
        return Some(format!("its Deployment has {left} pods"));
    }
    if spec.replicas > 0 {
        for role in 0..2 {
            if facts.selected(role) != Some(stable) {
                return Some(format!("role {role} selects {:?}", facts.selected(role)));
            }
        }
    }
    if facts.carries(1) || !facts.canary_is_everywhere(0) {
        return Some(format!("the canary still gets {:?}", facts.largest_share(1)));
    }
    if facts.rollout.as_ref().is_some_and(|rollout| has_finalizer(&rollout.object)) {
        return Some("its deletion would still be held up".to_owned());
    }
    for kind in [
        condition::INTERNAL_ERROR,
        "WriteFailed",
        condition::TRAFFIC_NOT_VERIFIED,
        condition::TRAFFIC_HELD,
        condition::INVALID_SPEC,
    ] {
        if is_true(status, kind) {
            return Some(format!("it has the condition {kind}"));
        }
    }
    (!is_true(status, condition::TRAFFIC_ROUTER_READY)).then(|| "its routers are not ready".to_owned())
}
