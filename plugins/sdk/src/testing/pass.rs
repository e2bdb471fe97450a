//! One pass, as a host makes it.

use alloc::collections::BTreeMap;

use super::Objects;
use super::guard::{check_changes, give_host_part, is_own_object};
use crate::prelude::*;
use crate::{Observation, Outcome, Problem, Router, Target, Traffic, Verdict};

/// Rounds in which `locate` must have settled.
const ROUNDS: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Route,
    Release,
}

impl Objects {
    /// What the plugin sees in the end: `locate` asked until it stays the same.
    ///
    /// # Errors
    /// What the plugin answers.
    ///
    /// # Panics
    /// When it does not settle, or asks for a kind that it does not describe.
    pub fn locate<R: Router>(&self, target: &Target, traffic: &Traffic) -> Result<Vec<Observation>, Problem> {
        let description = R::describe();
        let mut queries = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..ROUNDS {
            let mut asked = R::locate(target, traffic, &seen)?;
            assert_eq!(
                asked,
                R::locate(target, traffic, &seen)?,
                "locate answers differently to the same question"
            );
            asked.sort();
            asked.dedup();
            if asked == queries {
                return Ok(seen);
            }
            for query in &asked {
                let is_readable = |verbs: &[String]| verbs.iter().any(|verb| verb == "read");
                assert!(
                    description.kinds.iter().any(|used| used.kind == query.kind && is_readable(&used.verbs)),
                    "it asks for {} without describing that it reads it",
                    query.kind.kind
                );
            }
            seen = self.observe(target, &asked);
            if let Some(unserved) = seen.iter().find(|seen| !seen.served && !seen.query.optional) {
                return Err(Problem::new("missing-kind", ["no ", &unserved.query.kind.kind].concat()));
            }
            queries = asked;
        }
        panic!("locate asked for other objects each time, {ROUNDS} times");
    }

    /// One pass of a host: has the plugin route, carries the changes out, and asks again. Returns the first answer,
    /// of what was seen before; for what is in force now, call it again.
    ///
    /// # Errors
    /// What the plugin answers; then nothing is changed.
    ///
    /// # Panics
    /// When a host would refuse the answer.
    pub fn route<R: Router>(&mut self, target: &Target, traffic: &Traffic) -> Result<Outcome, Problem> {
        self.pass::<R>(target, traffic, Purpose::Route)
    }

    /// The same for giving back.
    ///
    /// # Errors
    /// What the plugin answers; then nothing is changed.
    ///
    /// # Panics
    /// When a host would refuse the answer.
    pub fn release<R: Router>(&mut self, target: &Target, traffic: &Traffic) -> Result<Outcome, Problem> {
        self.pass::<R>(target, traffic, Purpose::Release)
    }

    fn pass<R: Router>(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        purpose: Purpose,
    ) -> Result<Outcome, Problem> {
        let ask = |seen: &[Observation]| match purpose {
            Purpose::Route => R::route(target, traffic, seen),
            Purpose::Release => R::release(target, traffic, seen),
        };
        let seen = self.locate::<R>(target, traffic)?;
        let outcome = ask(&seen)?;
        assert_eq!(Ok(&outcome), ask(&seen).as_ref(), "the same question is answered differently");
        let mut after = self.clone();
        after.apply(&outcome.changes);
        give_host_part(target, self, &mut after);
        check_changes(&R::describe(), target, traffic, self, &after);
        let queries: Vec<_> = seen.into_iter().map(|observation| observation.query).collect();
        let second = ask(&after.observe(target, &queries)).unwrap_or_else(|problem| {
            panic!("asked again about its own result, it has a problem: {}", problem.message)
        });
        assert_eq!(second.changes, [], "asked again about its own result, it still changes something");
        check_shares(&second, traffic, purpose);
        check_changed(&second, target, self, &after);
        assert!(second.notes.len() <= 16 && outcome.notes.len() <= 16, "more than 16 notes");
        *self = after;
        Ok(outcome)
    }
}

/// Panics unless each changed object that is not the Rollout's own has shares where others of its kind have some.
fn check_changed(second: &Outcome, target: &Target, before: &Objects, after: &Objects) {
    for (key, old) in before.iter() {
        let new = after.iter().find(|(other, _)| *other == key).map(|(_, new)| new);
        if new.is_none_or(|new| new == old) || is_own_object(key, old, target) {
            continue;
        }
        let divides = |share: &crate::Share| share.about.kind == key.kind;
        assert!(
            !second.shares.iter().any(divides) || second.shares.iter().any(|share| share.about == *key),
            "it changes {key} and says no shares of it, as it does of others of its kind"
        );
    }
}

/// Panics unless every place gives each destination what it should get.
fn check_shares(outcome: &Outcome, traffic: &Traffic, purpose: Purpose) {
    let released = traffic.released();
    let desired = if purpose == Purpose::Route { traffic } else { &released };
    let mut places: BTreeMap<_, BTreeMap<&str, (u32, u32)>> = BTreeMap::new();
    for share in &outcome.shares {
        let place = places.entry((&share.about, share.at.as_str())).or_default();
        let twice = place.insert(&share.destination, (share.weight, share.total));
        assert_eq!(twice, None, "{} has two shares at {} of {}", share.destination, share.at, share.about);
    }
    assert!(!places.is_empty() || purpose == Purpose::Release, "no share says where the traffic is divided");
    for ((about, at), shares) in &places {
        let total: u64 = shares.values().map(|(weight, _)| u64::from(*weight)).sum();
        assert!(total > 0, "at {at} of {about} nobody gets anything");
        for (name, (weight, stated)) in shares {
            assert_eq!(u64::from(*stated), total, "the shares at {at} of {about} do not sum to their total");
            let wanted =
                desired.destinations().find(|other| other.name == *name).map_or(0, |other| other.weight);
            assert!(
                is_share(u64::from(*weight), total, u64::from(wanted), u64::from(desired.max_weight)),
                "at {at} of {about}, {name} gets {weight} of {total}, and should get {wanted} of {}",
                desired.max_weight
            );
        }
        for destination in desired.destinations().filter(|destination| destination.weight > 0) {
            assert!(
                shares.contains_key(&*destination.name),
                "{} gets nothing at {at} of {about}",
                destination.name
            );
        }
    }
    if places.is_empty() {
        assert_eq!(outcome.verdict, Verdict::Verified, "nothing is left, so there is nothing to wait for");
    }
}

/// Whether `weight` of `total` is `wanted` of `of`, rounded by less than 1; nothing stays nothing.
fn is_share(weight: u64, total: u64, wanted: u64, of: u64) -> bool {
    if wanted == 0 { weight == 0 } else { (weight * of).abs_diff(wanted * total) < of }
}
