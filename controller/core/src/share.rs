//! Shares of replicas. All arithmetic is in 128 bits and saturates, so no weight or count can overflow it (Argo's
//! 32-bit arithmetic does for large weights).

/// `ceil(weight * replicas / max)`: how many pods a share of the traffic needs.
pub(crate) fn pods_for(weight: u32, replicas: i64, max: u32) -> i64 {
    let max = i128::from(max.max(1));
    let product = i128::from(weight) * i128::from(replicas.max(0));
    i64::try_from((product + max - 1) / max).unwrap_or(i64::MAX)
}

/// `floor(pods * max / replicas)`: how much of the traffic so many pods can take, where `replicas` can take all of it.
pub(crate) fn weight_for(pods: i64, replicas: i64, max: u32) -> u32 {
    if replicas <= 0 {
        return max;
    }
    let weight = i128::from(pods.max(0)) * i128::from(max) / i128::from(replicas);
    u32::try_from(weight).map_or(max, |weight| weight.min(max))
}

/// At least so many pods, unless it is none at all (`minPodsPerReplicaSet`).
pub(crate) fn at_least(pods: i64, minimum: i64, replicas: i64) -> i64 {
    if pods == 0 { 0 } else { pods.max(minimum.min(replicas)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What pods can take is what they are enough for, and not one part more.
        #[test]
        fn pods_and_weights_are_two_sides(pods in 0..=i64::MAX, replicas in 1..=i64::MAX, max in 1..=u32::MAX) {
            let weight = weight_for(pods, replicas, max);
            prop_assert!(pods_for(weight, replicas, max) <= pods);
            prop_assert!(weight == max || pods_for(weight + 1, replicas, max) > pods);
        }
    }

    #[test]
    fn shares_that_pods_can_take_round_down() {
        for (pods, replicas, max, weight) in [
            (0, 10, 100, 0),
            (1, 3, 100, 33),
            (2, 3, 100, 66),
            (3, 3, 100, 100),
            (4, 3, 100, 100),
            (1, 3, 1_000_000, 333_333),
            (22, 22, 100_000_000, 100_000_000),
            (5, 0, 100, 100),
            (0, 0, 100, 100),
            (-1, 10, 100, 0),
            (i64::MAX, 1, u32::MAX, u32::MAX),
        ] {
            assert_eq!(weight_for(pods, replicas, max), weight, "{pods} of {replicas} pods, {max}");
        }
    }

    #[test]
    fn shares_round_up() {
        for (weight, replicas, max, pods) in [
            (0, 10, 100, 0),
            (1, 10, 100, 1),
            (20, 5, 100, 1),
            (21, 5, 100, 2),
            (100, 5, 100, 5),
            (333_333, 3, 1_000_000, 1),
            (333_334, 3, 1_000_000, 2),
            (u32::MAX, i64::MAX, 1, i64::MAX),
            (5, -1, 0, 0),
        ] {
            assert_eq!(pods_for(weight, replicas, max), pods, "{weight} of {max}, {replicas} replicas");
        }
    }

    #[test]
    fn minimum_does_not_wake_an_empty_set() {
        assert_eq!(at_least(0, 3, 10), 0);
        assert_eq!(at_least(1, 3, 10), 3);
        assert_eq!(at_least(1, 3, 2), 2);
        assert_eq!(at_least(5, 3, 10), 5);
    }
}
