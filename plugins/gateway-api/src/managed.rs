//! Managed routes: rules that the Rollout's steps make and remove.
//!
//! Each is a copy of a rule of the Rollout that matches only some of its requests, on top of it, in the order of the
//! Rollout's managed routes. A copy is known by its name (the managed route's, or that with `-1`, `-2`, …) and its
//! form: it sends everything to one of the Rollout's Services, or mirrors to one. A rule that has such a name but not
//! such a form is somebody's own, and stays.

use tidegate_router_sdk::json::{self, elements, push_number, same};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    ManagedRoute, Object, Outcome, Patch, Problem, Rule as Wanted, RuleAction, Traffic, concat,
};

use crate::config::Scope;
use crate::copies::Copy;
use crate::destinations::{CANARY, Ours};
use crate::document::{Reference, Rule};
use crate::kinds::RouteKind;
use crate::mirror::is_same_rule;
use crate::pieces::{list, member};
use crate::rules::place;

/// How many rules a route can have.
const MOST_RULES: usize = 16;
/// How many matches the rules of a route can have together.
const MOST_MATCHES_IN_ALL: usize = 128;

/// What is asked about one route.
pub(crate) struct Question<'q> {
    pub(crate) object: &'q Object,
    pub(crate) kind: &'static RouteKind,
    pub(crate) ours: &'q Ours<'q>,
    pub(crate) scope: &'q Scope,
    /// Whether the configuration lets it have header routes.
    pub(crate) header_routes: bool,
    pub(crate) rules: &'q [Rule<'q>],
    pub(crate) traffic: &'q Traffic,
}

/// The managed rules of one route.
#[derive(Default)]
pub(crate) struct Managed {
    /// For each rule seen whether it is one; empty when none is.
    flags: Vec<bool>,
    /// All of them as they should be, when those seen are not so.
    desired: Option<Vec<String>>,
    /// Whether there should be any.
    pub(crate) is_any_wanted: bool,
}

impl Managed {
    /// Whether the rule seen at this index is one.
    pub(crate) fn is_managed(&self, index: usize) -> bool {
        self.flags.get(index).copied().unwrap_or_default()
    }

    /// Where the rule seen at this index is after the patch of [`Self::write`]; it is none of them.
    pub(crate) fn moved(&self, index: usize) -> usize {
        let Some(desired) = &self.desired else { return index };
        let before = self.flags.iter().take(index).filter(|is_managed| **is_managed).count();
        index.saturating_sub(before).saturating_add(desired.len())
    }

    /// Makes them as they should be.
    pub(crate) fn write(&self, patch: &mut Patch) {
        let Some(desired) = &self.desired else { return };
        for (index, _) in self.flags.iter().enumerate().rev().filter(|(_, is_managed)| **is_managed) {
            patch.remove(&place(index));
        }
        for (index, rule) in desired.iter().enumerate() {
            patch.add_json(&place(index), rule);
        }
    }
}

/// Which rules of a route are managed ones, and what they should be. `wanted` is false when all should be gone.
pub(crate) fn managed(q: &Question<'_>, wanted: bool, outcome: &mut Outcome) -> Result<Managed, Problem> {
    let routes = &q.traffic.managed_routes;
    // Usually there is nothing to do, which is found out from what was read already.
    if routes.is_empty() || !q.kind.matches_requests() {
        return Ok(Managed::default());
    }
    let wanted: Vec<(&str, &Wanted)> =
        routes.iter().filter_map(|route| q.wants(route).filter(|_| wanted)).collect();
    let is_named = |rule: &Rule<'_>| rule.name.as_deref().is_some_and(|name| is_owned(name, routes));
    if wanted.is_empty() && !q.rules.iter().any(is_named) {
        return Ok(Managed::default());
    }
    let raw = member(&q.object.json, "spec").and_then(|spec| elements(member(spec, "rules")?));
    let raw = raw.map_err(|error| q.unexpected(&error))?;
    let mut flags = Vec::with_capacity(raw.len());
    for (rule, raw) in q.rules.iter().zip(&raw) {
        let has_name = is_named(rule);
        let is_one = has_name && q.has_form(rule, raw).map_err(|error| q.unexpected(&error))?;
        if has_name && !is_one {
            outcome.note(concat(&[
                "a rule of ",
                &q.object.ref_.to_text(),
                " has the name `",
                rule.name.as_deref().unwrap_or_default(),
                "`, which belongs to a managed route, but was not made for one: it stays as it is; rename it",
            ]));
        }
        flags.push(is_one);
    }
    let mut managed = Managed { flags, desired: None, is_any_wanted: !wanted.is_empty() };
    let copies = q.copies(&managed, &raw, &wanted, outcome)?;
    if !q.is_so(&managed, &raw, &copies) {
        q.check_names(&managed, &raw, &copies)?;
        q.check_limits(&managed, &raw, &copies)?;
        managed.desired = Some(copies.into_iter().map(|copy| copy.json).collect());
    }
    Ok(managed)
}

/// Whether a rule's name is that of a managed route or of a further copy for it.
fn is_owned(name: &str, routes: &[ManagedRoute]) -> bool {
    routes.iter().any(|route| {
        name.strip_prefix(route.name.as_str()).is_some_and(|rest| {
            let number = rest.strip_prefix('-').unwrap_or_default();
            rest.is_empty() || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

impl Question<'_> {
    /// The managed route's rule, when this route should have it.
    fn wants<'t>(&self, route: &'t ManagedRoute) -> Option<(&'t str, &'t Wanted)> {
        let rule = route.rule.as_ref()?;
        let may = self.header_routes || matches!(rule.action, RuleAction::Mirror(_));
        may.then_some((&route.name, rule))
    }

    /// Whether a rule sends everything to one of the Rollout's Services, or mirrors to one.
    fn has_form(&self, rule: &Rule<'_>, raw: &str) -> json::Result<bool> {
        let mut roles =
            rule.backends.iter().map(|backend| self.ours.role(backend).filter(|role| *role <= CANARY));
        if let Some(Some(first)) = roles.next()
            && roles.all(|role| role == Some(first))
        {
            return Ok(true);
        }
        for filter in elements(member(raw, "filters")?)? {
            let target = member(member(filter, "requestMirror")?, "backendRef")?;
            let target = json::Reader::document(target, Reference::read)?;
            if self.ours.role(&target).is_some_and(|role| role <= CANARY) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the managed rules seen are these, in this order, above all rules but such as have nothing to do with
    /// the Rollout: another Rollout keeps its managed rules on top, too.
    fn is_so(&self, managed: &Managed, raw: &[&str], copies: &[Copy]) -> bool {
        let mut copies = copies.iter();
        let mut is_passed = false;
        for (index, (rule, raw)) in self.rules.iter().zip(raw).enumerate() {
            if managed.is_managed(index) {
                if is_passed || !copies.next().is_some_and(|copy| is_same_rule(raw, &copy.json)) {
                    return false;
                }
            } else if rule.name.is_none()
                || rule.backends.iter().any(|backend| self.ours.role_by_name(backend).is_some())
            {
                is_passed = true;
            }
        }
        copies.next().is_none()
    }

    /// Refuses to add a rule that is there already without its name.
    fn check_names(&self, managed: &Managed, raw: &[&str], copies: &[Copy]) -> Result<(), Problem> {
        let exists = |copy: &Copy| {
            self.rules.iter().enumerate().any(|(index, rule)| {
                managed.is_managed(index) && rule.name.as_deref().is_some_and(|name| name == copy.name)
            })
        };
        for (index, (rule, raw)) in
            self.rules.iter().zip(raw).enumerate().filter(|(_, (rule, _))| rule.name.is_none())
        {
            let is_copy = || -> json::Result<bool> {
                if !self.has_form(rule, raw)? {
                    return Ok(false);
                }
                let matches = member(raw, "matches")?;
                Ok(copies.iter().any(|copy| !exists(copy) && same(matches, &list(&copy.matches))))
            };
            if is_copy().map_err(|error| self.unexpected(&error))? {
                return Err(Problem::unsupported(concat(&[
                    &self.object.ref_.to_text(),
                    " has a rule without a name that is like the one to be added for a managed route. Definitions of the \
                     Gateway API before v1.2 drop the names by which such rules are found again: update them, and \
                     remove or name that rule",
                ]))
                .about(&self.object.ref_)
                .at(place(index)));
            }
        }
        Ok(())
    }

    /// Refuses what the API server would refuse.
    fn check_limits(&self, managed: &Managed, raw: &[&str], copies: &[Copy]) -> Result<(), Problem> {
        let Some(last) = copies.last() else { return Ok(()) };
        let (mut rules, mut matches) = (copies.len(), copies.iter().map(|copy| copy.matches.len()).sum());
        for (index, raw) in raw.iter().enumerate().filter(|(index, _)| !managed.is_managed(*index)) {
            let count = member(raw, "matches").and_then(elements).map_err(|error| self.unexpected(&error));
            matches =
                usize::saturating_add(matches, count.map_err(|problem| problem.at(place(index)))?.len());
            rules = rules.saturating_add(1);
        }
        if rules > MOST_RULES {
            return Err(self.too_many(&last.name, "rules", rules, MOST_RULES));
        }
        if matches > MOST_MATCHES_IN_ALL {
            return Err(self.too_many(&last.name, "matches in all rules", matches, MOST_MATCHES_IN_ALL));
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn too_many(&self, route: &str, what: &str, count: usize, most: usize) -> Problem {
        let (mut is, mut allowed) = (String::new(), String::new());
        push_number(&mut is, count as u64);
        push_number(&mut allowed, most as u64);
        self.unsupported(
            route,
            &concat(&[
                "would make it have ",
                &is,
                " ",
                what,
                ", and the Gateway API allows ",
                &allowed,
                ": divide the route into several, or match less",
            ]),
        )
    }

    #[cold]
    pub(crate) fn unsupported(&self, route: &str, what: &str) -> Problem {
        let message = concat(&[&self.object.ref_.to_text(), ": the managed route `", route, "` ", what]);
        Problem::unsupported(message).about(&self.object.ref_)
    }

    #[cold]
    pub(crate) fn unexpected(&self, error: &json::Unexpected) -> Problem {
        let what = concat(&["a rule of ", &self.object.ref_.to_text()]);
        error.problem("invalid-object", &what).about(&self.object.ref_).at(place(0))
    }
}
