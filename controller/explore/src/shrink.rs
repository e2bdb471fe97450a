//! Making a failing run small: leaves out happenings as long as the same thing goes wrong without them.

use tidegate_shell::Deciders;

use crate::plan::{Plan, Timed};
use crate::run::run;

/// The plan with as few happenings as possible that still violates the same invariant: none of them can be left out by itself.
pub fn shrink(plan: &Plan, deciders: Deciders, invariant: &str) -> Plan {
    let fails = |happenings: &[Timed]| {
        let outcome = run(&plan.with(happenings.to_vec()), deciders, false);
        outcome.violation.is_some_and(|violation| violation.invariant == invariant)
    };
    plan.with(minimal(plan.happenings.clone(), fails))
}

/// Delta debugging: takes out ever smaller pieces, until no single element can be taken out.
fn minimal<T: Clone>(mut all: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    if fails(&[]) {
        return Vec::new();
    }
    let mut size = all.len().div_ceil(2).max(1);
    loop {
        let mut index = 0;
        let mut is_smaller = false;
        while index < all.len() {
            let end = index.saturating_add(size).min(all.len());
            let mut fewer = all.clone();
            fewer.drain(index..end);
            if fails(&fewer) {
                all = fewer;
                is_smaller = true;
            } else {
                index = end;
            }
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if !is_smaller {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_can_be_left_out() {
        let needs = |wanted: &'static [u32]| move |all: &[u32]| wanted.iter().all(|one| all.contains(one));
        for wanted in [&[][..], &[0], &[63], &[3, 40], &[0, 1, 2, 31, 63]] {
            assert_eq!(minimal((0..64).collect(), needs(wanted)), wanted);
        }
    }

    #[test]
    fn what_fails_in_several_ways_becomes_one_of_them() {
        let fails = |all: &[u32]| all.contains(&5) || all.contains(&50);
        assert_eq!(minimal((0..64).collect(), fails).len(), 1);
    }
}
