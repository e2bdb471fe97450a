//! Steps that make and remove managed routes.

use std::collections::BTreeSet;

use super::field::{Checks, Field, brief};
use super::step::Routing;

/// The ways to compare a text.
const COMPARISONS: [&str; 3] = ["exact", "prefix", "regex"];
/// The largest percentage of requests that can be mirrored.
const LARGEST_PERCENTAGE: u64 = 100;

impl Checks {
    /// `setHeaderRoute`.
    pub(super) fn header_route(&mut self, step: &Field<'_>, routing: &Routing<'_>) {
        if !self.managed_route(step, routing, &["name", "match"]) {
            return;
        }
        let mut names = BTreeSet::new();
        for entry in step.get("match").elements() {
            if !entry.value.is_object() {
                self.say(&entry, "must be an object with headerName and headerValue");
                continue;
            }
            self.only(&entry, &["headerName", "headerValue"]);
            let name = entry.get("headerName");
            self.header_name(&name, name.text().unwrap_or_default(), &mut names);
            self.text_match(&entry.get("headerValue"));
        }
    }

    /// `setMirrorRoute`.
    pub(super) fn mirror_route(&mut self, step: &Field<'_>, routing: &Routing<'_>) {
        if !self.managed_route(step, routing, &["name", "match", "percentage"]) {
            return;
        }
        let percentage = step.get("percentage");
        let is_right = percentage.value.as_u64().is_some_and(|percent| percent <= LARGEST_PERCENTAGE);
        if percentage.is_given() && !is_right {
            let found = brief(percentage.value);
            self.say(
                &percentage,
                format!("must be a whole number from 0 to {LARGEST_PERCENTAGE}, not {found}"),
            );
        }
        for entry in step.get("match").elements() {
            if !entry.value.is_object() {
                self.say(&entry, "must be an object with method, path or headers");
                continue;
            }
            self.only(&entry, &["method", "path", "headers"]);
            let [method, path, headers] = ["method", "path", "headers"].map(|part| entry.get(part));
            for part in [&method, &path].into_iter().filter(|part| part.is_given()) {
                self.text_match(part);
            }
            let mut names = BTreeSet::new();
            if self.object(&headers) {
                for (name, value) in headers.entries() {
                    self.header_name(&value, name, &mut names);
                    self.text_match(&value);
                }
            }
            if !method.is_given() && !path.is_given() && headers.entries().next().is_none() {
                self.say(
                    &entry,
                    "has no condition; give method, path or headers (all requests: path: {prefix: /})",
                );
            }
        }
    }

    /// What both kinds of steps have in common; whether there is more to look at.
    fn managed_route(&mut self, step: &Field<'_>, routing: &Routing<'_>, known: &[&str]) -> bool {
        if !routing.has_routers {
            self.say(step, "needs a router: name one in trafficRouting, or remove the step");
        }
        if !step.value.is_object() {
            self.say(step, format!("must be an object with {}", known.join(", ")));
            return false;
        }
        self.only(step, known);
        let name = step.get("name");
        match name.text() {
            None => self.say(&name, "must be the name of a managed route; give one of managedRoutes"),
            Some(text) if !routing.managed_routes.contains(text) => {
                let message = format!(
                    "{text} is not among trafficRouting.managedRoutes, which gives the order of routes; add it there"
                );
                self.say(&name, message);
            }
            Some(_) => {}
        }
        self.list(&step.get("match"), "conditions")
    }

    /// The name of a header, in a match whose headers must all match.
    fn header_name(&mut self, at: &Field<'_>, name: &str, names: &mut BTreeSet<String>) {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            let found = brief(at.value);
            self.say(at, format!("must be the name of a header, not {found}"));
        } else if !names.insert(name.to_ascii_lowercase()) {
            let message = format!(
                "the header {name} is there twice, and all conditions must hold; make them one regex, or a managed route each"
            );
            self.say(at, message);
        }
    }

    /// A comparison: exactly one of its three kinds.
    fn text_match(&mut self, field: &Field<'_>) {
        let kinds = COMPARISONS.join(", ");
        if !field.value.is_object() {
            return self.say(field, format!("must be an object with one of {kinds}"));
        }
        self.only(field, &COMPARISONS);
        // An empty text is the same as none, as in Argo Rollouts.
        let given: Vec<Field<'_>> = COMPARISONS
            .iter()
            .map(|kind| field.get(kind))
            .filter(|one| one.is_given() && one.value.as_str() != Some(""))
            .collect();
        match given.as_slice() {
            [one] if one.value.is_string() => {}
            [one] => {
                let found = brief(one.value);
                self.say(one, format!("must be a string, not {found}; put it in quotes"));
            }
            _ => self.say(field, format!("must have exactly one of {kinds}")),
        }
    }
}
