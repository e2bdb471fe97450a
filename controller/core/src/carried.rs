//! What the canary role carries: for which pods it stands, and which weight these have.

use tidegate_model::ReplicaSet;

use crate::context::Context;

/// The template hash of the pods that requests of the canary role reach: those that its Service selects, or, where no Service
/// says so, those that it stood for when the weights were last set.
pub(crate) fn hash<'a>(context: &'a Context<'_>) -> Option<&'a str> {
    let service = context.canary_service();
    if service.is_some() { context.selected_hash(service) } else { noted_hash(context) }
}

/// The pods themselves, if any of them is available.
pub(crate) fn by<'a>(context: &'a Context<'_>) -> Option<&'a ReplicaSet> {
    context.set_of_hash(hash(context)?).filter(|set| set.available > 0)
}

/// The pods that the canary role stood for when the weights were last set.
pub(crate) fn noted_hash<'a>(context: &'a Context<'_>) -> Option<&'a str> {
    let hash = context.status.weights.as_ref()?.canary_hash.as_str();
    (!hash.is_empty()).then_some(hash)
}

/// The weight that these pods had when the weights were last set; not one that others had in their place.
pub(crate) fn noted(context: &Context<'_>) -> Option<u32> {
    let hash = hash(context)?;
    let weights = context.status.weights.as_ref().filter(|weights| weights.canary_hash == hash)?;
    Some(weights.canary.min(context.rollout.canary.max_weight()))
}

/// The most that these pods may keep when they are to give back what they have. It is never more than what any router's objects
/// still say: neither a status that is behind nor somebody's edit brings weight back.
pub(crate) fn at_most(context: &Context<'_>) -> u32 {
    match (noted(context), written(context)) {
        (Some(noted), Some(written)) => noted.min(written),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

/// The canary's least weight in the routers' objects, as far as they tell.
fn written(context: &Context<'_>) -> Option<u32> {
    let max = context.rollout.canary.max_weight();
    let reports = context.world.routing.iter().flat_map(|routing| &routing.routers);
    let shares = reports.flat_map(|report| &report.shares).filter(|share| share.destination == "canary");
    let weight = |weight: u32, total: u32| {
        let weight = u64::from(weight) * u64::from(max) / u64::from(total.max(1));
        u32::try_from(weight).map_or(max, |weight| weight.min(max))
    };
    shares.map(|share| weight(share.weight, share.total)).min()
}
