//! Managed routes: HTTP routes that the Rollout's steps make, on top of all others, in the order of precedence.
//!
//! For each route that is divided there is one copy of it, with the rule's conditions added to its own: what the route does
//! besides (rewrites, timeouts, retries) holds for the copy as well, and requests that other routes are for are
//! not taken from them. The first copy has the managed route's name, further ones a number behind it.

use tidegate_router_sdk::json::{Reader, Result, push_member, push_number, push_text, same};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    ManagedRoute, Object, Outcome, Patch, Pointer, Problem, Rule, RuleAction, concat, split_evenly,
};

use crate::document::{Protocol, Route};
use crate::matching::{Block, Inexpressible};
use crate::places::Place;
use crate::roles::{Role, Roles};
use crate::weights::{Entry, Plan, TOTAL, destination_json};

/// The managed routes of a Rollout, in one `VirtualService`.
#[derive(Debug)]
pub(crate) struct Managed<'a> {
    pub(crate) routes: &'a [ManagedRoute],
    /// Names of routes that the configuration says are the user's.
    pub(crate) users: &'a [String],
}

/// A copy as it should be.
struct Copy {
    name: String,
    json: String,
}

/// A route that is divided, as it is written: members and JSON texts.
#[derive(Debug, Default)]
struct Source<'a> {
    blocks: Vec<Block<'a>>,
    destinations: Vec<Members<'a>>,
    others: Members<'a>,
}

type Members<'a> = Vec<(String, &'a str)>;

impl Managed<'_> {
    /// The managed route to which a route of this name belongs.
    pub(crate) fn owner(&self, name: Option<&str>) -> Option<&ManagedRoute> {
        let name = name?;
        if self.users.iter().any(|user| user == name) {
            return None;
        }
        let exact = self.routes.iter().find(|route| route.name == name);
        exact.or_else(|| {
            let (base, number) = name.rsplit_once('-')?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            self.routes.iter().find(|route| is_number && route.name == base)
        })
    }

    /// Whether any of them should exist now.
    pub(crate) fn any(&self) -> bool {
        self.routes.iter().any(|route| route.rule.is_some())
    }

    /// Adds to the patch of an object what differs in its managed routes. Routes are named by their places before the
    /// patch, and the patch changes no other list of routes before.
    ///
    /// # Errors
    /// When the object is not of the expected form, or cannot express a rule.
    pub(crate) fn patch(
        &self,
        object: &Object,
        routes: &[Route<'_>],
        plans: &[(Place, Plan<'_>)],
        patch: &mut Patch,
    ) -> core::result::Result<(), Problem> {
        let present: Vec<usize> = (0..routes.len())
            .filter(|index| {
                routes.get(*index).is_some_and(|route| self.owner(route.name.as_deref()).is_some())
            })
            .collect();
        if present.is_empty() && !self.any() {
            return Ok(());
        }
        let texts = object.read_with(http_routes)?;
        let copies = if self.any() { self.copies(object, &texts, plans)? } else { Vec::new() };
        let http = || Pointer::root().key("spec").key(Protocol::Http.key());
        let name = |index: usize| routes.get(index).and_then(|route| route.name.as_deref());
        let is_in_place = present.len() == copies.len()
            && (0..)
                .zip(&present)
                .zip(&copies)
                .all(|((wanted, index), copy)| wanted == *index && name(*index) == Some(copy.name.as_str()));
        if is_in_place {
            for (index, copy) in copies.iter().enumerate() {
                if !texts.get(index).is_some_and(|seen| same(seen, &copy.json)) {
                    patch.replace_json(&http().index(index), &copy.json);
                }
            }
            return Ok(());
        }
        for index in present.iter().rev() {
            patch.remove(&http().index(*index));
        }
        for (index, copy) in copies.iter().enumerate() {
            patch.add_json(&http().index(index), &copy.json);
        }
        Ok(())
    }

    /// Adds what those of the present copies that divide traffic give to whom.
    pub(crate) fn share(
        &self,
        object: &Object,
        routes: &[Route<'_>],
        written_in: &str,
        roles: &Roles<'_>,
        outcome: &mut Outcome,
    ) {
        for (index, route) in routes.iter().enumerate() {
            let owner = self.owner(route.name.as_deref());
            let is_mirror = |rule: &Rule| matches!(rule.action, RuleAction::Mirror(_));
            if !owner.is_some_and(|owner| owner.rule.as_ref().is_some_and(is_mirror)) {
                continue;
            }
            if let Some(plan) = Plan::of(route, written_in, roles) {
                plan.share(object, &Place { protocol: Protocol::Http, index }.pointer(), outcome);
            }
        }
    }

    /// All copies, as they should be and in their order.
    fn copies(
        &self,
        object: &Object,
        texts: &[&str],
        plans: &[(Place, Plan<'_>)],
    ) -> core::result::Result<Vec<Copy>, Problem> {
        let mut sources = Vec::new();
        for (place, plan) in plans.iter().filter(|(place, _)| place.protocol == Protocol::Http) {
            let text = texts.get(place.index).copied().unwrap_or("null");
            let source = Reader::document(text, Source::read).map_err(|error| {
                error.problem("invalid-object", &object.ref_.to_text()).about(&object.ref_)
            })?;
            sources.push((*place, plan, source));
        }
        let mut copies = Vec::new();
        for route in self.routes {
            let Some(rule) = &route.rule else { continue };
            let mut number = 0_u64;
            for (place, plan, source) in &sources {
                let name = copy_name(&route.name, number);
                let copy = source.copy(&name, rule, plan).map_err(|Inexpressible(what)| {
                    let message = concat(&[
                        "managed route `",
                        &route.name,
                        "` and ",
                        place.pointer().as_str(),
                        " of ",
                        &object.ref_.to_text(),
                        " have different conditions on the same ",
                        &what,
                        ", which Istio cannot express together: take it out of one of them",
                    ]);
                    Problem::unsupported(message).about(&object.ref_).at(place.pointer())
                })?;
                if let Some(json) = copy {
                    copies.push(Copy { name, json });
                    number += 1;
                }
            }
            if number == 0 {
                let message = concat(&[
                    "managed route `",
                    &route.name,
                    "` has no place in ",
                    &object.ref_.to_text(),
                    ": no HTTP route that is divided takes requests that its rule is for",
                ]);
                return Err(Problem::unsupported(message).about(&object.ref_));
            }
        }
        Ok(copies)
    }
}

impl<'a> Source<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut source = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "match" => {
                    source.blocks.clear();
                    reader.list(&mut |reader| {
                        source.blocks.push(Block::read(reader)?);
                        Ok(())
                    })?;
                }
                "route" => {
                    source.destinations.clear();
                    reader.list(&mut |reader| {
                        source.destinations.push(members(reader)?);
                        Ok(())
                    })?;
                }
                _ => push_raw(&mut source.others, key, reader)?,
            }
            Ok(())
        })?;
        Ok(source)
    }

    /// The copy for a rule as JSON text; `None` when no request can meet the conditions of both.
    fn copy(
        &self,
        name: &str,
        rule: &'a Rule,
        plan: &Plan<'_>,
    ) -> core::result::Result<Option<String>, Inexpressible> {
        let Some(blocks) = self.blocks(rule)? else { return Ok(None) };
        let mut json = "{".to_owned();
        push_member(&mut json, "name", &text(name));
        if !blocks.is_empty() {
            push_member(&mut json, "match", &list(&blocks));
        }
        let is_mirror = matches!(rule.action, RuleAction::Mirror(_));
        for (key, value) in &self.others {
            let is_mirrors =
                matches!(key.as_str(), "mirror" | "mirrors" | "mirrorPercentage" | "mirrorPercent");
            if key != "name" && !(is_mirror && is_mirrors) {
                push_member(&mut json, key, value);
            }
        }
        let canary = || {
            let entries = self.destinations.iter().zip(&plan.entries);
            entries.filter(|(_, entry)| matches!(entry, Entry::Weight { role: Role::Canary, .. }))
        };
        let mut route = Vec::new();
        match rule.action {
            RuleAction::ToCanary => {
                let count = u32::try_from(canary().count()).unwrap_or(u32::MAX);
                for ((destination, _), weight) in canary().zip(split_evenly(TOTAL, count)) {
                    route.push(with_weight(destination, weight));
                }
            }
            RuleAction::Mirror(percent) => {
                for (destination, entry) in self.destinations.iter().zip(&plan.entries) {
                    match entry {
                        Entry::Foreign => route.push(object(destination)),
                        Entry::Weight { desired, .. } => route.push(with_weight(destination, *desired)),
                        Entry::Retired => {}
                    }
                }
                route.extend(plan.added.iter().map(|(host, weight)| destination_json(host, *weight)));
                let mirrored = canary().flat_map(|(destination, _)| destination);
                if let Some((_, mirror)) = mirrored.into_iter().find(|(key, _)| key == "destination") {
                    push_member(&mut json, "mirror", mirror);
                }
                let value = concat(&[r#"{"value":"#, &number(percent.into()), "}"]);
                push_member(&mut json, "mirrorPercentage", &value);
            }
        }
        push_member(&mut json, "route", &list(&route));
        json.push('}');
        Ok(Some(json))
    }

    /// Its `match` with the rule's conditions added to each element: empty when every request is meant, `None` when
    /// none is.
    fn blocks(&self, rule: &'a Rule) -> core::result::Result<Option<Vec<String>>, Inexpressible> {
        let any = [Block::default()];
        let own: &[Block<'a>] = if self.blocks.is_empty() { &any } else { &self.blocks };
        let mut blocks = Vec::new();
        for wanted in &rule.matches {
            for block in own {
                let Some(block) = block.and(wanted)? else { continue };
                // Istio refuses elements without conditions: the whole list stands for that.
                if block == "{}" {
                    return Ok(Some(Vec::new()));
                }
                if !blocks.contains(&block) {
                    blocks.push(block);
                }
            }
        }
        Ok((!blocks.is_empty()).then_some(blocks))
    }
}

/// `users`, `users-1`, `users-2` …
fn copy_name(route: &str, number: u64) -> String {
    if number == 0 { route.to_owned() } else { concat(&[route, "-", &self::number(number)]) }
}

/// The JSON texts of all HTTP routes.
fn http_routes<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>> {
    let mut routes = Vec::new();
    reader.object(&mut |key, reader| match key {
        "spec" => reader.object(&mut |key, reader| match key {
            "http" => {
                routes.clear();
                reader.list(&mut |reader| {
                    routes.push(reader.raw()?);
                    Ok(())
                })
            }
            _ => reader.skip(),
        }),
        _ => reader.skip(),
    })?;
    Ok(routes)
}

fn members<'a>(reader: &mut Reader<'a>) -> Result<Members<'a>> {
    let mut members = Vec::new();
    reader.object(&mut |key, reader| push_raw(&mut members, key, reader))?;
    Ok(members)
}

/// Adds a member as it is written. `null` is the same as absent.
fn push_raw<'a>(members: &mut Members<'a>, key: &str, reader: &mut Reader<'a>) -> Result<()> {
    let value = reader.raw()?;
    if value != "null" {
        members.push((key.to_owned(), value));
    }
    Ok(())
}

fn with_weight(destination: &Members<'_>, weight: u32) -> String {
    let mut json = "{".to_owned();
    for (key, value) in destination.iter().filter(|(key, _)| key != "weight") {
        push_member(&mut json, key, value);
    }
    push_member(&mut json, "weight", &number(weight.into()));
    json.push('}');
    json
}

fn object(members: &Members<'_>) -> String {
    let mut json = "{".to_owned();
    for (key, value) in members {
        push_member(&mut json, key, value);
    }
    json.push('}');
    json
}

fn list(elements: &[String]) -> String {
    concat(&["[", &elements.join(","), "]"])
}

fn text(text: &str) -> String {
    let mut json = String::new();
    push_text(&mut json, text);
    json
}

fn number(number: u64) -> String {
    let mut json = String::new();
    push_number(&mut json, number);
    json
}
