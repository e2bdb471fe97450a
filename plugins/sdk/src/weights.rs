//! Dividing whole weights without losing any.

use crate::prelude::*;

/// Divides a weight evenly over so many parts; what does not divide goes to the first ones, one each. The sum is
/// always the weight (with no parts there is nothing to divide it over).
///
/// ```
/// assert_eq!(tidegate_router_sdk::split_evenly(80, 3).collect::<Vec<_>>(), [27, 27, 26]);
/// ```
pub fn split_evenly(weight: u32, parts: u32) -> impl Iterator<Item = u32> {
    let each = weight.checked_div(parts).unwrap_or_default();
    let rest = weight.checked_rem(parts).unwrap_or_default();
    (0..parts).map(move |part| each + u32::from(part < rest))
}

/// Divides a weight in proportion to others, by largest remainder: no part is off by 1 or more, and the sum is
/// always the weight. For routers whose scale differs from max-weight. Ties go to the first. When all
/// proportions are 0 it all goes to the first.
///
/// ```
/// use tidegate_router_sdk::split_by;
/// assert_eq!(split_by(100, &[1, 2]), [33, 67]);
/// assert_eq!(split_by(10, &[995, 5, 0]), [10, 0, 0]);
/// ```
pub fn split_by(weight: u32, proportions: &[u32]) -> Vec<u32> {
    let total: u64 = proportions.iter().copied().map(u64::from).sum();
    let mut parts = vec![0_u32; proportions.len()];
    if total == 0 {
        if let Some(first) = parts.first_mut() {
            *first = weight;
        }
        return parts;
    }
    let mut left = weight;
    let mut remainders: Vec<u64> = Vec::with_capacity(parts.len());
    for (part, proportion) in parts.iter_mut().zip(proportions) {
        // At most u32::MAX squared: fits. The quotient is at most `weight`: fits a u32.
        let product = u64::from(weight) * u64::from(*proportion);
        *part = u32::try_from(product / total).unwrap_or(u32::MAX);
        left = left.saturating_sub(*part);
        remainders.push(product % total);
    }
    // Fewer than there are parts, which are few. Sorting them would cost a guest 5 kB.
    for _ in 0..left {
        let largest = (0_usize..).zip(&remainders).max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(&a.0)));
        let Some((index, _)) = largest else { break };
        if let (Some(part), Some(remainder)) = (parts.get_mut(index), remainders.get_mut(index)) {
            *part += 1;
            *remainder = 0;
        }
    }
    parts
}
