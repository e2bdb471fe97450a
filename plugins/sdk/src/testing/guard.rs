//! What a host lets a plugin change, in a simpler form: the same verdicts on what plugins do in earnest.

use alloc::collections::BTreeSet;

use serde_json::{Value, json};

use super::Objects;
use crate::prelude::*;
use crate::{Description, ElementUse, KindUse, ObjectRef, Pointer, Target, Traffic};

/// The label of what a host manages.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "tidegate");

/// What a host gives an object that it makes, and keeps of one that is the Rollout's own.
pub(super) fn give_host_part(target: &Target, before: &Objects, after: &mut Objects) {
    for (key, new) in after.iter_mut() {
        let old = before.iter().find(|(other, _)| *other == key).map(|(_, old)| old);
        match old {
            None => {
                let metadata = &mut new["metadata"];
                metadata["namespace"] = json!(key.namespace);
                metadata["uid"] = json!(format!("uid-of-{}", key.name));
                metadata["resourceVersion"] = json!("1");
                metadata["generation"] = json!(1);
                metadata["creationTimestamp"] = json!("1970-01-01T00:00:00Z");
                metadata["ownerReferences"] = json!([{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": target.name, "uid": target.uid,
                    "controller": true, "blockOwnerDeletion": true,
                }]);
                metadata["labels"][MANAGED_BY.0] = json!(MANAGED_BY.1);
            }
            Some(old) if old != new && is_own_object(key, old, target) => {
                let kept = old["metadata"].as_object().into_iter().flatten();
                for (field, value) in kept.filter(|(field, _)| *field != "labels" && *field != "annotations")
                {
                    if new["metadata"][field].is_null() {
                        new["metadata"][field] = value.clone();
                    }
                }
                if new["status"].is_null() && !old["status"].is_null() {
                    new["status"] = old["status"].clone();
                }
                new["metadata"]["labels"][MANAGED_BY.0] = json!(MANAGED_BY.1);
            }
            Some(_) => {}
        }
    }
}

/// Whether the Rollout controls the object.
pub(super) fn is_own_object(key: &ObjectRef, object: &Value, target: &Target) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    key.namespace.as_ref() == Some(&target.namespace)
        && owners
            .into_iter()
            .flatten()
            .any(|owner| owner["controller"] == json!(true) && owner["uid"] == json!(target.uid))
}

/// Panics unless a host would write all that differs.
pub(super) fn check_changes(
    description: &Description,
    target: &Target,
    traffic: &Traffic,
    before: &Objects,
    after: &Objects,
) {
    let ours = Ours::new(target, traffic);
    let used = |key: &ObjectRef| description.kinds.iter().find(|used| used.kind == key.kind);
    let may = |key: &ObjectRef, verb: &str| {
        used(key).is_some_and(|used| used.verbs.iter().any(|other| other == verb))
    };
    for (key, old) in before.iter() {
        let Some(new) = after.iter().find(|(other, _)| *other == key).map(|(_, new)| new) else {
            assert!(may(key, "delete"), "it removes {key} without describing that it deletes");
            assert!(is_own_object(key, old, target), "it removes {key}, which the Rollout does not own");
            continue;
        };
        if old == new {
            continue;
        }
        assert!(may(key, "update"), "it changes {key} without describing that it updates");
        let Some(used) = used(key) else { continue };
        let home = key.namespace.as_deref().unwrap_or_default();
        let mut judge = Judge { used, ours: &ours, home, on_the_way: Vec::new(), wrong: Vec::new() };
        if is_own_object(key, old, target) {
            judge.fixed_parts(old, new);
        } else {
            judge.values(old, new, &Pointer::root());
        }
        assert!(judge.wrong.is_empty(), "of {key}, it changes what it may not:\n{}", judge.wrong.join("\n"));
    }
    for (key, _) in after.iter().filter(|(key, _)| !before.iter().any(|(other, _)| other == *key)) {
        assert!(may(key, "create"), "it makes {key} without describing that it creates");
        assert!(
            key.namespace.as_ref() == Some(&target.namespace),
            "it makes {key}, which is not in the Rollout's namespace"
        );
    }
}

/// What is the Rollout's in other people's objects.
struct Ours {
    namespace: String,
    services: BTreeSet<String>,
    hashes: BTreeSet<String>,
    managed: BTreeSet<String>,
    configured: BTreeSet<String>,
}

impl Ours {
    fn new(target: &Target, traffic: &Traffic) -> Self {
        let destinations = || traffic.destinations().chain(&traffic.retired);
        let roles = [&target.stable_service, &target.canary_service];
        let mut configured = BTreeSet::new();
        for text in [&target.config, &target.settings] {
            if let Ok(config) = serde_json::from_str::<Value>(text) {
                texts(&config, None, &mut |text, _| {
                    configured.insert(text.to_owned());
                });
            }
        }
        Self {
            namespace: target.namespace.clone(),
            services: destinations()
                .map(|destination| &destination.service)
                .chain(roles)
                .flatten()
                .cloned()
                .collect(),
            hashes: destinations().filter_map(|destination| destination.pod_template_hash.clone()).collect(),
            managed: traffic.managed_routes.iter().map(|route| route.name.clone()).collect(),
            configured,
        }
    }

    /// Whether a text, next to which this namespace is named, is the Rollout's, in an object of the namespace `home`.
    fn owns(&self, text: &str, beside: Option<&str>, home: &str) -> bool {
        let (name, rest) = text.split_once('.').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let is_service = self.services.contains(name)
            && beside.is_none_or(|beside| beside == self.namespace)
            && match rest {
                None => beside.unwrap_or(home) == self.namespace,
                Some(rest) => rest
                    .strip_prefix(self.namespace.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc.")),
            };
        let is_derived = text.rsplit_once('-').is_some_and(|(name, number)| {
            self.managed.contains(name)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        is_service || is_derived || self.hashes.contains(text) || self.managed.contains(text)
    }

    fn are_mentioned(&self, value: &Value, home: &str) -> bool {
        let mut found = false;
        texts(value, None, &mut |text, beside| {
            found |= self.owns(text, beside, home) || self.configured.contains(text);
        });
        found
    }
}

/// All texts in a value, each with the namespace that is named next to it.
fn texts<'v>(value: &'v Value, beside: Option<&'v str>, found: &mut dyn FnMut(&'v str, Option<&'v str>)) {
    match value {
        Value::String(text) => found(text, beside),
        Value::Array(elements) => elements.iter().for_each(|value| texts(value, None, found)),
        Value::Object(fields) => {
            let beside = beside_of(fields.get("namespace"));
            fields.values().for_each(|value| texts(value, beside, found));
        }
        _ => {}
    }
}

fn beside_of(namespace: Option<&Value>) -> Option<&str> {
    namespace?.as_str().filter(|namespace| !namespace.is_empty())
}

/// The text at a pointer, with the namespace next to it.
fn text_at<'v>(element: &'v Value, at: &str) -> Option<(&'v str, Option<&'v str>)> {
    let text = element.pointer(at)?.as_str()?;
    let parent = at.rsplit_once('/').and_then(|(parent, _)| element.pointer(parent));
    Some((text, beside_of(parent.and_then(|parent| parent.get("namespace")))))
}

/// All texts at the places of a pattern.
fn texts_of<'v>(
    value: &'v Value,
    beside: Option<&'v str>,
    pattern: &[&str],
    found: &mut BTreeSet<(&'v str, Option<&'v str>)>,
) {
    let Some((part, rest)) = pattern.split_first() else {
        texts(value, beside, &mut |text, beside| {
            found.insert((text, beside));
        });
        return;
    };
    match value {
        Value::Object(fields) => {
            let beside = beside_of(fields.get("namespace"));
            for (_, value) in fields.iter().filter(|(key, _)| *part == "*" || *part == key.as_str()) {
                texts_of(value, beside, rest, found);
            }
        }
        Value::Array(elements) if *part == "*" => {
            for value in elements {
                texts_of(value, None, rest, found);
            }
        }
        _ => {}
    }
}

/// The comparison of one object as it was with what it became.
struct Judge<'j> {
    used: &'j KindUse,
    ours: &'j Ours,
    home: &'j str,
    /// The list elements on the way, as they were.
    on_the_way: Vec<&'j Value>,
    /// What is wrong.
    wrong: Vec<String>,
}

impl<'j> Judge<'j> {
    /// What is the host's of an own object.
    fn fixed_parts(&mut self, old: &Value, new: &Value) {
        for part in ["/apiVersion", "/kind", "/status"] {
            if old.pointer(part) != new.pointer(part) {
                self.wrong.push([part, " is the host's"].concat());
            }
        }
        let fixed = |object: &Value| {
            let mut metadata = object["metadata"].clone();
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.retain(|key, _| key != "labels" && key != "annotations");
            }
            metadata
        };
        if fixed(old) != fixed(new) {
            self.wrong.push("/metadata is the host's, but for labels and annotations".to_owned());
        }
    }

    fn values(&mut self, old: &'j Value, new: &'j Value, at: &Pointer) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, old) in old {
                    let at = at.clone().key(key);
                    match new.get(key) {
                        Some(new) => self.values(old, new, &at),
                        None => self.comes_or_goes(old, &at, false),
                    }
                }
                for (key, new) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                    self.comes_or_goes(new, &at.clone().key(key), true);
                }
            }
            (Value::Array(old), Value::Array(new)) => self.lists(old, new, at),
            _ if old == new => {}
            _ => {
                self.comes_or_goes(old, at, false);
                self.comes_or_goes(new, at, true);
            }
        }
    }

    /// What comes or goes as a whole is as much as all that is in it.
    fn comes_or_goes(&mut self, value: &'j Value, at: &Pointer, comes: bool) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (key, value) in fields {
                    self.comes_or_goes(value, &at.clone().key(key), comes);
                }
            }
            Value::Array(list) if !list.is_empty() => {
                if comes {
                    self.lists(&[], list, at);
                } else {
                    self.lists(list, &[], at);
                }
            }
            _ => self.field(value, at),
        }
    }

    fn field(&mut self, value: &Value, at: &Pointer) {
        let place = at.as_str();
        let is_container = value.is_object() || value.is_array();
        let is_reserved = place.is_empty()
            || ["/apiVersion", "/kind", "/status", "/metadata"].iter().any(|one| covers(one, place))
                && !covers("/metadata/labels", place)
                && !covers("/metadata/annotations", place);
        let grants = |pattern: &String| {
            covers(pattern, place) && self.may_be_keyed(pattern, place)
                || is_container && covers(place, pattern)
        };
        let holds = |one: &ElementUse| is_container && covers(place, &one.at);
        if is_reserved || !(self.used.fields.iter().any(grants) || self.used.elements.iter().any(holds)) {
            let fields = &self.used.fields;
            self.wrong.push(format!("{place}, which none of the described fields covers: {fields:?}"));
        } else {
            self.has_to_do_with_us(place);
        }
    }

    /// Of labels and annotations, whoever means any of them means those that the configuration names.
    fn may_be_keyed(&self, pattern: &str, place: &str) -> bool {
        let mut parts = place.split('/').skip(1);
        match (parts.next(), parts.next(), parts.next()) {
            (Some("metadata"), Some("labels" | "annotations"), Some(key)) => {
                let key = key.replace("~1", "/").replace("~0", "~");
                pattern.split('/').nth(3).is_some_and(|part| part != "*")
                    || self.ours.configured.contains(&key)
            }
            _ => true,
        }
    }

    fn has_to_do_with_us(&mut self, place: &str) {
        if !self.on_the_way.iter().all(|element| self.ours.are_mentioned(element, self.home)) {
            self.wrong.push(format!("{place}, in a list element that has nothing to do with the Rollout"));
        }
    }

    fn lists(&mut self, old: &'j [Value], new: &'j [Value], at: &Pointer) {
        let element_at = at.clone().key("-");
        let uses: Vec<&ElementUse> =
            self.used.elements.iter().filter(|one| is_at(&one.at, element_at.as_str())).collect();
        let own = |element: &Value| {
            uses.iter().any(|one| {
                let text = text_at(element, &one.identity);
                text.is_some_and(|(text, beside)| self.ours.owns(text, beside, self.home))
            })
        };
        let others = |list: &'j [Value]| -> Vec<(usize, &'j Value)> {
            list.iter().enumerate().filter(|(_, element)| !own(element)).collect()
        };
        let (old_others, new_others) = (others(old), others(new));
        let owned =
            |list: &'j [Value]| -> Vec<&'j Value> { list.iter().filter(|element| own(element)).collect() };
        let (old_own, new_own) = (owned(old), owned(new));
        if old_others.len() != new_others.len() {
            self.wrong.push(format!("{element_at}: an element that is not the Rollout's own comes or goes"));
            return;
        }
        if old_own != new_own {
            self.has_to_do_with_us(element_at.as_str());
        }
        for element in new_own.iter().filter(|element| !old_own.contains(element)) {
            self.references(&uses, element, old, element_at.as_str());
        }
        for ((index, old), (_, new)) in old_others.iter().zip(&new_others) {
            self.on_the_way.push(old);
            self.values(old, new, &at.clone().index(*index));
            self.on_the_way.pop();
        }
    }

    /// An own element refers to what is ours, configured, or named by others of its list that are about us.
    fn references(&mut self, uses: &[&ElementUse], element: &Value, old: &[Value], place: &str) {
        for pattern in uses.iter().flat_map(|one| &one.references) {
            let parts: Vec<&str> = pattern.split('/').skip(1).collect();
            let mut known = BTreeSet::new();
            for other in old.iter().filter(|other| self.ours.are_mentioned(other, self.home)) {
                texts_of(other, None, &parts, &mut known);
            }
            let mut named = BTreeSet::new();
            texts_of(element, None, &parts, &mut named);
            for (text, beside) in named {
                let is_here = beside.is_none_or(|beside| beside == self.ours.namespace);
                let is_fine = self.ours.owns(text, beside, self.home)
                    || is_here && self.ours.configured.contains(text)
                    || known.contains(&(text, beside));
                if !is_fine {
                    self.wrong
                        .push(format!("{place} refers to {text:?} at {pattern}, which is not the Rollout's"));
                }
            }
        }
    }
}

/// Whether a pattern covers a place: part by part, `*` being any.
fn covers(pattern: &str, place: &str) -> bool {
    let mut parts = place.split('/');
    pattern
        .split('/')
        .all(|wanted| parts.next().is_some_and(|part| wanted == "*" || part == "*" || wanted == part))
}

/// Whether a pattern means this place, and not one around it.
fn is_at(pattern: &str, place: &str) -> bool {
    covers(pattern, place) && pattern.split('/').count() == place.split('/').count()
}
