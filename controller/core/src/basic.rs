//! Canaries without traffic routing: the numbers of pods are the traffic.
//!
//! One selector finds stable and canary pods alike, so a weight is approximated by the ratio of pods, and pods come and go
//! within the budget of `maxSurge` and `maxUnavailable`.

use serde_json::Value;
use tidegate_model::ReplicaSet;

use crate::context::Context;
use crate::threshold;
use crate::traffic::weight_after;

/// All traffic, where the numbers of pods are the traffic.
const ALL: u32 = 100;

/// Whether the numbers of pods are those of the current position.
pub(crate) fn at_desired(context: &Context<'_>) -> bool {
    let wanted = wanted(context);
    let new = context
        .new_set()
        .is_some_and(|set| set.desired == wanted.new && threshold::is_met(context, set, wanted.new));
    let stable =
        context.stable_set().is_none_or(|set| set.desired == wanted.stable && set.current == wanted.stable);
    new && stable && context.other_sets().all(|set| set.available == 0)
}

/// The sizes that the ReplicaSets should have next, for those that change or stay in use.
pub(crate) fn plan<'a>(context: &'a Context<'_>) -> Vec<(&'a ReplicaSet, i64)> {
    let replicas = context.rollout.replicas;
    let Some(new) = context.new_set() else { return Vec::new() };
    let Some(stable) = context.stable_set().filter(|_| !context.is_fully_promoted()) else {
        let mut sizes = vec![(new, replicas)];
        sizes.extend(drained(context, new.available));
        return sizes;
    };
    let wanted = wanted(context);
    let budget = Budget::of(context);
    let total = context.sets().iter().map(|set| set.desired).fold(0, i64::saturating_add);
    let mut room = replicas.saturating_add(budget.surge).saturating_sub(total).max(0);
    let mut grow = |set: &ReplicaSet, wanted: i64| {
        let more = wanted.saturating_sub(set.desired).clamp(0, room);
        room -= more;
        set.desired.saturating_add(more)
    };
    let mut stable_size = grow(stable, wanted.stable);
    let mut new_size = grow(new, wanted.new);
    let others = drained(context, new.available.saturating_add(stable.available));
    if others.is_empty() && context.other_sets().all(|set| set.desired == 0) {
        let least = replicas.saturating_sub(budget.unavailable);
        let is_increasing = wanted.new >= new.desired;
        let (kept, shrinking, size, target) = if is_increasing {
            (new, stable, &mut stable_size, wanted.stable)
        } else {
            (stable, new, &mut new_size, wanted.new)
        };
        let have = kept.desired.min(kept.available).saturating_add(shrinking.desired);
        let spare = have.saturating_sub(least).max(0);
        if *size > target {
            *size = target.max(shrinking.desired.saturating_sub(spare));
        }
    }
    let mut sizes = vec![(stable, stable_size), (new, new_size)];
    sizes.extend(others);
    sizes
}

/// Sizes of ReplicaSets of earlier templates: smaller, as far as enough pods stay available.
fn drained<'a>(context: &'a Context<'_>, available: i64) -> Vec<(&'a ReplicaSet, i64)> {
    let least = context.rollout.replicas.saturating_sub(Budget::of(context).unavailable);
    let mut others: Vec<&ReplicaSet> = context.other_sets().filter(|set| set.desired > 0).collect();
    others.sort_by_key(|set| std::cmp::Reverse(set.revision));
    let of_others = others.iter().map(|set| set.available).fold(0, i64::saturating_add);
    let mut spare = available.saturating_add(of_others).saturating_sub(least).max(0);
    let mut sizes = Vec::new();
    for set in others {
        // Pods that are not available carry nothing, so they go in any case.
        let useless = set.desired.saturating_sub(set.available).max(0);
        let taken = set.available.min(spare);
        spare -= taken;
        let size = set.desired.saturating_sub(useless).saturating_sub(taken).max(0);
        if size != set.desired {
            sizes.push((set, size));
        }
    }
    sizes
}

/// How many pods each role should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    new: i64,
    stable: i64,
}

fn wanted(context: &Context<'_>) -> Wanted {
    let replicas = context.rollout.replicas;
    if context.is_first() || context.is_fully_promoted() || context.stable_set().is_none() {
        return Wanted { new: replicas, stable: 0 };
    }
    let weight = if context.is_aborted() {
        0
    } else if context.is_past_steps() {
        ALL
    } else {
        weight_after(context.steps(), context.index() + 1).min(ALL)
    };
    approximate(replicas, weight, Budget::of(context).surge > 0)
}

/// The numbers of pods whose ratio is nearest to a weight. With a surge there may be one pod more.
fn approximate(replicas: i64, weight: u32, may_surge: bool) -> Wanted {
    if replicas <= 0 {
        return Wanted { new: 0, stable: 0 };
    }
    let product = i128::from(replicas) * i128::from(weight);
    let all = i128::from(ALL);
    let up = i64::try_from((product + all - 1) / all).unwrap_or(i64::MAX);
    let down = i64::try_from(product / all).unwrap_or(i64::MAX);
    let is_tie = product % all * 2 == all;
    let is_partial = weight > 0 && weight < ALL;
    let mut best: Option<(i128, i128, Wanted)> = None;
    for extra in [0, i64::from(may_surge)] {
        let total = replicas.saturating_add(extra);
        for new in [up, down] {
            if new == down && new != up && is_tie {
                continue;
            }
            // A partial weight means some pods of each, except where one pod is all there may be.
            let is_extreme = new == 0 || new >= total;
            if is_partial && is_extreme && (replicas != 1 || may_surge) {
                continue;
            }
            // |new/total - weight/all|, as a fraction over total * all.
            let distance = (i128::from(new) * all - i128::from(weight) * i128::from(total)).abs();
            let over = i128::from(total) * all;
            let is_better = best.as_ref().is_none_or(|(best, best_over, _)| {
                distance.saturating_mul(*best_over) < best.saturating_mul(over)
            });
            if is_better {
                best = Some((distance, over, Wanted { new, stable: total.saturating_sub(new) }));
            }
        }
    }
    best.map_or(Wanted { new: up, stable: replicas.saturating_sub(up).max(0) }, |(_, _, wanted)| wanted)
}

/// How many pods there may be too many or too few on the way.
struct Budget {
    surge: i64,
    unavailable: i64,
}

impl Budget {
    fn of(context: &Context<'_>) -> Self {
        let (replicas, canary) = (context.rollout.replicas, &context.rollout.canary);
        let surge = resolve(&canary.max_surge, replicas, true);
        let unavailable = resolve(&canary.max_unavailable, replicas, false);
        // With neither nothing could ever move.
        Self { surge, unavailable: if surge == 0 && unavailable == 0 { 1 } else { unavailable } }
    }
}

/// How many pods there may be too few on the way.
pub(crate) fn max_unavailable(context: &Context<'_>) -> i64 {
    Budget::of(context).unavailable
}

/// A number, or a part of the replicas in percent; 25 % when absent.
fn resolve(value: &Value, replicas: i64, round_up: bool) -> i64 {
    let percent = match value {
        Value::Number(number) => return number.as_i64().unwrap_or_default().max(0),
        Value::String(text) => text.trim_end_matches('%').parse::<i64>().unwrap_or(25),
        _ => 25,
    };
    let product = i128::from(percent.max(0)) * i128::from(replicas);
    i64::try_from(if round_up { (product + 99) / 100 } else { product / 100 }).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_argo_rollouts() {
        for (replicas, weight, surge, new, stable) in [
            (1, 10, 0, 0, 1),
            (1, 10, 1, 1, 1),
            (2, 1, 0, 1, 1),
            (3, 50, 0, 2, 1),
            (3, 50, 1, 2, 2),
            (5, 10, 1, 1, 5),
            (10, 25, 0, 3, 7),
            (10, 33, 1, 3, 7),
            (10, 99, 0, 9, 1),
            (10, 99, 1, 10, 1),
            (4, 33, 1, 2, 3),
            (7, 40, 2, 3, 5),
            (100, 1, 1, 1, 99),
            (0, 50, 1, 0, 0),
            (5, 0, 1, 0, 5),
            (5, 100, 1, 5, 0),
        ] {
            assert_eq!(
                approximate(replicas, weight, surge > 0),
                Wanted { new, stable },
                "{replicas} replicas, weight {weight}, surge {surge}"
            );
        }
    }

    #[test]
    fn budgets_are_numbers_or_percent() {
        use serde_json::json;
        assert_eq!(resolve(&json!(2), 10, true), 2);
        assert_eq!(resolve(&json!("20%"), 11, true), 3);
        assert_eq!(resolve(&json!("20%"), 11, false), 2);
        assert_eq!(resolve(&Value::Null, 5, true), 2);
        assert_eq!(resolve(&Value::Null, 5, false), 1);
    }
}
