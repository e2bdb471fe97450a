use serde_json::json;
use tidegate_api::builtin;
use tidegate_artifact::LoadReason;
use tidegate_contract::{Digest, Fault, FaultReason};

use super::*;
use crate::watch::Signal;

#[test]
fn what_happened_can_be_read_and_what_is_gone_cannot() {
    let metrics = Metrics::new();
    let rollout = json!({
        "kind": "Rollout",
        "metadata": { "namespace": "shop", "name": "web" },
        "spec": {
            "replicas": 5,
            "strategy": { "canary": { "trafficRouting": { "plugins": { "a/b": {} } } } },
        },
        "status": { "phase": "Healthy", "availableReplicas": 4, "updatedReplicas": 5 },
    });
    metrics.rollout_changed(&rollout);
    let key = ObjectKey::new(&builtin::rollouts(), "shop", "web");
    metrics.passed(&key, None, Duration::from_millis(20));
    metrics.wrote(
        &key,
        &Request {
            resource: builtin::services(),
            namespace: Some("shop".into()),
            operation: tidegate_api::Operation::Get { name: "web".into() },
        },
        Some(&ApiError::new(409, "Conflict", "")),
    );
    metrics.called(
        "a/b",
        &Answer::Fault(Fault {
            reason: FaultReason::OutOfFuel,
            message: String::new(),
            last_words: String::new(),
        }),
        Duration::from_millis(1),
    );
    metrics.event(&rollout, NoteKind::Warning, "TrafficRoutingError");
    metrics.leading(true);
    let text = metrics.text().unwrap();
    for line in [
        "rollout_info{namespace=\"shop\",name=\"web\",strategy=\"canary\",traffic_router=\"a/b\",phase=\"Healthy\"} 1",
        "rollout_info_replicas_desired{namespace=\"shop\",name=\"web\"} 5",
        "rollout_info_replicas_available{namespace=\"shop\",name=\"web\"} 4",
        "rollout_info_replicas_unavailable{namespace=\"shop\",name=\"web\"} 1",
        "rollout_info_replicas_updated{namespace=\"shop\",name=\"web\"} 5",
        "rollout_reconcile_count{namespace=\"shop\",name=\"web\"} 1",
        "rollout_reconcile_error{namespace=\"shop\",name=\"web\"} 1",
        "rollout_events_total{namespace=\"shop\",name=\"web\",type=\"Warning\",reason=\"TrafficRoutingError\"} 1",
        "tidegate_router_calls_total{plugin=\"a/b\",outcome=\"fault\",reason=\"OutOfFuel\"} 1",
        "tidegate_leader 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in:\n{text}");
    }
    metrics.rollouts_begin();
    metrics.rollouts_end();
    let text = metrics.text().unwrap();
    assert!(!text.contains("rollout_info{"), "{text}");
    assert!(!text.contains("name=\"web\""), "{text}");
}

#[test]
fn what_is_done_for_runs_and_experiments_is_not_counted_for_rollouts() {
    let metrics = Metrics::new();
    let object = json!({ "kind": "AnalysisRun", "metadata": { "namespace": "shop", "name": "web" } });
    let resource = builtin::analysis_runs();
    let key = ObjectKey::new(&resource, "shop", "web");
    let operation = tidegate_api::Operation::Get { name: "web".into() };
    let request = Request { resource: builtin::jobs(), namespace: Some("shop".into()), operation };
    metrics.evidence.saw(&resource.group, &resource.kind, &Signal::Changed(object.clone()));
    metrics.wrote(&key, &request, None);
    metrics.wrote(&key, &request, Some(&ApiError::new(409, "Conflict", "")));
    metrics.panicked(&key);
    metrics.event(&object, NoteKind::Normal, "AnalysisRunSuccessful");
    let text = metrics.text().unwrap();
    let about: Vec<&str> = text.lines().filter(|line| line.contains("name=\"web\"")).collect();
    let run = "{namespace=\"shop\",name=\"web\"";
    let info = format!("analysis_run_info{run},phase=\"\"}} 1");
    let errors = format!("analysis_run_reconcile_error{run}}} 2");
    assert_eq!(about, [info, errors]);
    // What happens at its end leaves nothing behind.
    metrics.evidence.saw(&resource.group, &resource.kind, &Signal::Removed(object.clone()));
    metrics.wrote(&key, &request, Some(&ApiError::new(404, "NotFound", "")));
    metrics.event(&object, NoteKind::Normal, "AnalysisRunSuccessful");
    assert!(!metrics.text().unwrap().contains("name=\"web\""));
}

#[test]
fn each_metric_is_documented() {
    use tidegate_contract::Traffic;
    use tidegate_core::{RouterReport, RouterState};

    let metrics = Metrics::new();
    let rollout = json!({ "kind": "Rollout", "metadata": { "namespace": "shop", "name": "web" } });
    let key = ObjectKey::new(&builtin::rollouts(), "shop", "web");
    let request = Request {
        resource: builtin::services(),
        namespace: Some("shop".into()),
        operation: tidegate_api::Operation::Get { name: "web".into() },
    };
    let report = RouterReport {
        features: None,
        router: "a/b".into(),
        state: RouterState::Verified,
        shares: Vec::new(),
        notes: Vec::new(),
    };
    metrics.rollout_changed(&rollout);
    let routing = Routing { traffic: Traffic::default(), routers: vec![report] };
    metrics.passed(&key, Some(&routing), Duration::ZERO);
    metrics.panicked(&key);
    metrics.wrote(&key, &request, None);
    metrics.requested(&request, 200, Duration::ZERO);
    metrics.called("a/b", &Answer::Needs(Vec::new()), Duration::ZERO);
    metrics.plugins.told([("a/b", Some(("1.0".to_owned(), Digest([1; 32]))))].into_iter());
    metrics.plugins.loaded("a/b", Duration::from_secs(1));
    metrics.plugins.failed("a/b", LoadReason::NotWasm);
    metrics.event(&rollout, NoteKind::Normal, "RolloutUpdated");
    metrics.event_dropped();
    metrics.watch_restarted("Rollout", "Cut");
    metrics.malformed("Rollout", 1);
    for resource in [builtin::analysis_runs(), builtin::experiments(), builtin::analysis_templates()] {
        metrics.evidence.saw(&resource.group, &resource.kind, &Signal::Changed(rollout.clone()));
    }
    metrics.shadow(&key, Subject::Route, (1, 1));
    metrics.shadow_news(Subject::Route, Age::Begun);
    let text = metrics.text().unwrap();
    let documented = include_str!("../../../../docs/metrics.md");
    let mut shown = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, type_) = line.split_once(' ').unwrap();
        let name = match type_ {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        assert!(documented.contains(&format!("`{name}`")), "{name} is not in docs/metrics.md");
        shown += 1;
    }
    assert_eq!(shown, documented.lines().filter(|line| line.starts_with("| `")).count(), "{text}");
}
