//! Worlds as they are in practice, to be disturbed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::arbitrary::Unstructured;
use serde_json::Value;
use tidegate_analysis::{Reference, Templates};
use tidegate_core::{Evidence, Pods, Workload, World};
use tidegate_model::hash::steps_hash;

use crate::edits::disturbed;

/// All that there are: a Rollout with what is around it, or an Experiment.
pub(crate) static WORLDS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    [
        include_str!("../worlds/update.json"),
        include_str!("../worlds/analysis.json"),
        include_str!("../worlds/experiment.json"),
    ]
    .iter()
    .map(|text| with_step_hash(serde_json::from_str(text).expect("the worlds are JSON")))
    .collect()
});

/// With the hash that the steps have, without which they count as changed, and the update begins anew.
fn with_step_hash(mut world: Value) -> Value {
    let hash = steps_hash(world.pointer("/rollout/spec/strategy/canary/steps"));
    if let Some(status) = world.pointer_mut("/rollout/status").and_then(Value::as_object_mut) {
        status.insert("currentStepHash".to_owned(), Value::from(hash));
    }
    world
}

/// Objects around a Rollout or an Experiment, some of them edited.
pub struct Disturbed(pub Value);

/// One of the worlds, disturbed.
pub fn world(input: &mut Unstructured<'_>) -> Disturbed {
    let worlds = &*WORLDS;
    let base = input.choose(worlds).unwrap_or(&worlds[0]);
    Disturbed(disturbed(base, input))
}

impl Disturbed {
    /// The object of this name, or null.
    pub fn one(&self, name: &str) -> Arc<Value> {
        Arc::new(self.0.get(name).cloned().unwrap_or_default())
    }

    /// The objects of a list.
    pub fn list(&self, name: &str) -> Vec<Arc<Value>> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().cloned().map(Arc::new).collect()
    }

    /// The objects of a list by their names, as caches have them.
    pub fn by_name(&self, name: &str) -> BTreeMap<String, Arc<Value>> {
        let named = self.list(name).into_iter().filter_map(|object| {
            let name = object.pointer("/metadata/name")?.as_str()?.to_owned();
            Some((name, object))
        });
        named.collect()
    }

    /// The AnalysisTemplates and ClusterAnalysisTemplates.
    pub fn templates(&self) -> Templates {
        let templates = self.list("templates").into_iter().filter_map(|object| {
            let name = object.pointer("/metadata/name")?.as_str()?.to_owned();
            let cluster = object.get("kind").and_then(Value::as_str) == Some("ClusterAnalysisTemplate");
            Some((Reference { cluster, name }, object))
        });
        templates.collect()
    }
}

/// What `decide` knows of it.
pub fn rollout_world(disturbed: &Disturbed) -> World {
    let workload = disturbed.one("workload");
    World {
        replica_sets: disturbed.list("replicaSets"),
        services: disturbed.by_name("services"),
        evidence: Evidence {
            runs: disturbed.by_name("runs"),
            experiments: disturbed.by_name("experiments"),
            templates: disturbed.templates(),
            is_known: *disturbed.one("isKnown") == Value::Bool(true),
        },
        workload: if workload.is_null() { Workload::None } else { Workload::Found(workload) },
        pods: Pods::Known(disturbed.list("pods")),
        ..World::of(disturbed.one("rollout"))
    }
}

/// What `conduct` knows of it. Without a Rollout nobody knows which Services are held.
pub fn experiment_world(disturbed: &Disturbed) -> tidegate_experiment::World {
    let rollout = disturbed.one("rollout");
    tidegate_experiment::World {
        experiment: disturbed.list("experiments").into_iter().next().unwrap_or_default(),
        replica_sets: disturbed.list("replicaSets"),
        services: disturbed.by_name("services"),
        runs: disturbed.by_name("runs"),
        templates: disturbed.templates(),
        held: (!rollout.is_null()).then(|| tidegate_experiment::held(&rollout, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use tidegate_analysis::{Effect, assess};

    fn noon() -> Timestamp {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    fn undisturbed(index: usize) -> Disturbed {
        Disturbed(WORLDS[index].clone())
    }

    #[test]
    fn the_worlds_are_as_in_practice() {
        let decision = tidegate_core::decide(&rollout_world(&undisturbed(0)), noon());
        let weight = decision.traffic.as_ref().map(|traffic| traffic.canary.weight);
        assert_eq!(weight, Some(20), "{:#}", decision.status);
        assert_eq!(decision.status["phase"], "Paused", "{:#}", decision.status);
        let traffic = tidegate_core::decide(&rollout_world(&undisturbed(2)), noon()).traffic.unwrap();
        assert_eq!(
            traffic.additional.iter().map(|one| one.weight).collect::<Vec<_>>(),
            [5, 5],
            "{traffic:?}"
        );
        for world in WORLDS.iter() {
            assert_eq!(tidegate_model::validate::validate(&world["rollout"]), []);
        }
        let decision = tidegate_experiment::conduct(&experiment_world(&undisturbed(2)), noon());
        assert_eq!(decision.status["phase"], "Running", "{:#}", decision.status);
        for run in undisturbed(1).list("runs").into_iter().chain(undisturbed(2).list("runs")) {
            let phase = run["status"]["phase"].clone();
            let decision = assess(&tidegate_analysis::World { run, ..Default::default() }, noon());
            assert_eq!(decision.status["phase"], phase, "{:#}", decision.status);
            let is_right = |effect: &Effect| !matches!(effect, Effect::DeleteRun);
            assert!(decision.effects.iter().all(is_right), "{:?}", decision.effects);
        }
        for world in WORLDS.iter() {
            for template in world["templates"].as_array().unwrap() {
                assert_eq!(tidegate_analysis::validate_template(template), []);
            }
        }
    }
}
