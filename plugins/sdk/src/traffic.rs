//! The desired traffic and the answer to it.

use crate::prelude::*;
use crate::{
    Destination, ElementUse, Kind, KindUse, ObjectRef, Outcome, Problem, Share, Traffic, Verdict, concat,
};

impl Traffic {
    /// The same destinations and managed routes with everything given back: all weight to stable, extra
    /// destinations retired, no managed route with a rule.
    #[must_use]
    pub fn released(&self) -> Self {
        let mut released = self.clone();
        released.stable.weight = self.max_weight;
        released.canary.weight = 0;
        released.retired.append(&mut released.additional);
        for destination in &mut released.retired {
            destination.weight = 0;
        }
        for route in &mut released.managed_routes {
            route.rule = None;
        }
        released
    }

    /// All destinations that may have weight: stable, canary, then the additional ones.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        [&self.stable, &self.canary].into_iter().chain(&self.additional)
    }

    /// For plugins that only divide between stable and canary.
    ///
    /// # Errors
    /// `unsupported`, naming it, when the traffic has an additional destination that gets something, or a managed route with
    /// a rule.
    pub fn only_stable_and_canary(&self, plugin: &str) -> Result<(), Problem> {
        let extra = self.additional.iter().find(|destination| destination.weight > 0);
        let extra = extra.map(|destination| ("an extra destination", &destination.name));
        let managed = self.managed_routes.iter().find(|route| route.rule.is_some());
        match extra.or(managed.map(|route| ("a rule for the managed route", &route.name))) {
            None => Ok(()),
            Some((what, name)) => Err(Problem::unsupported(concat(&[
                plugin,
                " cannot express ",
                what,
                " (`",
                name,
                "`): take the step that needs it out of the Rollout, or use another router",
            ]))),
        }
    }
}

impl KindUse {
    /// Reading this kind in these versions (best first), and changing these fields of it (none: only reading).
    pub fn new(kind: Kind, versions: &[&str], fields: &[&str]) -> Self {
        let verbs: &[&str] = if fields.is_empty() { &["read"] } else { &["read", "update"] };
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            kind,
            versions: owned(versions),
            verbs: owned(verbs),
            fields: owned(fields),
            elements: Vec::new(),
        }
    }

    /// The same, and adding and removing elements of this list: a pattern that ends with the `*` of the list, the place
    /// in an element that says whose it is, and the places in it that say where requests go.
    #[must_use]
    pub fn with_elements(mut self, at: &str, identity: &str, references: &[&str]) -> Self {
        self.elements.push(ElementUse {
            at: at.to_owned(),
            identity: identity.to_owned(),
            references: references.iter().map(|text| (*text).to_owned()).collect(),
        });
        self
    }

    /// The same, and creating objects of this kind, changing and deleting those that it created.
    #[must_use]
    pub fn with_own_objects(mut self) -> Self {
        for verb in ["update", "create", "delete"] {
            if !self.verbs.iter().any(|other| other == verb) {
                self.verbs.push(verb.to_owned());
            }
        }
        self
    }
}

/// No changes, no shares, and nothing left that could be verified.
impl Default for Outcome {
    fn default() -> Self {
        Self {
            changes: Vec::new(),
            shares: Vec::new(),
            verdict: Verdict::Verified,
            notes: Vec::new(),
            facts: Vec::new(),
        }
    }
}

impl Outcome {
    /// Adds the shares of one place: what each destination gets there, as seen. The total is their sum.
    pub fn place(&mut self, object: &ObjectRef, at: impl Into<String>, weights: &[(&str, u32)]) {
        let at = at.into();
        let total = weights.iter().fold(0_u32, |sum, (_, weight)| sum.saturating_add(*weight));
        self.shares.extend(weights.iter().map(|(destination, weight)| Share {
            about: object.clone(),
            at: at.clone(),
            destination: (*destination).to_owned(),
            weight: *weight,
            total,
        }));
    }

    /// Adds a note, unless there are already 16: the contract's limit.
    pub fn note(&mut self, note: impl Into<String>) {
        const MAX_NOTES: usize = 16;
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note.into());
        }
    }
}

impl Verdict {
    /// The verdict on two things together: the worse one, the first of equals. From bad to good: rejected,
    /// pending, unreported, unverifiable, verified.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.badness() > self.badness() { other } else { self }
    }

    const fn badness(&self) -> u8 {
        match self {
            Self::Rejected(_) => 4,
            Self::Pending(_) => 3,
            Self::Unreported(_) => 2,
            Self::Unverifiable => 1,
            Self::Verified => 0,
        }
    }
}
