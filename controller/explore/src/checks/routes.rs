//! Routes: only the Rollout's own parts change; weights sum to the largest weight; and the canary gets more only with pods, and
//! only what its step asks for.

use std::sync::Arc;

use serde_json::Value;
use tidegate_model::names::{condition, reason};

use tidegate_model::routing_record::has_finalizer;

use super::{Broken, Scene, Verdict, Write, differs_only};
use crate::facts::{Division, Facts, is_managed, list};
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
            let (stable, canary) = (app.stable_service(), app.canary_service());
            let names = |service: &str| list(rule, "/backendRefs").iter().any(|one| name_of(one) == service);
            if !(names(&stable) && names(&canary)) {
                continue;
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
    let own = [app.stable_service(), app.canary_service()];
    let backends = list(rule, "/backendRefs");
    !backends.is_empty() && backends.iter().all(|one| own.iter().any(|own| name_of(one) == own))
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
    for rule in after.rules.iter().filter(|rule| !before.rules.contains(rule)) {
        let [stable, canary, _] = rule;
        let is_all = |facts: &Facts| {
            facts.spec().is_none_or(|spec| stable + canary == u64::from(spec.canary.max_weight()))
        };
        if !scene.any(is_all) {
            let message = format!("{} has {stable} for stable and {canary} for the canary", write.key);
            return Err(Broken("weights-sum-to-the-largest", message));
        }
    }
    // As shares: the sum of what somebody else has written may be another one.
    let most = |division: &Division| {
        let rules = division.rules.iter().map(|[_, canary, sum]| (*canary, (*sum).max(1)));
        rules
            .reduce(|one, other| if other.0 * one.1 > one.0 * other.1 { other } else { one })
            .unwrap_or((0, 1))
    };
    let ((old, of), (new, total)) = (most(&before), most(&after));
    let gets_more = new * of > old * total;
    let gets_managed = after.has_managed && !before.has_managed;
    if (gets_more || gets_managed) && !scene.any(has_pods) {
        let message = format!("{}: the canary gets traffic ({new}) and has no pods", write.key);
        return Err(Broken("traffic-needs-pods", message));
    }
    if (gets_more || gets_managed)
        && !scene.any(|facts| facts.rollout.as_ref().is_none_or(|one| has_finalizer(&one.object)))
    {
        let message = format!("{}: the canary gets something, and nothing on the Rollout says so", write.key);
        return Err(Broken("recorded-before-written", message));
    }
    if gets_more && !scene.any(|facts| !facts.leaves_something_behind()) {
        let message = format!(
            "{}: the canary gets more, and still has something in routes that are not wanted",
            write.key
        );
        return Err(Broken("old-before-new", message));
    }
    if gets_more && !scene.any(|facts| allowed(facts).contains(&new)) {
        let now = scene.history.last().map(|facts| allowed(facts));
        let message = format!("{}: the canary gets {new} instead of {old}, and may have {now:?}", write.key);
        return Err(Broken("weight-of-the-step", message));
    }
    // Of what another Rollout writes in a shared route this one's rules are no part.
    if after.has_managed && before.rules != after.rules && !scene.any(|facts| !facts.is_aborted()) {
        let message = format!("{}: a managed route leads to an aborted canary, and stays", write.key);
        return Err(Broken("weight-of-the-step", message));
    }
    if gets_managed && !scene.any(|facts| !facts.is_aborted() && !is_promoted(facts)) {
        let message = format!("{}: a managed route leads to a canary that is none", write.key);
        return Err(Broken("weight-of-the-step", message));
    }
    Ok(())
}

/// Traffic comes back to the stable pods no faster than these can take it; and once an update is aborted, none leaves them.
fn way_back(scene: &Scene<'_>, write: &Write<'_>, old: &[u64; 3], new: &[u64; 3]) -> Verdict {
    let ([_, was, of], [stable, is, total]) = (old, new);
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
        let share = |rule: &[u64; 3]| rule[1] * total <= is * rule[2].max(1);
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
    if status.promote_full || index >= steps {
        allowed.push(max);
    }
    if status.promote_full && spec.canary.dynamic_stable_scale {
        // Each pod gets its part.
        let pods = u64::try_from(facts.available(&status.current_pod_hash)).unwrap_or_default();
        let replicas = u64::try_from(spec.replicas).unwrap_or_default().max(1);
        allowed.push((pods * max / replicas).min(max));
    }
    allowed
}
