//! Which changes a plugin may make: only of kinds and fields that are granted, and only in list elements that
//! have to do with this Rollout. Everything else of an object stays as it is, in its order.
//!
//! What is granted is what the description asks for, less what no router gets. A pattern grants its place and
//! all that is in it; a list element may come or go only where a pattern grants the element itself, since
//! adding one moves all that follow it.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_contract::{Description, Kind, ObjectRef, Verb};

use crate::difference::{self, Difference, difference_with};
use crate::edit::Edited;
use crate::kinds;
use crate::pass::{Pass, Refusal};
use crate::pointer::{Pattern, Step, pointer, resolve};
use crate::refusal::reason;

/// What one plugin may change for one Rollout.
pub(crate) struct Guard<'a> {
    /// The granted fields of each kind, with the text they were read from.
    fields: BTreeMap<&'a Kind, Vec<(&'a str, Pattern)>>,
    /// What makes a list element one of this Rollout's: names of its Services and hashes, and whatever its
    /// configuration names.
    ours: Vec<String>,
}

impl<'a> Guard<'a> {
    /// What this plugin may change in this pass.
    pub(crate) fn new(description: &'a Description, pass: &Pass) -> Result<Self, Box<Refusal>> {
        let mut fields: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for used in description.kinds.iter().filter(|used| used.verbs.contains(&Verb::Update)) {
            let patterns = fields.entry(&used.kind).or_default();
            for text in &used.fields {
                let pattern = Pattern::parse(text).map_err(|error| {
                    let message =
                        format!("plugin {} describes the field {text:?}: {error}", description.name);
                    Refusal::new(reason::INVALID_DESCRIPTION, message)
                })?;
                patterns.push((text.as_str(), pattern));
            }
        }
        Ok(Self { fields, ours: ours(pass) })
    }

    /// What the edit changes, if all of it is allowed.
    pub(crate) fn permitted<'e>(&self, edited: &'e Edited<'_>) -> Result<Vec<Difference<'e>>, Box<Refusal>> {
        let reference = &edited.object.reference;
        let fields = self.fields.get(&reference.kind).filter(|_| kinds::may_be_changed(&reference.kind));
        let Some(fields) = fields else {
            let message = format!("it changes {reference}, and it may not change objects of that kind");
            return Err(Refusal::new(reason::FORBIDDEN_KIND, message).about(reference));
        };
        let grant = Grant { fields, ours: &self.ours, old: &edited.old };
        let found = difference_with(&edited.old, &edited.new, &|list| grant.has_elements_in(list));
        for difference in &found {
            grant
                .permit(&difference.path, difference.kind)
                .map_err(|denied| denied.refusal(fields, reference))?;
        }
        Ok(found)
    }
}

/// What may be changed in one object.
struct Grant<'g> {
    fields: &'g [(&'g str, Pattern)],
    ours: &'g [String],
    old: &'g Value,
}

/// A change that is not allowed.
struct Denied {
    place: String,
    foreign: bool,
}

impl Denied {
    fn refusal(self, fields: &[(&str, Pattern)], reference: &ObjectRef) -> Box<Refusal> {
        let Self { place, foreign } = self;
        if foreign {
            let message = format!(
                "it changes {place} of {reference}, in a list element that names no Service of this Rollout and \
                 nothing from its configuration"
            );
            return Refusal::new(reason::FOREIGN_ELEMENT, message).about(reference);
        }
        let allowed: Vec<_> = fields.iter().map(|(text, _)| *text).collect();
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
        let message = format!("it changes {place} of {reference}; of this kind it may change: {allowed}");
        Refusal::new(reason::FORBIDDEN_CHANGE, message).about(reference)
    }
}

impl Grant<'_> {
    fn has_elements_in(&self, list: &[Step<'_>]) -> bool {
        self.fields
            .iter()
            .any(|(_, pattern)| pattern.covers(list).is_some() || pattern.names_children_of(list))
    }

    fn permit(&self, path: &[Step<'_>], kind: difference::Kind<'_>) -> Result<(), Denied> {
        let denied = |foreign| Denied { place: pointer(path), foreign };
        if is_reserved(path) {
            return Err(denied(false));
        }
        let mut foreign = false;
        for covered in self.fields.iter().filter_map(|(_, pattern)| pattern.covers(path)) {
            if self.is_ours(path, covered, kind) {
                return Ok(());
            }
            foreign = true;
        }
        if foreign {
            return Err(denied(true));
        }
        // A map or list that comes or goes as a whole, such as the first label or the last one, is as much as
        // all that is in it.
        let (value, of): (_, fn(&Value) -> difference::Kind<'_>) = match kind {
            difference::Kind::Added { new } => (new, |new| difference::Kind::Added { new }),
            difference::Kind::Removed { old } => (old, |old| difference::Kind::Removed { old }),
            difference::Kind::Set { .. } => return Err(denied(false)),
        };
        let is_element = matches!(path.last(), Some(Step::Index(_)));
        if is_element || !self.fields.iter().any(|(_, pattern)| pattern.lies_below(path)) {
            return Err(denied(false));
        }
        let inside = |step| path.iter().copied().chain([step]).collect::<Vec<_>>();
        match value {
            Value::Object(fields) => {
                fields.iter().try_for_each(|(key, value)| self.permit(&inside(Step::Key(key)), of(value)))
            }
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| self.permit(&inside(Step::Index(index)), of(value))),
            _ => Err(denied(false)),
        }
    }

    /// Whether the innermost list element on the granted part of a path has to do with this Rollout.
    fn is_ours(&self, path: &[Step<'_>], covered: usize, kind: difference::Kind<'_>) -> bool {
        let Some(granted) = path.get(..covered) else { return false };
        let Some(last) = granted.iter().rposition(|step| matches!(step, Step::Index(_))) else { return true };
        let element = if last + 1 == path.len() {
            match kind {
                difference::Kind::Added { new } => Some(new),
                difference::Kind::Removed { old } | difference::Kind::Set { old, .. } => Some(old),
            }
        } else {
            path.get(..=last).and_then(|element| resolve(self.old, element))
        };
        element.is_some_and(|element| self.mentions_ours(element))
    }

    fn mentions_ours(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.ours.iter().any(|ours| is_named(text, ours)),
            Value::Array(elements) => elements.iter().any(|value| self.mentions_ours(value)),
            Value::Object(fields) => fields.values().any(|value| self.mentions_ours(value)),
            _ => false,
        }
    }
}

/// Whether a text is the name, or a host name that begins with it (`web.shop.svc.cluster.local`).
fn is_named(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What no router may change, whatever it describes: what an object is, and all of its metadata but labels and
/// annotations, and its status.
fn is_reserved(path: &[Step<'_>]) -> bool {
    match path {
        [Step::Key("metadata"), Step::Key("labels" | "annotations"), ..] => false,
        [] | [Step::Key("apiVersion" | "kind" | "metadata" | "status"), ..] => true,
        _ => false,
    }
}

/// All that marks a list element as this Rollout's.
fn ours(pass: &Pass) -> Vec<String> {
    let traffic = &pass.traffic;
    let destinations =
        [&traffic.stable, &traffic.canary].into_iter().chain(&traffic.additional).chain(&traffic.retired);
    let mut ours: Vec<_> = destinations
        .flat_map(|destination| [&destination.service, &destination.pod_template_hash])
        .chain([&pass.target.stable_service, &pass.target.canary_service])
        .flatten()
        .cloned()
        .chain(traffic.managed_routes.iter().map(|route| route.name.clone()))
        .collect();
    if let Ok(config) = serde_json::from_str(&pass.target.config) {
        collect_texts(&config, &mut ours);
    }
    ours.retain(|text| !text.is_empty());
    ours.sort_unstable();
    ours.dedup();
    ours
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}
