//! The canary Ingress next to a stable one: what it should be, what it gives, and what differs.

use tidegate_router_sdk::json::push_member;
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Change, Edit, Object, ObjectRef, Outcome, Patch, Pointer, Problem, Services, Target, Traffic, concat,
    decimal,
};

use crate::config::{Config, Pair, ingress_kind};
use crate::document::{CLASS_ANNOTATION, Ingress, Spec, text};

/// The sum of weights when no annotation says another one.
const DEFAULT_TOTAL: u32 = 100;

/// Keys of the controller's annotations.
#[derive(Debug)]
pub(crate) struct Keys {
    is_canary: String,
    weight: String,
    total: String,
    /// What all of them begin with.
    prefix: String,
}

impl Keys {
    pub(crate) fn of(config: &Config) -> Self {
        let key = |key| concat(&[&config.prefix, "/", key]);
        Self {
            is_canary: key("canary"),
            weight: key("canary-weight"),
            total: key("canary-weight-total"),
            prefix: key(""),
        }
    }
}

/// Reads a stable Ingress, of whose annotations one counts.
pub(crate) fn read_stable(object: &Object) -> Result<Ingress<'_>, Problem> {
    object.read_with(|reader| Ingress::read(reader, &|key| key == CLASS_ANNOTATION))
}

/// Reads a canary Ingress with all annotations that it may have of us.
pub(crate) fn read<'a>(object: &'a Object, config: &Config, keys: &Keys) -> Result<Ingress<'a>, Problem> {
    object.read_with(|reader| {
        Ingress::read(reader, &|key| {
            key.starts_with(&keys.prefix)
                || key == CLASS_ANNOTATION
                || config.annotations.iter().any(|(other, _)| other == key)
        })
    })
}

/// Whether an Ingress was made for this Rollout, by us or by Argo.
pub(crate) fn is_own(ingress: &Ingress<'_>, target: &Target) -> bool {
    ingress.controller.as_deref().is_some_and(|uid| uid == target.uid)
}

/// Adds what the Ingresses give to whom, as seen. The place is the stable Ingress, whose requests are divided.
pub(crate) fn share(
    stable: &ObjectRef,
    canary: Option<&Ingress<'_>>,
    max: u32,
    keys: &Keys,
    outcome: &mut Outcome,
) {
    let number = |key: &str| canary.and_then(|ingress| ingress.annotation(key))?.parse::<u32>().ok();
    let is_canary = canary
        .is_some_and(|ingress| ingress.annotation(&keys.is_canary).is_some_and(|value| value == "true"));
    let (weight, total) = if is_canary {
        (
            number(&keys.weight).unwrap_or(0),
            number(&keys.total).filter(|total| *total > 0).unwrap_or(DEFAULT_TOTAL),
        )
    } else {
        (0, max)
    };
    let weight = weight.min(total);
    outcome.place(stable, "/spec/rules", &[("stable", total - weight), ("canary", weight)]);
}

/// A canary Ingress as it should be.
pub(crate) struct Desired<'a> {
    /// Key and value.
    annotations: Vec<(String, String)>,
    spec: Spec<'a>,
}

impl<'a> Desired<'a> {
    /// What follows from the stable Ingress.
    ///
    /// # Errors
    /// When nothing of it goes to the stable Service, or the configuration contradicts the traffic.
    pub(crate) fn of(
        config: &Config,
        keys: &Keys,
        object: &Object,
        stable: &Ingress<'a>,
        services: Services<'a>,
        traffic: &Traffic,
    ) -> Result<Self, Problem> {
        let Some(spec) = stable.spec.for_canary(services.stable, services.canary) else {
            let message = concat(&[
                &object.ref_.to_text(),
                " has no path to Service `",
                services.stable,
                "`: make it the backend of the paths that are to be divided",
            ]);
            let at = Pointer::root().key("spec").key("rules");
            return Err(Problem::missing_backend(&object.ref_, message).at(at));
        };
        let mut annotations = Vec::new();
        let class =
            stable.annotation(CLASS_ANNOTATION).map(|class| (CLASS_ANNOTATION.to_owned(), class.to_owned()));
        annotations.extend(class);
        for (key, value) in &config.annotations {
            if *key == keys.total && value.parse() != Ok(traffic.max_weight) {
                let message = concat(&[
                    "the configuration gives canary Ingresses the annotation ",
                    key,
                    ", which follows from trafficRouting.maxTrafficWeight: remove it there, and set that",
                ]);
                return Err(Problem::unsupported(message));
            }
            set(&mut annotations, key, value);
        }
        set(&mut annotations, &keys.is_canary, "true");
        set(&mut annotations, &keys.weight, &decimal(traffic.canary.weight.into()));
        if traffic.max_weight != DEFAULT_TOTAL {
            set(&mut annotations, &keys.total, &decimal(traffic.max_weight.into()));
        }
        Ok(Self { annotations, spec })
    }

    /// The change that makes it.
    pub(crate) fn create(&self, pair: &Pair, target: &Target, api_version: &str) -> Change {
        let mut annotations = "{".to_owned();
        for (key, value) in &self.annotations {
            push_member(&mut annotations, key, &text(value));
        }
        annotations.push('}');
        let mut metadata = "{".to_owned();
        push_member(&mut metadata, "name", &text(&pair.canary));
        push_member(&mut metadata, "namespace", &text(&target.namespace));
        push_member(&mut metadata, "annotations", &annotations);
        metadata.push('}');
        let mut json = "{".to_owned();
        push_member(&mut json, "apiVersion", &text(api_version));
        push_member(&mut json, "kind", r#""Ingress""#);
        push_member(&mut json, "metadata", &metadata);
        push_member(&mut json, "spec", &self.spec.json());
        json.push('}');
        let ref_ = ObjectRef::namespaced(ingress_kind(), &target.namespace, &pair.canary);
        Change { ref_, edit: Edit::Replace(json) }
    }

    /// The change that makes the present one so. Annotations that are neither the controller's nor ours stay.
    pub(crate) fn update(&self, object: &Object, seen: &Ingress<'_>, keys: &Keys) -> Option<Change> {
        let mut patch = Patch::new();
        let annotations = || Pointer::root().key("metadata").key("annotations");
        if seen.annotations.is_none() {
            patch.add_json(&annotations(), "{}");
        }
        for (key, value) in &self.annotations {
            match seen.annotation(key) {
                Some(seen) if seen == value => {}
                Some(_) => patch.replace_json(&annotations().key(key), &text(value)),
                None => patch.add_json(&annotations().key(key), &text(value)),
            }
        }
        for (key, _) in seen.annotations.iter().flatten() {
            let is_ours = key.starts_with(&keys.prefix) || key == CLASS_ANNOTATION;
            if is_ours && !self.annotations.iter().any(|(wanted, _)| wanted == key) {
                patch.remove(&annotations().key(key));
            }
        }
        if !self.spec.is_same(&seen.spec) {
            patch.replace_json(&Pointer::root().key("spec"), &self.spec.json());
        }
        patch.of(&object.ref_)
    }
}

fn set(annotations: &mut Vec<(String, String)>, key: &str, value: &str) {
    annotations.retain(|(other, _)| other != key);
    annotations.push((key.to_owned(), value.to_owned()));
}
