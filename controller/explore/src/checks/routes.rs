//! Routes: only the Rollout's own parts change; weights sum to the largest weight; and the canary gets more only with pods, and
//! only what its step asks for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_model::names::{condition, reason};

use tidegate_model::routing_record::has_finalizer;

use super::{Broken, Scene, Verdict, Write, destinations, differs_only};
use crate::division::{Division, is_managed, list};
use crate::facts::Facts;
use crate::scenario::App;

/// How routes are marked while a canary is under way, as parts of JSON pointers.
const MARK: [&str; 2] = [
    "/metadata/labels/rollouts.argoproj.io~1gatewayapi-canary",
    "/metadata/annotations/rollouts.argoproj.io~1gatewayapi-active-rollouts",
];

/// That nothing changed that belongs to nobody of these.
pub(super) fn check_foreign(apps: &[&App], write: &Write<'_>) -> Verdict {
    let (Some(before), Some(after)) = (write.before, write.after) else {
        return Err(Broken("only-own-objects", format!("{} was made or deleted", write.key)));
    };
    if differs_only(&foreign(apps, before), &foreign(apps, after), &MARK) {
        return Ok(());
    }
    Err(Broken("only-own-fields", format!("{} changed in parts of others", write.key)))
}

/// A route without what is these apps'.
fn foreign(apps: &[&App], route: &Value) -> Value {
    let mut route = route.clone();
    let Some(rules) = route.pointer_mut("/spec/rules").and_then(Value::as_array_mut) else { return route };
    rules.retain(|rule| !apps.iter().any(|app| is_managed(rule, app) && is_of(rule, app)));
    for rule in rules {
        for app in apps {
            let [stable, canary] = app.services();
            let names = |service: &str| list(rule, "/backendRefs").iter().any(|one| name_of(one) == service);
            if !(names(&stable) && names(&canary)) {
                continue;
            }
            let backends = rule.get_mut("backendRefs").and_then(Value::as_array_mut);
            if let Some(backends) = backends {
                // Those of its experiments.
                backends.retain(|one| {
                    [&*stable, &*canary].contains(&name_of(one)) || !is_of_experiment(name_of(one), app)
                });
            }
            let backends = rule.get_mut("backendRefs").and_then(Value::as_array_mut);
            for backend in backends.into_iter().flatten() {
                if [&*stable, &*canary].contains(&name_of(backend))
                    && let Some(fields) = backend.as_object_mut()
                {
                    fields.shift_remove("weight");
                }
            }
        }
    }
    route
}

/// Whether a rule sends everything to an app's Services.
fn is_of(rule: &Value, app: &App) -> bool {
    let own = app.services();
    let backends = list(rule, "/backendRefs");
    let is_own = |name: &str| own.iter().any(|own| name == own) || is_of_experiment(name, app);
    !backends.is_empty() && backends.iter().all(|one| is_own(name_of(one)))
}

/// Whether a Service may belong to an experiment of an app, by its name.
fn is_of_experiment(service: &str, app: &App) -> bool {
    service.strip_prefix(&*app.name).is_some_and(|rest| rest.starts_with('-'))
}

fn name_of(backend: &Value) -> &str {
    backend.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// What changed for one Rollout.
pub(super) fn check(scene: &Scene<'_>, write: &Write<'_>) -> Verdict {
    let (Some(before), Some(after)) = (write.before, write.after) else { return Ok(()) };
    let divide = |route: &Value| Division::read(&Arc::new(route.clone()), scene.app);
    let (before, after) = (divide(before), divide(after));
    for (old, new) in before.rules.iter().zip(&after.rules) {
        way_back(scene, write, old, new)?;
    }
    for (rule, others) in after.rules.iter().zip(&after.others) {
        let [one, other, all] = rule;
        // What no Rollout says it has given, nobody knows to be its own.
        let known = |facts: &Facts| {
            let given = facts.given();
            others
                .iter()
                .filter(|(service, _)| given.contains(*service))
                .map(|(_, weight)| weight)
                .sum::<u64>()
        };
        let is_all = |facts: &Facts| {
            facts.spec().is_none_or(|spec| one + other + known(facts) == u64::from(spec.canary.max_weight()))
        };
        if !before.rules.contains(rule) && !scene.any(is_all) {
            let message = format!(
                "{} has {one} for one Service, {other} for the other, and {all} in all with {others:?}",
                write.key
            );
            return Err(Broken("weights-sum-to-the-largest", message));
        }
    }
    let change = Change { before, after };
    destinations::check(scene, write, &change)?;
    let gets = |facts: &Facts| change.after.most(facts.place(1));
    let now = scene.history.last();
    let may_get = |facts: &Facts| facts.is_canary_stable() || has_pods(facts);
    if !scene.any(|facts| !(change.gets_more(facts, 1) || change.gets_managed(facts)) || may_get(facts)) {
        let message = format!(
            "{}: the canary gets traffic ({:?}) and has no pods",
            write.key,
            now.map(|one| gets(one))
        );
        return Err(Broken("traffic-needs-pods", message));
    }
    let gets_anything = |facts: &Facts| change.gets_more(facts, 1) || change.gets_managed(facts);
    let is_recorded = |facts: &Facts| {
        let has = facts.rollout.as_ref().is_none_or(|one| has_finalizer(&one.object));
        has || facts.is_canary_stable()
    };
    if !scene.any(|facts| !gets_anything(facts) || is_recorded(facts)) {
        let message = format!("{}: the canary gets something, and nothing on the Rollout says so", write.key);
        return Err(Broken("recorded-before-written", message));
    }
    let is_moved = |facts: &Facts| facts.is_canary_stable() || !facts.leaves_something_behind();
    if !scene.any(|facts| !change.gets_more(facts, 1) || is_moved(facts)) {
        let message = format!(
            "{}: the canary gets more, and still has something in routes that are not wanted",
            write.key
        );
        return Err(Broken("old-before-new", message));
    }
    let may_have = |facts: &Facts| facts.is_canary_stable() || allowed(facts).contains(&gets(facts));
    if !scene.any(|facts| !change.gets_more(facts, 1) || may_have(facts)) {
        let (gets, may) = (now.map(|facts| gets(facts)), now.map(|facts| allowed(facts)));
        let message = format!("{}: the canary gets {gets:?} and may have {may:?}", write.key);
        return Err(Broken("weight-of-the-step", message));
    }
    if !scene.any(|facts| !change.gets_more(facts, 1) || facts.is_canary_stable() || !facts.is_condemned()) {
        let message = format!("{}: the canary gets more, and what was measured speaks against it", write.key);
        return Err(Broken("bad-evidence-stops-traffic", message));
    }
    if !scene.any(|facts| !change.gets_more(facts, 0) || is_at_home(scene, facts)) {
        let selected = now.and_then(|facts| facts.selected(0));
        let message = format!("{}: the stable Service gets more and selects {selected:?}", write.key);
        return Err(Broken("stable-weight-goes-to-stable", message));
    }
    // Of what another Rollout writes in a shared route this one's rules are no part.
    if change.after.has_managed()
        && change.before.rules != change.after.rules
        && !scene.any(|facts| !facts.is_aborted())
    {
        let message = format!("{}: a managed route leads to an aborted canary, and stays", write.key);
        return Err(Broken("weight-of-the-step", message));
    }
    if !scene.any(|facts| !change.gets_managed(facts) || (!facts.is_aborted() && !is_promoted(facts))) {
        let message = format!("{}: a managed route leads to a canary that is none", write.key);
        return Err(Broken("weight-of-the-step", message));
    }
    Ok(())
}

/// What a write changes in a route.
pub(super) struct Change {
    pub(super) before: Division,
    pub(super) after: Division,
}

impl Change {
    /// Whether a role gets more.
    fn gets_more(&self, facts: &Facts, role: usize) -> bool {
        // As shares: the sum of what somebody else has written may be another one.
        let place = facts.place(role);
        let ((old, of), (new, total)) = (self.before.largest(place), self.after.largest(place));
        new * of > old * total
    }

    /// Whether a managed route leads to the canary that did not.
    fn gets_managed(&self, facts: &Facts) -> bool {
        let place = facts.place(1);
        self.after.leads_to(place) && !self.before.leads_to(place)
    }
}

/// Whether the stable Service selects the stable pods, or nothing that counts. Where there were no replicas for a time, and where a
/// user has gone ahead without the routers, it may have been left elsewhere.
fn is_at_home(scene: &Scene<'_>, facts: &Facts) -> bool {
    let Some((hash, status)) = facts.selected(0).zip(facts.status()) else { return true };
    let was_left = |facts: &Facts| {
        facts.spec().is_none_or(|spec| spec.replicas == 0)
            || facts.status().is_some_and(|status| status.promote_full)
            || facts.edited != [false; 2]
    };
    hash == status.stable_rs
        || facts.selected(1) == Some(hash)
        || facts.available(hash) == 0
        || scene.history.since(Duration::ZERO).iter().any(|(_, facts)| was_left(facts))
}

/// Traffic comes back to the stable pods no faster than these can take it; and once an update is aborted, none leaves them.
fn way_back(scene: &Scene<'_>, write: &Write<'_>, old: &[u64; 3], new: &[u64; 3]) -> Verdict {
    let by_roles = |canary: usize| way_back_of(scene, write, canary, old, new);
    let is_place = |canary: &usize| scene.any(|facts| facts.place(1) == *canary);
    let mut verdicts = (0..2).filter(is_place).map(by_roles);
    match verdicts.next() {
        Some(Err(broken)) => verdicts.next().unwrap_or(Err(broken)),
        _ => Ok(()),
    }
}

/// The same with the Service at this place in the canary role.
fn way_back_of(
    scene: &Scene<'_>,
    write: &Write<'_>,
    canary: usize,
    old: &[u64; 3],
    new: &[u64; 3],
) -> Verdict {
    let oriented = |rule: &[u64; 3]| if canary == 1 { *rule } else { [rule[1], rule[0], rule[2]] };
    let ([_, was, of], [stable, is, total]) = (&oriented(old), &oriented(new));
    let is_one_place = |facts: &Facts| {
        facts.edited != [false; 2] || facts.selected(1).is_none() || facts.selected(0) == facts.selected(1)
    };
    if is * of > was * total && !scene.any(|facts| !facts.is_aborted() || is_one_place(facts)) {
        let message = format!("{}: the canary gets {is} instead of {was}, and it is aborted", write.key);
        return Err(Broken("aborts-only-go-back", message));
    }
    // Where somebody has written weights of another sum, one part more or less is a matter of rounding.
    if (is + 1) * of > was * total {
        return Ok(());
    }
    let may_fall = |facts: &Facts| {
        let Some((spec, status)) = facts.spec().zip(facts.status()) else { return true };
        let is_late =
            status.condition(condition::PROGRESSING).is_some_and(|one| one.reason == reason::TIMED_OUT);
        let share = |rule: &[u64; 3]| oriented(rule)[1] * total <= is * rule[2].max(1);
        is_one_place(facts)
            || spec.replicas == 0
            || facts.selected(1).is_none_or(|hash| facts.available(hash) == 0)
            || facts.set(&status.stable_rs).is_none()
            || (is_late && !facts.is_aborted())
            // Somebody else had raised it, or another route is there already.
            || status.weights.as_ref().is_some_and(|weights| u64::from(weights.canary) <= *is)
            || facts.routes.iter().filter_map(|route| route.written.as_ref()).any(|one| one.rules.iter().any(share))
    };
    if scene.any(may_fall) {
        return Ok(());
    }
    let pods = |facts: &Facts| facts.selected(0).map_or(0, |hash| facts.counted(hash));
    let pods = scene.window.iter().map(|(_, facts)| pods(facts)).max().unwrap_or_default();
    let replicas = scene.fewest_replicas();
    if i128::from(*stable) * i128::from(replicas) <= i128::from(pods) * i128::from(*total) {
        return Ok(());
    }
    let message = format!(
        "{}: stable gets {stable} of {total} with {pods} of {replicas} pods (the canary had {was} of {of})",
        write.key
    );
    Err(Broken("stable-can-carry-its-share", message))
}

fn has_pods(facts: &Facts) -> bool {
    facts.selected(1).is_some_and(|hash| facts.available(hash) > 0)
}

fn is_promoted(facts: &Facts) -> bool {
    facts
        .status()
        .is_some_and(|status| !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash)
}

/// The weights that the canary may have.
fn allowed(facts: &Facts) -> Vec<u64> {
    let Some((spec, status)) = facts.spec().zip(facts.status()) else { return Vec::new() };
    let max = u64::from(spec.canary.max_weight());
    let held = status.weights.as_ref().map_or(0, |weights| u64::from(weights.canary));
    let mut allowed = vec![0];
    if is_promoted(facts) || facts.is_aborted() {
        // What it still has may be kept until its Service is seen to have moved.
        allowed.push(held);
        return allowed;
    }
    let index = status.current_step_index.unwrap_or_default();
    let steps = spec.canary.steps.len();
    allowed.extend([held, u64::from(facts.weight_after(index)), u64::from(facts.weight_after(index + 1))]);
    if status.promote_full || index >= steps || facts.is_fast_rollback() {
        allowed.push(max);
    }
    if (status.promote_full || facts.is_fast_rollback()) && spec.canary.dynamic_stable_scale {
        // Each pod gets its part.
        let pods = u64::try_from(facts.available(&status.current_pod_hash)).unwrap_or_default();
        let replicas = u64::try_from(spec.replicas).unwrap_or_default().max(1);
        allowed.push((pods * max / replicas).min(max));
    }
    allowed
}
