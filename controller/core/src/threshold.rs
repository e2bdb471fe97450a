//! How many of the pods that are wanted suffice to go on (`replicaProgressThreshold`).
//!
//! A threshold is never more than what is wanted: in Argo Rollouts one of five pods keeps a step that wants two from ever
//! being done.

use tidegate_model::{ProgressThreshold, ReplicaSet};

use crate::capacity;
use crate::context::Context;

/// Whether so many pods of a ReplicaSet are there that it counts as having what is wanted.
pub(crate) fn is_met(context: &Context<'_>, set: &ReplicaSet, wanted: i64) -> bool {
    capacity::of(set) >= sufficient(context.rollout.canary.progress_threshold, wanted)
}

/// Whether the newest template has the pods for all of the traffic.
pub(crate) fn new_is_complete(context: &Context<'_>) -> bool {
    let replicas = context.rollout.replicas;
    replicas == 0 || context.new_set().is_some_and(|set| set.available > 0 && is_met(context, set, replicas))
}

/// How many available pods suffice where so many are wanted.
pub(crate) fn sufficient(threshold: Option<ProgressThreshold>, wanted: i64) -> i64 {
    match threshold {
        None => wanted,
        Some(ProgressThreshold::Percent(percent)) => {
            let product = i128::from(wanted.max(0)) * i128::from(percent.clamp(0, 100));
            i64::try_from((product + 99) / 100).unwrap_or(wanted)
        }
        Some(ProgressThreshold::Pods(pods)) => pods.min(wanted),
    }
}

/// For how many pods so many available ones of the stable ReplicaSet count, when it is about to get more traffic.
///
/// A part of a hundred is a statement about any number of pods. A number of pods is none: that one pod suffices to go on with a
/// canary does not say that one can carry everything. (In Argo Rollouts it does.)
pub(crate) fn counted(threshold: Option<ProgressThreshold>, available: i64) -> i64 {
    match threshold {
        Some(ProgressThreshold::Percent(percent)) => {
            let counted = i128::from(available.max(0)) * 100 / i128::from(percent.clamp(1, 100));
            i64::try_from(counted).unwrap_or(i64::MAX)
        }
        None | Some(ProgressThreshold::Pods(_)) => available,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use ProgressThreshold::{Percent, Pods};

    #[test]
    fn what_suffices() {
        for (threshold, wanted, expected) in [
            (None, 0, 0),
            (None, 5, 5),
            (Some(Percent(80)), 5, 4),
            (Some(Percent(81)), 5, 5),
            (Some(Percent(100)), 5, 5),
            (Some(Percent(1)), 5, 1),
            (Some(Percent(50)), 0, 0),
            (Some(Percent(90)), i64::MAX, 8_301_034_833_169_298_227),
            (Some(Pods(3)), 5, 3),
            (Some(Pods(5)), 2, 2),
            (Some(Pods(5)), 0, 0),
        ] {
            assert_eq!(sufficient(threshold, wanted), expected, "{threshold:?} of {wanted}");
        }
    }

    #[test]
    fn what_counts_for_stable() {
        for (threshold, available, expected) in [
            (None, 9, 9),
            (Some(Percent(90)), 9, 10),
            (Some(Percent(90)), 8, 8),
            (Some(Percent(50)), 2, 4),
            (Some(Pods(1)), 9, 9),
        ] {
            assert_eq!(counted(threshold, available), expected, "{threshold:?} of {available}");
        }
    }

    proptest! {
        #[test]
        fn both_views_of_a_percentage_agree(
            percent in 1..=100_i64, available in 0..1_000_000_i64, wanted in 0..1_000_000_i64,
        ) {
            let threshold = Some(Percent(percent));
            prop_assert_eq!(counted(threshold, available) >= wanted, available >= sufficient(threshold, wanted));
        }
    }
}
