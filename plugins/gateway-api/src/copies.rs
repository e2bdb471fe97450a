//! Putting managed rules together: copies of the Rollout's rules that match only some requests.

use tidegate_router_sdk::json::{self, elements, members, push_member, push_number};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Outcome, Problem, Rule as Wanted, RuleAction, concat};

use crate::config::is_name;
use crate::destinations::{CANARY, weight};
use crate::document::Rule;
use crate::managed::{Managed, Question};
use crate::matches::{Trouble, both};
use crate::mirror;
use crate::pieces::{list, member, push_whole, push_words};
use crate::rules::{self, Fate};

/// How many matches a rule can have.
const MOST_MATCHES: usize = 64;
/// How many filters a rule can have.
const MOST_FILTERS: usize = 16;

/// A managed rule as it should be.
pub(crate) struct Copy {
    /// Its name.
    pub(crate) name: String,
    /// Its matches.
    pub(crate) matches: Vec<String>,
    /// All of it.
    pub(crate) json: String,
}

impl Question<'_> {
    /// All managed rules as they should be, in their order.
    pub(crate) fn copies(
        &self,
        managed: &Managed,
        raw: &[&str],
        wanted: &[(&str, &Wanted)],
        outcome: &mut Outcome,
    ) -> Result<Vec<Copy>, Problem> {
        let mut copies: Vec<Copy> = Vec::new();
        let ordinary = || self.rules.iter().enumerate().filter(|(index, _)| !managed.is_managed(*index));
        for (route, wanted) in wanted {
            if !is_name(route) {
                return Err(self.unsupported(
                    route,
                    "cannot have a rule of its name: a rule's name has lower case letters, digits, `-` and `.`; rename \
                     it in managedRoutes and in the steps",
                ));
            }
            let count = copies.len();
            let mut number = 0_u64;
            let sources = ordinary()
                .filter(|(_, rule)| self.scope.contains(rule.name.as_deref()) && self.ours.divides(rule));
            for (index, rule) in sources {
                let source = raw.get(index).copied().unwrap_or("null");
                let matches = self.matches(source, wanted).map_err(|trouble| match trouble {
                    Trouble::Unsupported(what) => self.unsupported(route, &what),
                    Trouble::Unexpected(error) => self.unexpected(&error),
                })?;
                if matches.is_empty() {
                    continue;
                }
                if matches.len() > MOST_MATCHES {
                    return Err(self.too_many(route, "matches in a rule", matches.len(), MOST_MATCHES));
                }
                let name = loop {
                    let mut name = (*route).to_owned();
                    if number > 0 {
                        name.push('-');
                        push_number(&mut name, number);
                    }
                    number = number.saturating_add(1);
                    let is_taken = |other: &str| other == name;
                    if !ordinary().any(|(_, rule)| rule.name.as_deref().is_some_and(is_taken))
                        && !copies.iter().any(|copy| is_taken(&copy.name))
                        && !self
                            .traffic
                            .managed_routes
                            .iter()
                            .any(|other| is_taken(&other.name) && other.name != **route)
                    {
                        break name;
                    }
                };
                let json = self.copy(&name, rule, source, &matches, wanted.action);
                let (json, filters) = json.map_err(|error| self.unexpected(&error))?;
                if filters > MOST_FILTERS {
                    return Err(self.too_many(route, "filters in a rule", filters, MOST_FILTERS));
                }
                copies.push(Copy { name, matches, json });
            }
            if copies.len() == count {
                outcome.note(concat(&[
                    "the managed route `",
                    route,
                    "` applies to no request of ",
                    &self.object.ref_.to_text(),
                    ": its conditions exclude those of all the Rollout's rules there",
                ]));
            }
        }
        Ok(copies)
    }

    /// The matches of a copy of this rule.
    fn matches(&self, source: &str, wanted: &Wanted) -> Result<Vec<String>, Trouble> {
        let mut given = elements(member(source, "matches")?)?;
        if given.is_empty() {
            // No match is one that always holds.
            given.push("{}");
        }
        let mut matches = Vec::new();
        for wanted in &wanted.matches {
            for given in &given {
                matches.extend(both(self.kind.matches, given, wanted)?);
            }
        }
        Ok(matches)
    }

    /// The JSON of a copy, and how many filters it has.
    fn copy(
        &self,
        name: &str,
        rule: &Rule<'_>,
        source: &str,
        matches: &[String],
        action: RuleAction,
    ) -> json::Result<(String, usize)> {
        let mut json = "{".to_owned();
        push_words(&mut json, "name", name);
        push_member(&mut json, "matches", &list(matches));
        let mut filters = Vec::new();
        for (key, value) in members(source)? {
            match key.as_str() {
                "name" | "matches" => {}
                "backendRefs" => {
                    let backends = self.backends(rule, &elements(value)?, action)?;
                    push_member(&mut json, &key, &list(&backends));
                }
                "filters" => filters = elements(value)?.into_iter().map(str::to_owned).collect(),
                _ => push_member(&mut json, &key, value),
            }
        }
        if let RuleAction::Mirror(percent) = action {
            filters.push(mirror::filter(self.ours, rule, percent));
        }
        if !filters.is_empty() {
            push_member(&mut json, "filters", &list(&filters));
        }
        json.push('}');
        Ok((json, filters.len()))
    }

    /// The backends of a copy.
    fn backends(&self, rule: &Rule<'_>, raw: &[&str], action: RuleAction) -> json::Result<Vec<String>> {
        let mut backends = Vec::new();
        let ours = self.ours;
        if matches!(action, RuleAction::ToCanary) {
            for (backend, raw) in rule.backends.iter().zip(raw) {
                if ours.role(backend) == Some(CANARY) {
                    backends.push(with_weight(raw, 1)?);
                }
            }
            return Ok(backends);
        }
        let fates = rules::fates(ours, rule, &ours.tallies(rule));
        let mut roles = Vec::new();
        for ((backend, raw), fate) in rule.backends.iter().zip(raw).zip(fates) {
            match fate {
                Fate::Removed => continue,
                // What is so already is copied as it is written: a weight of 1 may be absent.
                Fate::Weight(desired) if desired != weight(backend) => {
                    backends.push(with_weight(raw, desired)?);
                }
                Fate::Weight(_) | Fate::Foreign => backends.push((*raw).to_owned()),
            }
            roles.push(ours.role(backend));
        }
        for (number, backend) in rules::missing(ours, rule, &mut roles) {
            backends.insert(number, backend);
        }
        Ok(backends)
    }
}

/// An object with this weight.
fn with_weight(raw: &str, weight: u32) -> json::Result<String> {
    let mut json = "{".to_owned();
    for (key, value) in members(raw)? {
        if key != "weight" {
            push_member(&mut json, &key, value);
        }
    }
    push_whole(&mut json, "weight", weight.into());
    json.push('}');
    Ok(json)
}
