//! Wrong variants of what decides about analyses and experiments, and of what follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{Operation, Preconditions, Request, builtin, object};
use tidegate_core::{Decision, World, decide};
use tidegate_experiment::conduct;
use tidegate_shell::Deciders;

use super::{Mutant, of};

/// All of them.
pub(super) const MUTANTS: [Mutant; 15] = [
    Mutant {
        name: "ignores-bad-runs",
        does: "takes an analysis that has failed for one that goes on",
        deciders: of(ignores_bad_runs),
    },
    Mutant {
        name: "trusts-runs",
        does: "takes an analysis that goes on for a good one",
        deciders: of(trusts_runs),
    },
    Mutant {
        name: "trusts-experiments",
        does: "takes an experiment that goes on for a good one",
        deciders: of(trusts_experiments),
    },
    Mutant {
        name: "judges-harshly",
        does: "gives an update up for an analysis without a conclusion",
        deciders: of(judges_harshly),
    },
    Mutant {
        name: "clears-early",
        does: "deletes Experiments as soon as they are over",
        deciders: of(clears_early),
    },
    Mutant {
        name: "clears-never",
        does: "deletes no AnalysisRuns and no Experiments",
        deciders: of(clears_never),
    },
    Mutant {
        name: "ends-nothing",
        does: "ends nothing that is not wanted any more",
        deciders: of(ends_nothing),
    },
    Mutant {
        name: "feeds-early",
        does: "gives an experiment weight before its pods are there",
        deciders: of(feeds_early),
    },
    Mutant {
        name: "feeds-more",
        does: "gives an experiment more than its step says",
        deciders: of(feeds_more),
    },
    Mutant {
        name: "drains-never",
        does: "does not take back what an experiment has",
        deciders: of(drains_never),
    },
    Mutant {
        name: "shrinks-fed-experiments",
        does: "takes an experiment's pods away whatever routers send there",
        deciders: Deciders { experiment: shrinks_fed, ..GOOD },
    },
    Mutant {
        name: "names-services-early",
        does: "names the Service of an experiment before it is there",
        deciders: Deciders { experiment: names_early, ..GOOD },
    },
    Mutant {
        name: "forgets-measurements",
        does: "begins with no measurement after the second",
        deciders: Deciders { run: forgets_measurements, ..GOOD },
    },
    Mutant {
        name: "forgives",
        does: "says of a run that has failed that it was good",
        deciders: Deciders { run: forgives, ..GOOD },
    },
    Mutant {
        name: "ends-no-runs",
        does: "lets a run go on that is to end",
        deciders: Deciders { run: ends_no_runs, ..GOOD },
    },
];

const GOOD: Deciders = of(decide);

// ---- What is decided about Rollouts

fn with_phases(objects: &mut BTreeMap<String, Arc<Value>>, from: &[&str], to: &str) {
    for one in objects.values_mut() {
        let phase = one.pointer("/status/phase").and_then(Value::as_str);
        if phase.is_some_and(|phase| from.contains(&phase))
            && let Some(phase) = Arc::make_mut(one).pointer_mut("/status/phase")
        {
            *phase = json!(to);
        }
    }
}

fn ignores_bad_runs(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    with_phases(&mut world.evidence.runs, &["Failed", "Error"], "Running");
    decide(&world, now)
}

fn trusts_runs(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    with_phases(&mut world.evidence.runs, &["Running"], "Successful");
    decide(&world, now)
}

fn trusts_experiments(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    with_phases(&mut world.evidence.experiments, &["Running"], "Successful");
    decide(&world, now)
}

fn judges_harshly(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    with_phases(&mut world.evidence.runs, &["Inconclusive"], "Failed");
    decide(&world, now)
}

fn clears_early(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let is_over = |one: &Value| {
        let phase = one.pointer("/status/phase").and_then(Value::as_str);
        phase.is_some_and(|phase| ["Successful", "Failed", "Error", "Inconclusive"].contains(&phase))
    };
    let own = Some(object::uid(&world.rollout));
    for one in world.evidence.experiments.values() {
        if is_over(one) && object::controller_uid(one) == own && !object::is_deleting(one) {
            decision.writes.retain(|write| write.name() != Some(object::name(one)));
            let preconditions =
                Preconditions { uid: Some(object::uid(one).to_owned()), resource_version: None };
            decision.writes.push(Request {
                resource: builtin::experiments(),
                namespace: Some(object::namespace(one).to_owned()),
                operation: Operation::Delete { name: object::name(one).to_owned(), preconditions },
            });
        }
    }
    decision
}

fn is_evidence(write: &Request) -> bool {
    matches!(&*write.resource.kind, "AnalysisRun" | "Experiment")
}

fn clears_never(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    decision
        .writes
        .retain(|write| !(is_evidence(write) && matches!(write.operation, Operation::Delete { .. })));
    decision
}

fn ends_nothing(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    decision
        .writes
        .retain(|write| !(is_evidence(write) && matches!(write.operation, Operation::Patch { .. })));
    decision
}

fn feeds_early(world: &World, now: Timestamp) -> Decision {
    let mut world = world.clone();
    with_phases(&mut world.evidence.experiments, &["Pending"], "Running");
    for one in world.evidence.experiments.values_mut() {
        let templates =
            Arc::make_mut(one).pointer_mut("/status/templateStatuses").and_then(Value::as_array_mut);
        for template in templates.into_iter().flatten().filter_map(Value::as_object_mut) {
            template.insert("readyReplicas".to_owned(), json!(1));
        }
    }
    decide(&world, now)
}

fn feeds_more(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    let Some(traffic) = &mut decision.traffic else { return decision };
    for one in traffic.additional.iter_mut().filter(|one| one.weight > 0) {
        if traffic.stable.weight > 0 {
            one.weight += 1;
            traffic.stable.weight -= 1;
        }
    }
    decision
}

fn drains_never(world: &World, now: Timestamp) -> Decision {
    let mut decision = decide(world, now);
    if let Some(traffic) = &mut decision.traffic {
        traffic.retired.clear();
    }
    decision
}

// ---- What is decided about Experiments

fn shrinks_fed(world: &tidegate_experiment::World, now: Timestamp) -> tidegate_experiment::Decision {
    conduct(&tidegate_experiment::World { held: Some(BTreeSet::new()), ..world.clone() }, now)
}

fn names_early(world: &tidegate_experiment::World, now: Timestamp) -> tidegate_experiment::Decision {
    let mut decision = conduct(world, now);
    let name = object::name(&world.experiment).to_owned();
    let templates = decision.status.pointer_mut("/templateStatuses").and_then(Value::as_array_mut);
    for template in templates.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(template_name) = template.get("name").and_then(Value::as_str) {
            let service = format!("{name}-{template_name}");
            template.insert("serviceName".to_owned(), json!(service));
        }
    }
    decision
}

// ---- What is decided about AnalysisRuns

fn assess(world: &tidegate_analysis::World, now: Timestamp) -> tidegate_analysis::Decision {
    tidegate_analysis::assess(world, now)
}

fn forgets_measurements(world: &tidegate_analysis::World, now: Timestamp) -> tidegate_analysis::Decision {
    let mut world = world.clone();
    let run = Arc::make_mut(&mut world.run);
    let results = run.pointer_mut("/status/metricResults").and_then(Value::as_array_mut);
    if let Some(results) = results
        && results.iter().any(|one| one.get("count").and_then(Value::as_u64).is_some_and(|count| count > 1))
    {
        results.clear();
    }
    assess(&world, now)
}

fn forgives(world: &tidegate_analysis::World, now: Timestamp) -> tidegate_analysis::Decision {
    let mut decision = assess(world, now);
    if let Some(phase) = decision.status.pointer_mut("/phase").filter(|phase| **phase == json!("Failed")) {
        *phase = json!("Successful");
    }
    decision
}

fn ends_no_runs(world: &tidegate_analysis::World, now: Timestamp) -> tidegate_analysis::Decision {
    let mut world = world.clone();
    if let Some(spec) = Arc::make_mut(&mut world.run).pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.shift_remove("terminate");
    }
    assess(&world, now)
}
