//! The Services of an Experiment: one for each template that asks for it, with the ports of its containers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tidegate_api::{builtin, object};

use crate::conduct::{Conductor, is_own, owner};
use crate::sets::{self, Found};
use crate::spec::Template;

/// Why a template that asks for a Service has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It does not ask for one, or its own is not there yet.
    Nothing,
    /// No container declares a port.
    Ports,
    /// That of another Experiment has the name, and goes with it.
    Leaving,
    /// Somebody else's has the name.
    Taken,
}

/// The name of a template's Service, if it has one.
pub(crate) fn name(experiment: &Value, template: &Template) -> Option<String> {
    let given = || template.service_name.clone().unwrap_or_else(|| sets::name(experiment, template));
    template.has_service.then(given)
}

impl Conductor<'_> {
    /// The Service of a template, when it is there, its own, and selects its pods.
    pub(crate) fn service(&self, template: &Template) -> Result<String, Lack> {
        let experiment = &self.world.experiment;
        let name = name(experiment, template).ok_or(Lack::Nothing)?;
        match self.world.services.get(&name) {
            Some(service) if !is_own(experiment, service) => {
                let other = object::controller_of_kind(service, "Experiment");
                Err(if other.is_some() { Lack::Leaving } else { Lack::Taken })
            }
            Some(service) if object::is_deleting(service) => Err(Lack::Nothing),
            Some(service) if service.pointer("/spec/selector") == Some(&self.selector(template)) => Ok(name),
            None if ports(template).is_empty() => Err(Lack::Ports),
            Some(_) | None => Err(Lack::Nothing),
        }
    }

    /// Makes or keeps a template's Service while the Experiment goes on.
    pub(crate) fn keep_service(&mut self, template: &Template) {
        let experiment = self.world.experiment.clone();
        let ports = ports(template);
        let Some(name) = name(&experiment, template).filter(|_| !ports.is_empty()) else { return };
        let selector = self.selector(template);
        let Some(service) = self.world.services.get(&name).cloned() else {
            let object = json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": name,
                    "namespace": object::namespace(&experiment),
                    "ownerReferences": [owner(&experiment)],
                },
                "spec": {"selector": selector, "ports": ports},
            });
            self.create(builtin::services(), object);
            return;
        };
        let is_wrong = service.pointer("/spec/selector") != Some(&selector);
        if is_own(&experiment, &service) && !object::is_deleting(&service) && is_wrong {
            // A merge would keep labels that must not be there.
            let mut wanted = Map::new();
            let had = service.pointer("/spec/selector").and_then(Value::as_object);
            wanted.extend(had.into_iter().flatten().map(|(key, _)| (key.clone(), Value::Null)));
            wanted.extend(selector.as_object().cloned().unwrap_or_default());
            self.patch(builtin::services(), &service, json!({"spec": {"selector": wanted}}));
        }
    }

    /// Deletes a template's Service once nothing holds it and its pods are gone.
    pub(crate) fn delete_service(&mut self, template: &Template) {
        let are_pods_gone = match self.set(template) {
            Found::Own(set) => set.desired == 0 && set.current == 0 && set.available == 0 && set.is_observed,
            Found::Taken | Found::None => true,
        };
        if !are_pods_gone || self.is_held(template) {
            return;
        }
        let name = name(&self.world.experiment, template);
        let Some(service) = name.and_then(|name| self.world.services.get(&name)).cloned() else { return };
        if is_own(&self.world.experiment, &service) && !object::is_deleting(&service) {
            self.delete(builtin::services(), &service);
        }
    }

    /// Whether a router may send something to the pods of a template. Unknown counts as yes.
    pub(crate) fn is_held(&self, template: &Template) -> bool {
        let Some(name) = name(&self.world.experiment, template) else { return false };
        self.world.held.as_ref().is_none_or(|held| held.contains(&name))
    }

    fn selector(&self, template: &Template) -> Value {
        Value::Object(sets::pod_labels(&self.world.experiment, template))
    }
}

/// The ports of all containers, each once. Several must have names; those without get one.
fn ports(template: &Template) -> Vec<Value> {
    let containers = template.pods.pointer("/spec/containers").and_then(Value::as_array);
    let declared =
        containers.into_iter().flatten().filter_map(|container| container.get("ports")?.as_array()).flatten();
    let mut seen = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut ports: Vec<Value> = Vec::new();
    for port in declared {
        let Some(number) = port.get("containerPort").and_then(Value::as_u64) else { continue };
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
        if seen.insert((number, protocol)) {
            let given = port.get("name").and_then(Value::as_str).filter(|name| names.insert(name.to_owned()));
            let name = given.map_or_else(|| format!("{}-{number}", protocol.to_lowercase()), str::to_owned);
            ports.push(json!({"name": name, "protocol": protocol, "port": number, "targetPort": number}));
        }
    }
    ports
}
