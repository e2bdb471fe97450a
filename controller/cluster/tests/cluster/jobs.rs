//! The Job controller: pods until they have succeeded or failed, what the status says, and how Jobs go.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Resource, WatchEvent, builtin, object};
use tidegate_cluster::{Cluster, PodOutcome, PodRule};

use crate::support::*;

fn jobs() -> Resource {
    Resource::namespaced("batch", "v1", "Job", "jobs")
}

fn job(name: &str, policy: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {
            "restartPolicy": policy,
            "containers": [{"name": "probe", "image": format!("probe:{name}")}],
        }}},
    })
}

/// A cluster in which containers with the image `probe:bad` exit with a failure.
fn with_bad_probes() -> Cluster {
    let mut cluster = cluster();
    let outcome = PodOutcome::Crashes { after: Duration::from_secs(2) };
    cluster.settings_mut().pods.rules =
        vec![PodRule { image: Some("probe:bad".into()), outcome, ..PodRule::default() }];
    cluster
}

fn status(cluster: &Cluster, name: &str) -> Value {
    cluster.object(&jobs(), NAMESPACE, name).unwrap()["status"].clone()
}

/// The conditions that hold, with their reasons.
fn holding(cluster: &Cluster, name: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let status = status(cluster, name);
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let holding = conditions.iter().filter(|one| one["status"] == "True");
    holding.map(|one| (text(&one["type"]), text(&one["reason"]))).collect()
}

fn both(first: &str, second: &str, reason: &str) -> Vec<(String, String)> {
    [first, second].map(|kind| (kind.to_owned(), reason.to_owned())).to_vec()
}

#[test]
fn a_pod_runs_and_the_job_is_complete() {
    let mut cluster = cluster();
    let created = create(&mut cluster, &jobs(), job("ok", "Never")).unwrap();
    let uid = object::uid(&created);
    assert_eq!(created["spec"]["backoffLimit"], 6);
    assert_eq!(created["spec"]["completions"], 1);
    assert_eq!(created["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"], uid);
    pass(&mut cluster, 100);
    assert_eq!(status(&cluster, "ok")["active"], 1);
    assert_eq!(pods(&cluster)[0]["metadata"]["labels"]["job-name"], "ok");
    settle(&mut cluster);
    let status = status(&cluster, "ok");
    assert_eq!((&status["succeeded"], status.get("active")), (&json!(1), None));
    assert!(status["completionTime"].is_string() && status["startTime"].is_string());
    assert_eq!(holding(&cluster, "ok"), both("SuccessCriteriaMet", "Complete", "CompletionsReached"));
    let all = pods(&cluster);
    assert_eq!((all.len(), &all[0]["status"]["phase"]), (1, &json!("Succeeded")));
    assert_eq!(all[0]["metadata"].get("finalizers"), None, "it is counted");
}

#[test]
fn failed_pods_are_replaced_until_there_were_too_many() {
    let mut cluster = with_bad_probes();
    let mut manifest = job("bad", "Never");
    manifest["spec"]["backoffLimit"] = json!(1);
    create(&mut cluster, &jobs(), manifest).unwrap();
    pass(&mut cluster, 6_000);
    assert_eq!(status(&cluster, "bad")["failed"], 1);
    assert_eq!(status(&cluster, "bad").get("active"), None, "the next one is started after a pause");
    pass(&mut cluster, 10_000);
    assert_eq!(status(&cluster, "bad")["active"], 1);
    settle(&mut cluster);
    assert_eq!(status(&cluster, "bad")["failed"], 2);
    assert_eq!(holding(&cluster, "bad"), both("FailureTarget", "Failed", "BackoffLimitExceeded"));
    assert_eq!(status(&cluster, "bad").get("completionTime"), None);
    assert!(pods(&cluster).iter().all(|pod| pod["status"]["phase"] == "Failed"));
}

#[test]
fn containers_that_are_started_again_count_towards_the_limit() {
    let mut cluster = with_bad_probes();
    let mut manifest = job("bad", "OnFailure");
    manifest["spec"]["backoffLimit"] = json!(2);
    create(&mut cluster, &jobs(), manifest).unwrap();
    settle(&mut cluster);
    assert_eq!(holding(&cluster, "bad"), both("FailureTarget", "Failed", "BackoffLimitExceeded"));
    assert!(pods(&cluster).is_empty(), "the pod that would have gone on is deleted");
}

#[test]
fn a_job_ends_at_its_deadline() {
    let mut cluster = cluster();
    cluster.settings_mut().pods.succeeds_after = Duration::from_secs(3600);
    let mut manifest = job("slow", "Never");
    manifest["spec"]["activeDeadlineSeconds"] = json!(30);
    create(&mut cluster, &jobs(), manifest).unwrap();
    pass(&mut cluster, 29_000);
    assert!(holding(&cluster, "slow").is_empty());
    pass(&mut cluster, 5_000);
    assert_eq!(holding(&cluster, "slow"), both("FailureTarget", "Failed", "DeadlineExceeded"));
    assert!(pods(&cluster).is_empty());
}

#[test]
fn a_pod_that_something_else_holds_does_not_keep_its_job_from_ending() {
    let mut cluster = cluster();
    cluster.settings_mut().pods.succeeds_after = Duration::from_secs(3600);
    let mut manifest = job("slow", "Never");
    manifest["spec"]["activeDeadlineSeconds"] = json!(30);
    create(&mut cluster, &jobs(), manifest).unwrap();
    pass(&mut cluster, 10_000);
    let name = object::name(&pods(&cluster)[0]).to_owned();
    let finalizers = json!(["batch.kubernetes.io/job-tracking", "example.com/hold"]);
    merge(&mut cluster, &builtin::pods(), &name, None, json!({"metadata": {"finalizers": finalizers}}))
        .unwrap();
    settle(&mut cluster);
    assert_eq!(holding(&cluster, "slow"), both("FailureTarget", "Failed", "DeadlineExceeded"));
    assert_eq!(status(&cluster, "slow")["failed"], 1);
    let held = &pods(&cluster)[0];
    assert_eq!(held["metadata"]["finalizers"], json!(["example.com/hold"]));
    assert_eq!(held["status"]["phase"], "Failed", "its node has stopped it");
}

#[test]
fn many_pods_one_after_another_and_at_once() {
    let mut cluster = cluster();
    let mut manifest = job("ok", "Never");
    manifest["spec"]["completions"] = json!(5);
    manifest["spec"]["parallelism"] = json!(2);
    create(&mut cluster, &jobs(), manifest).unwrap();
    let mut most = 0;
    while let Some(next) = cluster.next_event_at() {
        cluster.advance(next);
        most = most.max(status(&cluster, "ok")["active"].as_i64().unwrap_or(0));
    }
    assert_eq!((most, &status(&cluster, "ok")["succeeded"]), (2, &json!(5)));
    assert_eq!(pods(&cluster).len(), 5);
}

#[test]
fn a_suspended_job_has_no_pods() {
    let mut cluster = cluster();
    cluster.settings_mut().pods.succeeds_after = Duration::from_secs(60);
    create(&mut cluster, &jobs(), job("ok", "Never")).unwrap();
    pass(&mut cluster, 10_000);
    merge(&mut cluster, &jobs(), "ok", None, json!({"spec": {"suspend": true}})).unwrap();
    settle(&mut cluster);
    assert!(pods(&cluster).is_empty());
    assert_eq!(holding(&cluster, "ok"), [("Suspended".to_owned(), "JobSuspended".to_owned())]);
    let stood = status(&cluster, "ok");
    assert_eq!(stood.get("failed"), None, "pods that go with it have not failed");
    merge(&mut cluster, &jobs(), "ok", None, json!({"spec": {"suspend": false}})).unwrap();
    pass(&mut cluster, 1_000);
    let resumed = status(&cluster, "ok");
    assert!(stood["startTime"].as_str() < resumed["startTime"].as_str(), "its time begins anew");
    let suspended = &resumed["conditions"][0];
    assert_eq!((&suspended["status"], &suspended["reason"]), (&json!("False"), &json!("JobResumed")));
    settle(&mut cluster);
    assert_eq!(holding(&cluster, "ok"), both("SuccessCriteriaMet", "Complete", "CompletionsReached"));
}

#[test]
fn time_does_not_run_while_a_job_is_suspended() {
    let mut cluster = cluster();
    cluster.settings_mut().pods.succeeds_after = Duration::from_secs(3600);
    let mut manifest = job("slow", "Never");
    manifest["spec"]["activeDeadlineSeconds"] = json!(30);
    manifest["spec"]["suspend"] = json!(true);
    create(&mut cluster, &jobs(), manifest).unwrap();
    pass(&mut cluster, 100_000);
    assert_eq!(status(&cluster, "slow").get("startTime"), None);
    merge(&mut cluster, &jobs(), "slow", None, json!({"spec": {"suspend": false}})).unwrap();
    pass(&mut cluster, 20_000);
    assert_eq!(status(&cluster, "slow")["active"], 1);
    merge(&mut cluster, &jobs(), "slow", None, json!({"spec": {"suspend": true}})).unwrap();
    pass(&mut cluster, 100_000);
    assert_eq!(holding(&cluster, "slow"), [("Suspended".to_owned(), "JobSuspended".to_owned())]);
}

#[test]
fn what_a_job_says_on_its_way() {
    for (name, ways) in [("ok", ["SuccessCriteriaMet", "Complete"]), ("bad", ["FailureTarget", "Failed"])] {
        let mut cluster = with_bad_probes();
        let from = cluster.resource_version();
        let mut manifest = job(name, "Never");
        manifest["spec"]["backoffLimit"] = json!(0);
        create(&mut cluster, &jobs(), manifest).unwrap();
        settle(&mut cluster);
        let all: Vec<Value> = cluster
            .events_since(&jobs(), None, from)
            .unwrap()
            .filter_map(|(_, event)| match event {
                WatchEvent::Applied(job) => Some(job["status"].clone()),
                _ => None,
            })
            .collect();
        let holds = |status: &Value, kind: &str| {
            status["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == kind))
        };
        let field = if name == "ok" { "succeeded" } else { "failed" };
        // Announced while its pod is named, counted and said when nothing is left to count.
        let announced = all.iter().find(|status| holds(status, ways[0])).unwrap();
        assert_eq!(announced["uncountedTerminatedPods"][field].as_array().unwrap().len(), 1, "{announced}");
        assert_eq!((announced.get(field), holds(announced, ways[1])), (None, false), "{announced}");
        assert_eq!(announced.get("completionTime"), None);
        let last = all.last().unwrap();
        assert!(holds(last, ways[0]) && holds(last, ways[1]), "{last}");
        assert_eq!((&last["uncountedTerminatedPods"], &last[field]), (&json!({}), &json!(1)));
        assert_eq!((&last["ready"], &last["terminating"], last.get("active")), (&json!(0), &json!(0), None));
        assert_eq!(last.get("completionTime").is_some(), name == "ok");
    }
}

#[test]
fn pods_that_are_too_many_go_and_have_not_failed() {
    let mut cluster = cluster();
    cluster.settings_mut().pods.succeeds_after = Duration::from_secs(60);
    let mut manifest = job("ok", "Never");
    manifest["spec"]["completions"] = json!(4);
    manifest["spec"]["parallelism"] = json!(3);
    create(&mut cluster, &jobs(), manifest).unwrap();
    pass(&mut cluster, 10_000);
    assert_eq!(status(&cluster, "ok")["active"], 3);
    merge(&mut cluster, &jobs(), "ok", None, json!({"spec": {"parallelism": 1}})).unwrap();
    pass(&mut cluster, 1_000);
    assert_eq!(status(&cluster, "ok")["active"], 1);
    settle(&mut cluster);
    let status = status(&cluster, "ok");
    assert_eq!((&status["succeeded"], status.get("failed")), (&json!(4), None));
}

#[test]
fn the_pause_grows_with_the_failures_since_the_last_success() {
    let mut cluster = with_bad_probes();
    create(&mut cluster, &jobs(), job("bad", "Never")).unwrap();
    let mut made: Vec<String> = Vec::new();
    pass(&mut cluster, 120_000);
    for pod in pods(&cluster) {
        made.push(pod["metadata"]["creationTimestamp"].as_str().unwrap().to_owned());
    }
    made.sort();
    let times: Vec<jiff::Timestamp> = made.iter().map(|at| at.parse().unwrap()).collect();
    let between: Vec<i64> = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    // A pod lives for some seconds; the rest is 10, 20 and 40.
    assert_eq!(between.len(), 3, "{between:?}");
    assert!(
        between.is_sorted() && between[1] - between[0] == 10 && between[2] - between[1] == 20,
        "{between:?}"
    );
}

#[test]
fn the_pods_of_a_deleted_job_go_with_it() {
    for after in [100, 4_000, 20_000] {
        let mut cluster = cluster();
        create(&mut cluster, &jobs(), job("ok", "Never")).unwrap();
        pass(&mut cluster, after);
        assert_eq!(pods(&cluster).len(), 1);
        delete(&mut cluster, &jobs(), "ok").unwrap();
        settle(&mut cluster);
        assert!(pods(&cluster).is_empty(), "deleted after {after} ms");
    }
}

#[test]
fn a_pod_that_somebody_deletes_has_failed_and_is_replaced() {
    let mut cluster = cluster();
    create(&mut cluster, &jobs(), job("ok", "Never")).unwrap();
    pass(&mut cluster, 4_000);
    let name = object::name(&pods(&cluster)[0]).to_owned();
    delete(&mut cluster, &builtin::pods(), &name).unwrap();
    settle(&mut cluster);
    let status = status(&cluster, "ok");
    assert_eq!((&status["failed"], &status["succeeded"]), (&json!(1), &json!(1)));
}

#[test]
fn a_run_takes_its_jobs_and_their_pods_along() {
    let mut cluster = cluster();
    let run =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "run"}});
    let run = create(&mut cluster, &analysis_runs(), run).unwrap();
    let mut manifest = job("ok", "Never");
    manifest["metadata"]["ownerReferences"] = json!([owned_by(&run)]);
    create(&mut cluster, &jobs(), manifest).unwrap();
    settle(&mut cluster);
    delete(&mut cluster, &analysis_runs(), "run").unwrap();
    settle(&mut cluster);
    refused(get(&mut cluster, &jobs(), "ok"), 404, "NotFound");
    assert!(pods(&cluster).is_empty());
}

#[test]
fn what_is_refused() {
    let mut cluster = cluster();
    let change = |path: &str, value: Value| {
        let mut manifest = job("ok", "Never");
        *manifest.pointer_mut(path).unwrap() = value;
        manifest
    };
    let long = "j".repeat(64);
    for (manifest, field) in [
        (change("/spec/template/spec/restartPolicy", json!("Always")), "spec.template.spec.restartPolicy"),
        (change("/spec/template/spec/restartPolicy", json!("Odd")), "spec.template.spec.restartPolicy"),
        (change("/spec/template/spec/containers", json!([])), "spec.template.spec.containers"),
        (
            change("/metadata/name", json!(long)),
            "spec.template.metadata.labels[batch.kubernetes.io/job-name]",
        ),
    ] {
        let error = refused(create(&mut cluster, &jobs(), manifest), 422, "Invalid");
        assert!(error.causes.iter().any(|cause| cause.field == field), "{error:?}");
    }
    refused(create(&mut cluster, &jobs(), change("/spec/template", json!(1))), 400, "BadRequest");
    create(&mut cluster, &jobs(), job("ok", "Never")).unwrap();
    let other = json!({"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b:1"}]}}}});
    refused(merge(&mut cluster, &jobs(), "ok", None, other), 422, "Invalid");
}

#[test]
fn a_pod_always_started_again_does_not_end() {
    let mut cluster = cluster();
    cluster.settings_mut().pods.rules.push(PodRule {
        outcome: PodOutcome::Succeeds { after: Duration::from_secs(5) },
        ..PodRule::default()
    });
    create(&mut cluster, &builtin::replica_sets(), replica_set("a", 1)).unwrap();
    pass(&mut cluster, 60_000);
    let pod = &pods(&cluster)[0];
    assert_eq!(pod["status"]["phase"], "Running");
    assert!(pod["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap() > 0);
}
