//! What must hold whatever analyses and experiments come to, and whatever users, routers and lost writes do meanwhile.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tidegate_api::object;

use crate::cluster::{Cluster, Gate};
use crate::evidence::{analysis, template};
use crate::manifests::{HASH, rollout, running};
use crate::properties::config;

#[derive(Clone, Debug)]
enum Happening {
    Deploy(u8),
    Abort,
    Retry,
    Promote,
    /// As the CLI does after an inconclusive analysis.
    Skip,
    PromoteFull,
    Pause(bool),
    /// A run comes to a phase.
    Run(Index, &'static str),
    /// An Experiment does.
    Experiment(Index, &'static str),
    /// Somebody deletes a run.
    Lose(Index),
    /// Whether it is known what there is.
    Known(bool),
    Gate(Gate),
    Pass,
    Lag,
    /// Only so many writes succeed, and no status.
    Cut(usize),
    Wait(i64),
}

const PHASES: [&str; 7] =
    ["Pending", "Running", "Running", "Successful", "Successful", "Inconclusive", "Failed"];

fn happening() -> impl Strategy<Value = Happening> {
    let phase = || prop::sample::select(PHASES.to_vec());
    let gate = prop::sample::select(vec![Gate::Verified, Gate::Verified, Gate::Unverified, Gate::Pending]);
    prop_oneof![
        2 => (1..4_u8).prop_map(Happening::Deploy),
        1 => Just(Happening::Abort),
        2 => Just(Happening::Retry),
        3 => Just(Happening::Promote),
        1 => Just(Happening::Skip),
        1 => Just(Happening::PromoteFull),
        1 => any::<bool>().prop_map(Happening::Pause),
        6 => (any::<Index>(), phase()).prop_map(|(which, phase)| Happening::Run(which, phase)),
        4 => (any::<Index>(), phase()).prop_map(|(which, phase)| Happening::Experiment(which, phase)),
        1 => any::<Index>().prop_map(Happening::Lose),
        1 => any::<bool>().prop_map(Happening::Known),
        2 => gate.prop_map(Happening::Gate),
        12 => Just(Happening::Pass),
        3 => Just(Happening::Lag),
        2 => (0..4_usize).prop_map(Happening::Cut),
        2 => prop::sample::select(vec![1, 35, 700]).prop_map(Happening::Wait),
    ]
}

fn steps() -> impl Strategy<Value = Value> {
    let experiment = |weight: u32| {
        json!({"experiment": {"templates": [
            {"name": "baseline", "specRef": "stable", "weight": weight}, {"name": "canary", "specRef": "canary", "weight": weight},
        ]}})
    };
    let step = prop_oneof![
        3 => (0..=100_u32).prop_map(|weight| json!({"setWeight": weight})),
        1 => Just(json!({"pause": {}})),
        2 => Just(json!({"pause": {"duration": 20}})),
        3 => Just(json!({"analysis": analysis()})),
        2 => (1..60_u32).prop_map(experiment),
    ];
    vec(step, 1..6).prop_map(Value::from)
}

/// The phase of an object.
fn phase(object: &Value) -> &str {
    object.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default()
}

fn is_over(object: &Value) -> bool {
    ["Successful", "Inconclusive", "Failed", "Error"].contains(&phase(object))
}

impl Cluster {
    /// An object comes to a phase, unless it is over.
    fn comes_to(&mut self, of_experiments: bool, which: Index, phase: &str) {
        let all = if of_experiments { &mut self.evidence.experiments } else { &mut self.evidence.runs };
        if all.is_empty() {
            return;
        }
        let which = which.index(all.len());
        let (name, object) = all.iter_mut().nth(which).unwrap();
        set_phase(name, Arc::make_mut(object), phase);
    }

    /// Everything that is not over ends well, as it does also when it is told to end.
    fn all_end(&mut self) {
        for (name, object) in self.evidence.runs.iter_mut().chain(&mut self.evidence.experiments) {
            set_phase(name, Arc::make_mut(object), "Successful");
        }
    }

    /// One pass, and what must hold of it.
    fn judged(&mut self, pass: impl FnOnce(&mut Self)) {
        let before = self.clone();
        pass(self);
        let is_same = |field: &str| before.status(field) == self.status(field);
        if !["/currentPodHash", "/currentStepHash"].into_iter().all(is_same) {
            return;
        }
        let is_skipping = before.status("/promoteFull") == &json!(true);
        if let (Some(from), Some(to), true) = (before.index(), self.index(), is_same("/stableRS"))
            && to > from
            && !is_skipping
        {
            before.check_step_is_judged(from);
        }
        if !is_same("/stableRS") && !is_skipping {
            before.check_promotion_is_judged();
        }
    }

    fn check_step_is_judged(&self, index: u64) {
        let step = &self.rollout["spec"]["strategy"]["canary"]["steps"][usize::try_from(index).unwrap()];
        let hash = self.status("/currentPodHash").as_str();
        assert!(
            !self.status("/pauseConditions").to_string().contains("Inconclusive"),
            "nobody has judged what came to no conclusion"
        );
        if step.get("analysis").is_some() {
            let index = index.to_string();
            let mut runs = self.evidence.runs.values();
            assert!(runs.any(|run| object::label(run, HASH) == hash
                && object::label(run, "step-index") == Some(&index)
                && phase(run) == "Successful"));
        }
        if step.get("experiment").is_some() {
            let end = format!("-{index}");
            let mut experiments = self.evidence.experiments.iter();
            assert!(experiments.any(|(name, one)| object::label(one, HASH) == hash
                && name.contains(&end)
                && phase(one) == "Successful"));
        }
    }

    fn check_promotion_is_judged(&self) {
        let name = self.status("/canary/currentBackgroundAnalysisRunStatus/name");
        let run = name.as_str().and_then(|name| self.evidence.runs.get(name));
        // Whoever takes the pause away has judged what came to no conclusion; it is taken again beside what follows.
        let is_resumed = self.status("/controllerPause") == &json!(true)
            && self.status("/pauseConditions").as_array().is_none_or(Vec::is_empty);
        let is_bad = run.is_some_and(|run| match phase(run) {
            "Failed" | "Error" => true,
            "Inconclusive" => !is_resumed,
            _ => false,
        });
        assert!(!is_bad || self.status("/stableRS") == "", "promoted though its analysis is {run:?}");
    }
}

fn set_phase(name: &str, object: &mut Value, phase: &str) {
    if is_over(object) {
        return;
    }
    let status = |template: &str| json!({"name": template, "readyReplicas": 1, "podTemplateHash": template, "serviceName": format!("{name}-{template}")});
    object["status"] = json!({"phase": phase, "templateStatuses": [status("baseline"), status("canary")]});
    object["metadata"]["resourceVersion"] = json!(format!("{}+{phase}", object::resource_version(object)));
}

fn happens(cluster: &mut Cluster, happening: &Happening) {
    match happening {
        Happening::Deploy(image) => cluster.deploy(&format!("v{image}")),
        Happening::Abort => cluster.abort(),
        Happening::Retry => cluster.retry(),
        Happening::Promote => cluster.promote(),
        Happening::Skip => {
            let index = cluster.index().map(|index| index + 1);
            cluster.edit(
                json!({"status": {"pauseConditions": null, "controllerPause": false, "currentStepIndex": index}}),
            );
        }
        Happening::PromoteFull => cluster.promote_full(),
        Happening::Pause(paused) => cluster.edit(json!({"spec": {"paused": paused}})),
        Happening::Run(which, phase) => cluster.comes_to(false, *which, phase),
        Happening::Experiment(which, phase) => cluster.comes_to(true, *which, phase),
        Happening::Lose(which) => {
            let name = cluster.evidence.runs.keys().nth(which.index(cluster.evidence.runs.len().max(1)));
            if let Some(name) = name.cloned() {
                cluster.evidence.runs.remove(&name);
            }
        }
        Happening::Known(is_known) => cluster.evidence.is_known = *is_known,
        Happening::Gate(gate) => cluster.set_gate(*gate),
        Happening::Pass => cluster.judged(|cluster| _ = cluster.pass()),
        Happening::Lag => cluster.judged(|cluster| _ = cluster.pass_in_part(usize::MAX)),
        Happening::Cut(count) => {
            cluster.pass_in_part(*count);
            cluster.follow_all();
        }
        Happening::Wait(seconds) => cluster.now += jiff::SignedDuration::from_secs(*seconds),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn evidence_decides_and_everything_ends(
        steps in steps(), background in prop::option::weighted(0.7, 0..3_u32), limit in 0..3_u32, happenings in vec(happening(), 1..80),
    ) {
        let mut cluster = running(rollout(steps));
        cluster.template("t", template());
        cluster.edit(json!({"spec": {"analysis": {"successfulRunHistoryLimit": limit, "unsuccessfulRunHistoryLimit": limit}}}));
        if let Some(step) = background {
            let mut analysis = analysis();
            analysis["startingStep"] = json!(step);
            cluster.canary(&json!({"analysis": analysis}));
        }
        cluster.settle();
        cluster.deploy("v2");
        for happening in &happenings {
            happens(&mut cluster, happening);
        }
        // Nothing fails any more, and whatever waits for a user is promoted.
        cluster.evidence.is_known = true;
        cluster.set_gate(Gate::Verified);
        cluster.edit(json!({"spec": {"paused": false}}));
        for _ in 0..30 {
            cluster.run(100);
            cluster.all_end();
            if cluster.phase() == "Paused" {
                cluster.promote();
            }
        }
        cluster.run(100);
        let is_aborted = cluster.status("/abort") == &json!(true);
        prop_assert_eq!(cluster.phase(), if is_aborted { "Degraded" } else { "Healthy" }, "{:#}", cluster.rollout);
        let written = cluster.written.clone().unwrap();
        prop_assert_eq!((written.canary.weight, written.additional), (0, vec![]));
        let all = cluster.evidence.runs.values().chain(cluster.evidence.experiments.values());
        for one in all {
            prop_assert!(is_over(one), "{one:#}");
        }
        for all in [&cluster.evidence.runs, &cluster.evidence.experiments] {
            let noted = [cluster.status("/canary/currentStepAnalysisRunStatus/name"),
                cluster.status("/canary/currentBackgroundAnalysisRunStatus/name")];
            let of = |is_good: bool| all.iter().filter(|(name, one)| {
                (phase(one) == "Successful") == is_good && !noted.iter().any(|noted| *noted == name.as_str())
            }).count();
            let limit = usize::try_from(limit).unwrap();
            prop_assert!(of(true) <= limit && of(false) <= limit, "{:?}", all.keys());
        }
    }
}
