//! Rollouts that Argo Rollouts left at a pause, in the shapes of status that its versions wrote: nothing starts anew, no weight
//! changes, and the update goes on.

use serde_json::{Value, json};
use tidegate_api::object;

use crate::cluster::Cluster;
use crate::manifests::paused;

/// By name: a status with `NEW`, `STABLE` and `STEPS` in the places of hashes.
const STATUSES: [(&str, &str); 9] = [
    ("1.0, without weights", include_str!("statuses/argo-1.0-without-weights.json")),
    ("1.4", include_str!("statuses/argo-1.4.json")),
    ("1.4, with analysis", include_str!("statuses/argo-1.4-with-analysis.json")),
    ("1.5, once blue-green", include_str!("statuses/argo-1.5-with-blue-green-left-behind.json")),
    ("1.6", include_str!("statuses/argo-1.6.json")),
    ("1.8", include_str!("statuses/argo-1.8.json")),
    ("1.10", include_str!("statuses/argo-1.10.json")),
    ("later than 1.10", include_str!("statuses/later-than-1.10.json")),
    ("odd types", include_str!("statuses/odd-types.json")),
];

/// What Tidegate decides anew; everything else must stay to the letter.
const OURS: [&str; 5] = [
    "conditions",
    "observedGeneration",
    "HPAReplicas",
    "pauseConditions",
    // Of a Rollout that refers to no workload any more; Argo Rollouts takes it away, too.
    "workloadObservedGeneration",
];

fn handed_over(text: &str) -> Cluster {
    let mut cluster = paused();
    let hashes = [
        ("NEW", cluster.hash("v2").to_owned()),
        ("STABLE", cluster.hash("v1").to_owned()),
        ("STEPS", cluster.status("/currentStepHash").as_str().unwrap().to_owned()),
    ];
    let text = hashes.iter().fold(text.to_owned(), |text, (name, hash)| text.replace(name, hash));
    cluster.rollout["status"] = serde_json::from_str(&text).unwrap();
    if let Some(name) = cluster.status("/canary/currentBackgroundAnalysisRunStatus/name").as_str() {
        // With an analysis beside its steps, which is under way.
        let (name, hash) = (name.to_owned(), cluster.hash("v2").to_owned());
        cluster.rollout["spec"]["strategy"]["canary"]["analysis"] =
            json!({"templates": [{"templateName": "t"}]});
        let owner = json!({"uid": object::uid(&cluster.rollout), "controller": true});
        let labels = json!({"rollout-type": "Background", "rollouts-pod-template-hash": hash});
        let run = json!({
            "metadata": {"name": name, "namespace": "ns", "resourceVersion": "1", "labels": labels, "ownerReferences": [owner]},
            "status": {"phase": "Running"},
        });
        cluster.evidence.runs.insert(name, run.into());
    }
    cluster.notes.clear();
    cluster
}

#[test]
fn nothing_starts_anew() {
    for (name, text) in STATUSES {
        let mut cluster = handed_over(text);
        let before = cluster.clone();
        cluster.settle();
        assert_eq!(cluster.sets, before.sets, "{name}");
        assert_eq!(cluster.services, before.services, "{name}");
        assert_eq!(cluster.written, before.written, "{name}");
        let reasons: Vec<&str> = cluster.notes.iter().map(|note| note.reason).collect();
        assert!(reasons.iter().all(|reason| *reason == "TrafficWeightUpdated"), "{name}: {reasons:?}");
        let (old, new) = (before.status("").clone(), cluster.status("").clone());
        for (field, value) in old.as_object().unwrap() {
            if OURS.contains(&field.as_str()) || field == "canary" || value == "" {
                continue;
            }
            assert_eq!(new.get(field), Some(value), "{name}: {field}");
        }
        for (field, value) in old["canary"].as_object().unwrap() {
            // At a pause there is no experiment; Argo Rollouts takes it away, too.
            let is_kept = !matches!(field.as_str(), "weights" | "currentExperiment");
            assert!(!is_kept || new["canary"].get(field) == Some(value), "{name}: canary.{field}");
        }
        assert_eq!(new["canary"]["weights"]["canary"]["weight"], 20, "{name}");
        assert_eq!(new["observedGeneration"], object::generation(&cluster.rollout).unwrap().to_string());
        assert_eq!(new["HPAReplicas"], 12, "{name}");
    }
}

#[test]
fn what_the_conditions_say_is_believed() {
    let cluster = {
        let mut cluster = handed_over(include_str!("statuses/argo-1.10.json"));
        cluster.settle();
        cluster
    };
    let since = |kind: &str| -> Value {
        let conditions = cluster.status("/conditions").as_array().unwrap();
        conditions.iter().find(|one| one["type"] == kind).unwrap()["lastTransitionTime"].clone()
    };
    for kind in ["Available", "Completed", "Healthy", "Paused", "Progressing"] {
        assert_eq!(since(kind), "2025-12-31T23:00:00Z", "{kind}");
    }
}

#[test]
fn the_update_goes_on() {
    for (name, text) in STATUSES {
        let mut cluster = handed_over(text);
        cluster.settle();
        cluster.promote();
        cluster.run(11);
        assert_eq!(
            (cluster.phase(), cluster.index(), cluster.weight()),
            ("Healthy", Some(4), Some(0)),
            "{name}"
        );
        assert_eq!(cluster.status("/stableRS"), &json!(cluster.hash("v2")), "{name}");
    }
}

#[test]
fn an_abort_still_works() {
    for (name, text) in STATUSES {
        let mut cluster = handed_over(text);
        cluster.abort();
        cluster.settle();
        assert_eq!((cluster.phase(), cluster.weight()), ("Degraded", Some(0)), "{name}");
    }
}
