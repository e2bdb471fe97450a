//! Experiments where it is not plain what to do: without a conclusion, when something was lost, while routers hold what goes.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Gate};
use crate::evidence::updating;

fn stepping() -> Cluster {
    let experiment = json!({"duration": "1m", "templates": [
        {"name": "baseline", "specRef": "stable", "weight": 5}, {"name": "canary", "specRef": "canary", "weight": 10},
    ]});
    updating(
        json!([{"setWeight": 20}, {"experiment": experiment}, {"setWeight": 60}, {"pause": {}}]),
        &json!({}),
    )
}

impl Cluster {
    /// The controller of Experiments comes to a phase with one of them, and the Rollout follows.
    fn experiment_comes_to(&mut self, name: &str, phase: &str) {
        let name = self.long(name);
        let experiment = Arc::make_mut(self.evidence.experiments.get_mut(&name).unwrap());
        let status = |template: &str| {
            json!({"name": template, "status": phase, "readyReplicas": 1, "availableReplicas": 1,
                "podTemplateHash": format!("h-{template}"), "serviceName": format!("{name}-{template}")})
        };
        experiment["status"] = json!({
            "phase": phase, "message": format!("it {phase}"), "templateStatuses": [status("baseline"), status("canary")],
        });
        self.settle();
    }

    fn additional(&self) -> Vec<u32> {
        self.written.iter().flat_map(|traffic| &traffic.additional).map(|one| one.weight).collect()
    }

    fn current(&self) -> String {
        self.short(self.status("/canary/currentExperiment").as_str().unwrap_or_default())
    }
}

#[test]
fn an_inconclusive_experiment_pauses_until_somebody_decides() {
    let mut cluster = stepping();
    cluster.experiment_comes_to("web-v2-2-1", "Inconclusive");
    cluster.run(3600);
    assert_eq!((cluster.phase(), cluster.index()), ("Paused", Some(1)));
    assert_eq!(cluster.status("/message"), &json!("InconclusiveExperiment"));
    let mut skipped = cluster.clone();
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.phase(), cluster.current().as_str()), ("Progressing", "web-v2-2-1-1"));
    cluster.experiment_comes_to("web-v2-2-1-1", "Inconclusive");
    assert_eq!(cluster.phase(), "Paused");
    skipped
        .edit(json!({"status": {"pauseConditions": null, "controllerPause": false, "currentStepIndex": 2}}));
    skipped.settle();
    assert_eq!((skipped.index(), skipped.current().as_str()), (Some(3), ""));
}

#[test]
fn an_experiment_is_deleted_when_its_services_are_not_held() {
    let mut cluster = stepping();
    cluster.edit(
        json!({"spec": {"analysis": {"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 0}}}),
    );
    cluster.experiment_comes_to("web-v2-2-1", "Running");
    cluster.set_gate(Gate::Unverified);
    cluster.experiment_comes_to("web-v2-2-1", "Successful");
    cluster.run(100);
    assert_eq!(cluster.additional(), Vec::<u32>::new());
    assert_eq!(cluster.experiments(), ["web-v2-2-1"], "somebody may still send requests there");
    cluster.set_gate(Gate::Verified);
    cluster.run(100);
    assert_eq!(cluster.experiments(), Vec::<String>::new());
}

#[test]
fn an_experiment_that_is_lost_is_made_again() {
    let mut lost = stepping();
    lost.evidence.experiments.clear();
    lost.settle();
    assert_eq!(lost.experiments(), ["web-v2-2-1"]);
    let mut unnoted = stepping();
    unnoted.edit(json!({"status": {"canary": {"currentExperiment": null}}}));
    unnoted.settle();
    assert_eq!(
        (unnoted.experiments(), unnoted.current()),
        (vec!["web-v2-2-1".to_owned()], "web-v2-2-1".to_owned())
    );
    let mut taken = stepping();
    taken.edit(json!({"status": {"canary": {"currentExperiment": null}}}));
    let name = taken.long("web-v2-2-1");
    taken.evidence.experiments.insert(name, Arc::new(Value::Null));
    taken.settle();
    assert_eq!(taken.experiments(), ["web-v2-2-1", "web-v2-2-1-1"]);
}

#[test]
fn the_experiment_of_another_step_is_not_taken_for_that_of_this_one() {
    let experiment = json!({"templates": [{"name": "canary", "specRef": "canary"}]});
    let steps = json!([{"experiment": experiment}, {"experiment": experiment}, {"pause": {}}]);
    let mut cluster = updating(steps, &json!({}));
    cluster.experiment_comes_to("web-v2-2-0", "Running");
    cluster.promote();
    cluster.settle();
    assert_eq!((cluster.index(), cluster.current().as_str()), (Some(1), "web-v2-2-1"));
    assert_eq!(cluster.experiments(), ["web-v2-2-0!", "web-v2-2-1"]);
    cluster.experiment_comes_to("web-v2-2-0", "Successful");
    assert_eq!(cluster.index(), Some(1));
    cluster.experiment_comes_to("web-v2-2-1", "Successful");
    assert_eq!(cluster.index(), Some(2));
}

#[test]
fn pods_of_an_experiment_that_is_skipped_never_get_the_weights_of_the_next_one() {
    let step = |weight: u32| json!({"experiment": {"templates": [{"name": "canary", "specRef": "canary", "weight": weight}]}});
    let mut cluster = updating(json!([{"setWeight": 20}, step(5), step(30), {"pause": {}}]), &json!({}));
    cluster.experiment_comes_to("web-v2-2-1", "Running");
    assert_eq!(cluster.additional(), [5]);
    cluster.set_gate(Gate::Unverified);
    cluster.promote();
    for _ in 0..20 {
        cluster.pass();
        assert_eq!(cluster.additional(), Vec::<u32>::new());
    }
    assert_eq!((cluster.index(), cluster.current().as_str()), (Some(2), "web-v2-2-2"));
    let had = cluster.status("/canary/weights/additional/0/serviceName");
    assert_eq!(had, &json!(cluster.long("web-v2-2-1-canary")), "somebody may still send requests there");
    cluster.set_gate(Gate::Verified);
    cluster.settle();
    assert_eq!(cluster.status("/canary/weights/additional"), &json!(null));
    cluster.experiment_comes_to("web-v2-2-2", "Running");
    assert_eq!((cluster.weight(), cluster.additional()), (Some(20), vec![30]));
}
