//! Going back to a template that was there not long ago, within `spec.rollbackWindow`: no steps, no pauses, no aborts, only all
//! pods and then all traffic (Argo Rollouts).

use tidegate_model::ReplicaSet;

/// Whether `new` is older than `stable`, and fewer than so many ReplicaSets were made between them.
pub(crate) fn is_within_window(
    revisions: i64,
    new: Option<&ReplicaSet>,
    stable: Option<&ReplicaSet>,
    sets: &[ReplicaSet],
) -> bool {
    let made = |set: Option<&ReplicaSet>| set.and_then(|set| set.created_at);
    let (Some(new), Some(stable)) = (made(new), made(stable)) else { return false };
    let between = || sets.iter().filter_map(|set| set.created_at).filter(|at| new < *at && *at < stable);
    new < stable && i64::try_from(between().count()).is_ok_and(|count| count < revisions)
}
