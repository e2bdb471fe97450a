//! Whether two pod templates mean the same pods, to find the ReplicaSet that a Rollout's current template already has.
//!
//! A ReplicaSet that an API server has stored is not written as its Rollout is: defaults are filled in, empty fields
//! are gone, and amounts may be spelled differently. And the label that names the revision is in its template but
//! not in the Rollout's. Both templates are brought to one form before they are compared.
//!
//! The rules are those of Kubernetes for *templates*: what an API server fills into pods only (requests from limits,
//! `enableServiceLinks`) is a difference here, as it is for Argo Rollouts.

use serde_json::{Map, Value};

use crate::anti_affinity;
use crate::names::HASH_LABEL;
use crate::pod_shape::PodTemplateSpec;
use crate::shape_canonical::canonical;
use crate::template_defaults::fill_in;

/// Whether the template of a Rollout and that of a ReplicaSet mean the same pods.
///
/// Terms of anti-affinity that were put into a ReplicaSet's template do not count.
pub fn equal(desired: &Value, existing: &Value) -> bool {
    comparable(desired) == comparable(existing)
}

/// The form in which templates are compared.
fn comparable(template: &Value) -> Value {
    let mut template = canonical(PodTemplateSpec, template).unwrap_or_default();
    let hash_label = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
    hash_label.map(|labels| labels.remove(HASH_LABEL));
    without_injected_terms(&mut template);
    if !template.is_object() && !template.is_null() {
        return template;
    }
    fill_in(&mut template);
    // Once more: a map of labels may be empty by now.
    canonical(PodTemplateSpec, &template).unwrap_or_default()
}

/// Takes out what `antiAffinity` has put in. An affinity that says nothing is none: it may have been made for that.
fn without_injected_terms(template: &mut Value) {
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let Some(affinity) = spec.get_mut("affinity") else { return };
    anti_affinity::strip(affinity);
    if affinity.as_object().is_some_and(Map::is_empty) {
        spec.shift_remove("affinity");
    }
}

#[cfg(test)]
mod tests;
