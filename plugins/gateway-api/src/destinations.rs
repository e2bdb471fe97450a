//! Who may get traffic, and which backends of a route mean whom.

use tidegate_router_sdk::json::{self, Reader, elements};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Observation, Problem, Services, Target, Text, Traffic, concat};

use crate::config::Config;
use crate::document::{Reference, Rule};
use crate::pieces::{member, push_whole, push_words};
use crate::routes::Purpose;

/// Weight of a backend that has none.
const DEFAULT_WEIGHT: u32 = 1;

/// The index of stable among the destinations.
pub(crate) const STABLE: usize = 0;
/// The index of canary.
pub(crate) const CANARY: usize = 1;

/// One receiver of traffic.
#[derive(Debug)]
pub(crate) struct Destination<'a> {
    /// Its name in shares.
    pub(crate) name: &'a str,
    /// Its Service, in the Rollout's namespace.
    pub(crate) service: &'a str,
    /// What it should get.
    pub(crate) weight: u32,
    /// Whether it has backends.
    pub(crate) backends: Backends,
}

/// Who writes a destination's backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backends {
    /// The user.
    Given,
    /// This plugin.
    Added,
    /// This plugin did, and removes them.
    Retired,
}

/// All destinations, and where they are.
pub(crate) struct Ours<'a> {
    /// Stable, canary, the additional ones, and the retired ones.
    pub(crate) destinations: Vec<Destination<'a>>,
    /// The names of the two Services.
    pub(crate) services: Services<'a>,
    /// The Rollout's namespace, where the Services are.
    pub(crate) namespace: &'a str,
    /// The routes' namespace, which is meant where a backend names none.
    pub(crate) route_namespace: &'a str,
    /// What is seen, the Services of extra destinations among it.
    seen: &'a [Observation],
}

/// How often a destination occurs in a rule, and what it gets together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) entries: u32,
    pub(crate) weight: u32,
}

impl<'a> Ours<'a> {
    /// Of this traffic, or of what is left of it after a release.
    pub(crate) fn new(
        config: &'a Config,
        target: &'a Target,
        traffic: &'a Traffic,
        seen: &'a [Observation],
        purpose: Purpose,
    ) -> Result<Self, Problem> {
        let services = target.services()?;
        let is_release = purpose == Purpose::Release;
        let (stable, canary) =
            if is_release { (traffic.max_weight, 0) } else { (traffic.stable.weight, traffic.canary.weight) };
        let given = |name, service, weight| Destination { name, service, weight, backends: Backends::Given };
        let mut destinations =
            vec![given("stable", services.stable, stable), given("canary", services.canary, canary)];
        for destination in &traffic.additional {
            let Some(service) = destination.service.as_deref() else {
                return Err(Problem::unsupported(concat(&[
                    "the extra destination `",
                    &destination.name,
                    "` has no Service, and a route can only name Services: give its pods one",
                ])));
            };
            let (weight, backends) = match purpose {
                Purpose::Route => (destination.weight, Backends::Added),
                Purpose::Release => (0, Backends::Retired),
            };
            destinations.push(Destination { name: &destination.name, service, weight, backends });
        }
        for destination in &traffic.retired {
            if let Some(service) = destination.service.as_deref() {
                let name = &destination.name;
                destinations.push(Destination { name, service, weight: 0, backends: Backends::Retired });
            }
        }
        let route_namespace = config.namespace.as_deref().unwrap_or(&target.namespace);
        Ok(Self { destinations, services, namespace: &target.namespace, route_namespace, seen })
    }

    /// Whose a backend is, as an index; `None` for somebody else's.
    pub(crate) fn role(&self, backend: &Reference<'_>) -> Option<usize> {
        let is_service = backend.kind.as_deref().is_none_or(|kind| kind == "Service")
            && backend.group.as_deref().is_none_or(str::is_empty);
        let is_here = backend.namespace.as_deref().unwrap_or(self.route_namespace) == self.namespace;
        if is_service && is_here { self.role_by_name(backend) } else { None }
    }

    /// The same by the name alone.
    pub(crate) fn role_by_name(&self, backend: &Reference<'_>) -> Option<usize> {
        let name = backend.name.as_deref()?;
        self.destinations.iter().position(|destination| destination.service == name)
    }

    /// What each destination has in a rule.
    pub(crate) fn tallies(&self, rule: &Rule<'_>) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.destinations.len()];
        for backend in &rule.backends {
            if let Some(tally) = self.role(backend).and_then(|role| tallies.get_mut(role)) {
                tally.entries = tally.entries.saturating_add(1);
                tally.weight = tally.weight.saturating_add(weight(backend));
            }
        }
        tallies
    }

    /// Whether a rule has backends of both of the Rollout's Services.
    pub(crate) fn divides(&self, rule: &Rule<'_>) -> bool {
        let has = |role| rule.backends.iter().any(|backend| self.role(backend) == Some(role));
        has(STABLE) && has(CANARY)
    }

    /// A backend for a destination that has none in a rule.
    pub(crate) fn backend(&self, destination: &Destination<'_>, rule: &Rule<'_>) -> String {
        let stable = rule.backends.iter().find(|backend| self.role(backend) == Some(STABLE));
        let port = self.port(destination.service, stable.and_then(|stable| stable.port));
        let namespace = stable.and_then(|stable| stable.namespace.as_deref());
        let mut json = reference(destination.service, namespace, port);
        json.truncate(json.len().saturating_sub(1));
        push_whole(&mut json, "weight", destination.weight.into());
        json.push('}');
        json
    }

    /// The port of an extra destination's Service: the stable backend's if the Service has it, else the one named
    /// `http`, else the first. Where the Service is not seen, the stable backend's.
    fn port(&self, service: &str, stable: Option<i64>) -> Option<i64> {
        let mut objects = self.seen.iter().flat_map(|observation| &observation.objects);
        let object = objects.find(|object| object.ref_.kind.kind == "Service" && object.ref_.name == service);
        let ports = object.and_then(|object| service_ports(&object.json).ok()).unwrap_or_default();
        let http = ports.iter().find(|(name, _)| name.as_deref() == Some("http"));
        match http.or(ports.first()) {
            Some((_, port)) if !ports.iter().any(|(_, port)| Some(*port) == stable) => Some(*port),
            _ => stable,
        }
    }
}

/// The names and numbers of a Service's ports.
fn service_ports(service: &str) -> json::Result<Vec<(Option<Text<'_>>, i64)>> {
    let mut ports = Vec::new();
    for port in elements(member(member(service, "spec")?, "ports")?)? {
        let number = Reader::document(member(port, "port")?, Reader::integer)?;
        let name = Reader::document(member(port, "name")?, Reader::text)?;
        ports.extend(number.map(|number| (name, number)));
    }
    Ok(ports)
}

/// The weight of a backend.
pub(crate) fn weight(backend: &Reference<'_>) -> u32 {
    backend.weight.unwrap_or(DEFAULT_WEIGHT)
}

/// A reference to a Service, with all that the API server would fill in.
pub(crate) fn reference(service: &str, namespace: Option<&str>, port: Option<i64>) -> String {
    let mut json = r#"{"group":"","kind":"Service""#.to_owned();
    for (key, text) in [("name", Some(service)), ("namespace", namespace)] {
        if let Some(text) = text {
            push_words(&mut json, key, text);
        }
    }
    if let Some(port) = port.and_then(|port| u64::try_from(port).ok()) {
        push_whole(&mut json, "port", port);
    }
    json.push('}');
    json
}
