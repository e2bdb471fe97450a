//! One pass, as a host makes it.

use alloc::collections::BTreeMap;

use serde_json::Value;

use super::Objects;
use super::objects::is_owned;
use crate::prelude::*;
use crate::{
    Description, ObjectRef, Observation, Outcome, Pointer, Problem, Router, Target, Traffic, Verdict,
};

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
        after.own_created(self, target);
        check_changes(&R::describe(), &own_texts(target, traffic), target, self, &after);
        let queries: Vec<_> = seen.into_iter().map(|observation| observation.query).collect();
        let second = ask(&after.observe(target, &queries)).unwrap_or_else(|problem| {
            panic!("asked again about its own result, it has a problem: {}", problem.message)
        });
        assert_eq!(second.changes, [], "asked again about its own result, it still changes something");
        check_shares(&second, traffic, purpose);
        assert!(second.notes.len() <= 16 && outcome.notes.len() <= 16, "more than 16 notes");
        *self = after;
        Ok(outcome)
    }
}

/// What makes a list element the Rollout's own: names of its Services, pod template hashes, and managed routes.
fn own_texts(target: &Target, traffic: &Traffic) -> Own {
    let mut texts: Vec<_> =
        [&target.stable_service, &target.canary_service].into_iter().flatten().cloned().collect();
    for destination in traffic.destinations().chain(&traffic.retired) {
        texts.extend([&destination.service, &destination.pod_template_hash].into_iter().flatten().cloned());
    }
    let mut configured = Vec::new();
    for config in [&target.config, &target.settings] {
        collect_texts(&serde_json::from_str(config).unwrap_or_default(), &mut configured);
    }
    Own {
        namespace: target.namespace.clone(),
        texts,
        managed: traffic.managed_routes.iter().map(|route| route.name.clone()).collect(),
        configured,
    }
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}

struct Own {
    namespace: String,
    texts: Vec<String>,
    managed: Vec<String>,
    /// Texts of the configuration and the settings.
    configured: Vec<String>,
}

impl Own {
    /// Whether a text is this name, or a host name of the Service of this name.
    fn is_service(&self, text: &str, name: &str) -> bool {
        let domain = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
        let rest = domain.and_then(|domain| domain.strip_prefix(self.namespace.as_str()));
        text == name
            || rest.is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc."))
    }

    /// Whether the element is the Rollout's own, by the text at this pointer.
    fn has(&self, element: &Value, identity: &str) -> bool {
        element.pointer(identity).and_then(Value::as_str).is_some_and(|text| self.is_named(text))
    }

    /// Whether something in a value has to do with the Rollout: names what is its own, or what its configuration
    /// names.
    fn is_mentioned(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_named(text) || self.configured.contains(text),
            Value::Array(elements) => elements.iter().any(|value| self.is_mentioned(value)),
            Value::Object(fields) => fields.values().any(|value| self.is_mentioned(value)),
            _ => false,
        }
    }

    /// Whether every list element on the way to a place has to do with the Rollout.
    fn reaches(&self, object: &Value, place: &str) -> bool {
        let mut value = object;
        for part in place.split('/').skip(1) {
            let is_element = value.is_array();
            let Some(inner) = value.pointer(&["/", part].concat()) else { break };
            if is_element && !self.is_mentioned(inner) {
                return false;
            }
            value = inner;
        }
        true
    }

    /// Whether a text names what is the Rollout's own.
    fn is_named(&self, text: &str) -> bool {
        self.texts.iter().any(|own| self.is_service(text, own))
            || self.managed.iter().any(|name| {
                text.strip_prefix(name.as_str()).is_some_and(|rest| {
                    let number = rest.strip_prefix('-').unwrap_or_default();
                    rest.is_empty() || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                })
            })
    }
}

/// Panics unless everything that differs is in a described field, in an object that the plugin created, or in a list of
/// elements that come and go: there, the Rollout's own may be anything, and the others must be the same ones in the same order.
/// A host looks closer: at namespaces that are named next to a Service, and at what own elements refer to.
fn check_changes(description: &Description, own: &Own, target: &Target, before: &Objects, after: &Objects) {
    let before: BTreeMap<_, _> = before.iter().collect();
    let after: BTreeMap<_, _> = after.iter().collect();
    let may = |key: &ObjectRef, verb: &str| {
        description
            .kinds
            .iter()
            .any(|used| used.kind == key.kind && used.verbs.iter().any(|other| other == verb))
    };
    for (key, old) in &before {
        let Some(new) = after.get(key) else {
            assert!(may(key, "delete"), "it removes {key} without describing that it deletes");
            assert!(is_owned(old, target), "it removes {key}, which it did not create");
            continue;
        };
        if old == new {
            continue;
        }
        assert!(may(key, "update"), "it changes {key} without describing that it updates");
        if is_owned(old, target) {
            assert!(is_owned(new, target), "it changes whose {key} is");
            continue;
        }
        let patterns: Vec<&str> = description
            .kinds
            .iter()
            .filter(|used| used.kind == key.kind)
            .flat_map(|used| used.fields.iter().map(String::as_str))
            .collect();
        let elements: Vec<(&str, &str)> = description
            .kinds
            .iter()
            .filter(|used| used.kind == key.kind)
            .flat_map(|used| &used.elements)
            .map(|used| (used.at.as_str(), used.identity.as_str()))
            .collect();
        let is_own = |list: &Pointer, element: &Value| {
            let at = list.clone().key("-");
            elements
                .iter()
                .any(|(pattern, identity)| is_at(pattern, at.as_str()) && own.has(element, identity))
        };
        let mut places = Vec::new();
        differences(old, new, &Pointer::root(), &is_own, &mut places);
        for place in places {
            assert!(
                patterns.iter().any(|pattern| covers(pattern, place.as_str())),
                "it changes {place} of {key}, which none of the described fields covers: {patterns:?}"
            );
            assert!(
                own.reaches(old, place.as_str()),
                "it changes {place} of {key}, in a list element that has nothing to do with the Rollout"
            );
        }
    }
    for key in after.keys().filter(|key| !before.contains_key(*key)) {
        assert!(may(key, "create"), "it makes {key} without describing that it creates");
    }
}

/// The places that differ, without the elements that are the Rollout's own. Lists of different lengths differ by an
/// element that came or went.
fn differences(
    old: &Value,
    new: &Value,
    at: &Pointer,
    is_own: &dyn Fn(&Pointer, &Value) -> bool,
    places: &mut Vec<Pointer>,
) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            // A map that comes or goes as a whole is as much as what is in it.
            let whole = |at: Pointer, value: &Value, places: &mut Vec<Pointer>| match value {
                Value::Object(map) if !map.is_empty() => {
                    places.extend(map.keys().map(|key| at.clone().key(key)));
                }
                _ => places.push(at),
            };
            for (key, old) in old {
                let at = at.clone().key(key);
                match new.get(key) {
                    Some(new) => differences(old, new, &at, is_own, places),
                    None => whole(at, old, places),
                }
            }
            for (key, new) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                whole(at.clone().key(key), new, places);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let others = |list: &[Value]| -> Vec<(usize, Value)> {
                let all = list.iter().cloned().enumerate();
                all.filter(|(_, element)| !is_own(at, element)).collect()
            };
            let (old, new) = (others(old), others(new));
            if old.len() != new.len() {
                places.push(at.clone().key("-"));
                return;
            }
            for ((index, old), (_, new)) in old.iter().zip(&new) {
                differences(old, new, &at.clone().index(*index), is_own, places);
            }
        }
        (old, new) if old != new => places.push(at.clone()),
        _ => {}
    }
}

/// Whether a pattern covers a place: part by part, `*` being any.
fn covers(pattern: &str, place: &str) -> bool {
    let mut parts = place.split('/');
    pattern.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

/// Whether a pattern means this place, and not one around it.
fn is_at(pattern: &str, place: &str) -> bool {
    covers(pattern, place) && pattern.split('/').count() == place.split('/').count()
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
