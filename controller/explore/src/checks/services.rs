//! Services: nothing but the template hash in the selector changes, and that only while the role carries nothing.

use std::time::Duration;

use serde_json::Value;
use tidegate_model::names::{HASH_LABEL, MANAGED_BY_ANNOTATION, condition};

use super::{Broken, Scene, Verdict, Write, differs_only, escaped};
use crate::facts::Facts;

/// `place`: of the Service in [`crate::App::services`].
pub(super) fn check(scene: &Scene<'_>, place: usize, write: &Write<'_>) -> Verdict {
    let (Some(before), Some(after)) = (write.before, write.after) else {
        return Err(Broken("only-own-objects", format!("{} was made or deleted", write.key)));
    };
    let places = [
        format!("/spec/selector/{}", escaped(HASH_LABEL)),
        format!("/metadata/annotations/{}", escaped(MANAGED_BY_ANNOTATION)),
    ];
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    if !differs_only(before, after, &places) {
        return Err(Broken(
            "only-own-fields",
            format!("{} changed otherwise than in its selector", write.key),
        ));
    }
    let (old, new) = (hash_of(before), hash_of(after));
    if old == new {
        return Ok(());
    }
    let Some(new) = new else {
        if scene.any(|facts| facts.rollout.is_none()) {
            return Ok(());
        }
        return Err(Broken("roles-have-pods", format!("{} selects no template any more", write.key)));
    };
    let has_no_replicas = scene.any(|facts| facts.spec().is_none_or(|spec| spec.replicas == 0));
    if !has_no_replicas && !scene.any(|facts| facts.available(new) > 0) {
        return Err(Broken("roles-have-pods", format!("{} selects {new}, which has no pods", write.key)));
    }
    let Some(old) = old else { return Ok(()) };
    // Of what a user has done to one role, the other one may have to make up for.
    let is_edited = scene.edited != [false; 2];
    let was_stranded = is_stranded(scene, old, new);
    let may_move = |facts: &Facts| {
        // 0 is stable, 1 the canary.
        let role = facts.place(place);
        facts.spec().is_none_or(|spec| spec.canary.routing.is_none())
            || !facts.carries(role)
            || facts.available(old) == 0
            || (role == 1 && is_given_up(facts, new, scene.is_calm))
            || (role == 0 && (is_forced(facts) || (was_stranded && goes_home(facts, new))))
    };
    if is_edited || has_no_replicas || scene.any(may_move) {
        return Ok(());
    }
    let share = scene.history.last().map(|facts| facts.largest_share(facts.place(place)));
    let message = format!("{} went from {old} to {new} while it carried {share:?}", write.key);
    Err(Broken("roles-move-empty", message))
}

/// On an abort the canary's Service goes to stable pods that can carry everything; with ping-pong only if its routers do not get
/// its traffic away.
fn is_given_up(facts: &Facts, new: &str, is_calm: bool) -> bool {
    let Some((spec, status)) = facts.spec().zip(facts.status()) else { return true };
    // Of an invalid spec the status does not say which template it is now.
    let is = |kind: &str, value: &str| status.condition(kind).is_some_and(|one| one.status == value);
    let is_stuck =
        is(condition::TRAFFIC_ROUTER_READY, "False") || is(condition::TRAFFIC_NOT_VERIFIED, "True");
    let may_be_urgent = spec.canary.ping_pong.is_none() || is_stuck || !is_calm;
    status.abort && status.stable_rs == new && facts.counted(new) >= spec.replicas && may_be_urgent
}

/// A stable Service that was stranded goes to the stable pods once they can carry everything.
fn goes_home(facts: &Facts, new: &str) -> bool {
    let Some((spec, status)) = facts.spec().zip(facts.status()) else { return true };
    new == status.stable_rs && facts.counted(new) >= spec.replicas
}

/// Whether the stable Service has been left at pods that are neither stable nor newest (there were no replicas for a time), or at the
/// newest ones: while there were no stable ones to go back to, or by a user who forced the end and took that back.
fn is_stranded(scene: &Scene<'_>, old: &str, new: &str) -> bool {
    let all = scene.history.since(Duration::ZERO);
    let stay = all.iter().rev().map(|(_, facts)| facts).take_while(|facts| facts.selected(0) == Some(old));
    let mut stay = stay.filter_map(|facts| Some((facts, facts.status()?)));
    stay.any(|(facts, status)| {
        facts.available(new) == 0
            || is_forced(facts)
            || (old != status.current_pod_hash && old != status.stable_rs)
    })
}

/// Past the deadline of the routing a user may ask for the end without it.
fn is_forced(facts: &Facts) -> bool {
    let Some(status) = facts.status() else { return true };
    let late = status.condition(condition::TRAFFIC_NOT_VERIFIED);
    status.promote_full && late.is_some_and(|late| late.status == "True")
}

fn hash_of(service: &Value) -> Option<&str> {
    service.pointer("/spec/selector")?.get(HASH_LABEL)?.as_str()
}
