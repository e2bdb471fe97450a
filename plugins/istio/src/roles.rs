//! Whose a destination is: by its Service, or by its subset of one host.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Problem, Services, Target, Text, Traffic};

use crate::config::NamedDestinationRule;
use crate::document::{Destination, DestinationRule};
use crate::hosts;

/// A part of the Rollout's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Stable,
    Canary,
    /// The one at this index of `traffic.additional`.
    Additional(usize),
    /// The one at this index of `traffic.retired`.
    Retired(usize),
}

/// By what destinations are told apart.
#[derive(Debug)]
pub(crate) struct Roles<'a> {
    /// The Rollout's namespace, where its Services are.
    pub(crate) namespace: &'a str,
    pub(crate) traffic: &'a Traffic,
    pub(crate) split: Split<'a>,
}

/// Between what traffic is divided.
#[derive(Debug)]
pub(crate) enum Split<'a> {
    /// Between two Services: a host each.
    Hosts(Services<'a>),
    /// Between two subsets of one host.
    Subsets {
        /// The host, and the namespace of the `DestinationRule` in which it is written.
        host: Text<'a>,
        written_in: &'a str,
        stable: &'a str,
        canary: &'a str,
    },
}

impl<'a> Split<'a> {
    pub(crate) fn services(target: &'a Target) -> Result<Self, Problem> {
        Ok(Self::Hosts(target.services()?))
    }

    pub(crate) fn subsets(
        target: &'a Target,
        named: &'a NamedDestinationRule,
        rule: &DestinationRule<'a>,
    ) -> Self {
        Self::Subsets {
            host: rule.host.clone(),
            written_in: named.name.namespace.as_deref().unwrap_or(&target.namespace),
            stable: &named.stable_subset,
            canary: &named.canary_subset,
        }
    }

    /// What the destinations of both roles are called, for messages: stable, then canary.
    pub(crate) fn names(&self) -> (&str, &str) {
        match self {
            Self::Hosts(services) => (services.stable, services.canary),
            Self::Subsets { stable, canary, .. } => (stable, canary),
        }
    }

    /// What they are, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Hosts(_) => "Service",
            Self::Subsets { .. } => "subset",
        }
    }
}

impl Roles<'_> {
    /// The role of a destination in an object of this namespace; `None` for somebody else's.
    pub(crate) fn of(&self, destination: &Destination<'_>, written_in: &str) -> Option<Role> {
        let host = destination.host.as_str();
        match &self.split {
            Split::Hosts(services) => {
                if hosts::is_service(host, written_in, services.stable, self.namespace) {
                    return Some(Role::Stable);
                }
                if hosts::is_service(host, written_in, services.canary, self.namespace) {
                    return Some(Role::Canary);
                }
            }
            Split::Subsets { host: divided, written_in: rule_written_in, stable, canary } => {
                let subset = destination.subset.as_deref();
                let role = match subset {
                    Some(subset) if subset == *stable => Some(Role::Stable),
                    Some(subset) if subset == *canary => Some(Role::Canary),
                    _ => None,
                };
                if role.is_some() && hosts::is_same((host, written_in), (divided, rule_written_in)) {
                    return role;
                }
            }
        }
        let names = |service: &Option<String>| {
            service
                .as_deref()
                .is_some_and(|service| hosts::is_service(host, written_in, service, self.namespace))
        };
        let additional = self.traffic.additional.iter().position(|other| names(&other.service));
        let retired = || self.traffic.retired.iter().position(|other| names(&other.service));
        additional.map(Role::Additional).or_else(|| retired().map(Role::Retired))
    }
}
