//! Giving back what routers wrote: when a Rollout is deleted, when its routers or their configuration change, and when the
//! controller is to go; and what is recorded for that.

use serde_json::{Value, json};
use tidegate_api::{ApiError, Operation, Preconditions, Request, builtin};
use tidegate_contract::Router as _;
use tidegate_model::RoutingRecord;
use tidegate_model::routing_record::has_finalizer;
use tidegate_shell::{Ending, Report, Settings};

use crate::canary::{finish, paused, updating};
use crate::manifests::{self, PLUGIN};
use crate::rig::{Fate, Rig, is_kind, is_write, minutes, seconds};
use crate::store::unavailable;

fn held(rig: &Rig) -> RoutingRecord {
    RoutingRecord::read(rig.rollout("web"))
}

fn is_there(rig: &Rig) -> bool {
    rig.cluster.object(&builtin::rollouts(), "shop", "web").is_some()
}

fn use_router(rig: &mut Rig, config: Value) {
    let routing = json!({"plugins": {PLUGIN: config}});
    let canary = json!({"spec": {"strategy": {"canary": {"trafficRouting": routing}}}});
    rig.patch(&builtin::rollouts(), "web", None, canary);
}

fn skip(rig: &mut Rig) {
    let annotation = json!({"metadata": {"annotations": {"tidegate.dev/skip-release": "true"}}});
    rig.patch(&builtin::rollouts(), "web", None, annotation);
}

fn is_told(rig: &Rig, reason: &str) -> bool {
    rig.events.iter().any(|event| event.reason == reason)
}

/// A second route, with the same Services.
fn other_route(rig: &mut Rig) {
    let mut route = manifests::route("web");
    route["metadata"] = json!({"name": "other", "namespace": "shop", "labels": {"app": "web"}});
    rig.create(route);
}

#[test]
fn what_is_written_to_is_recorded_before_and_forgotten_at_rest() {
    let mut rig = updating();
    assert!(!has_finalizer(rig.rollout("web")) && held(&rig).targets.is_empty(), "nothing at rest");
    rig.forget_requests();
    rig.run(minutes(2));
    let record = held(&rig);
    let [target] = record.targets.as_slice() else { panic!("{record:?}") };
    assert_eq!(target.plugin, PLUGIN);
    assert_eq!(target.config, json!({"route": "web"}));
    assert_eq!(target.digest, Some(tidegate_contract::Digest([7; 32])));
    let objects: Vec<&str> = target.objects.iter().map(String::as_str).collect();
    assert_eq!(objects, ["HTTPRoute.gateway.networking.k8s.io shop/web"]);
    assert!(has_finalizer(rig.rollout("web")));
    let place = |test: &dyn Fn(&Request) -> bool| rig.requests.iter().position(test).unwrap();
    let recorded = place(&|request| format!("{:?}", request.operation).contains("tidegate.dev/state"));
    assert!(recorded < place(&|request| is_kind(request, "HTTPRoute") && is_write(request)));

    finish(&mut rig);
    rig.run(minutes(5));
    assert!(!has_finalizer(rig.rollout("web")), "giving back would change nothing");
    assert_eq!(held(&rig), RoutingRecord::default());
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn a_repair_at_rest_needs_no_record() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    rig.forget_requests();
    rig.edit_weights("web", 50, 50);
    rig.run(minutes(1));
    assert_eq!(rig.weights("web"), (100, 0));
    let is_record = |one: &&Request| format!("{one:?}").contains("tidegate.dev/state");
    assert_eq!((rig.requests.iter().find(is_record), rig.writes_of("HTTPRoute")), (None, 1));
}

#[test]
fn a_deleted_rollout_gives_everything_back_before_it_goes() {
    let mut rig = paused();
    rig.delete(&builtin::rollouts(), "web");
    rig.run(seconds(20));
    assert!(!is_there(&rig));
    assert_eq!(rig.weights("web"), (100, 0));
    assert!(is_told(&rig, "TrafficReleased"));
    let rollout_last = rig.requests.iter().rposition(|one| is_write(one) && is_kind(one, "Rollout"));
    let route_last = rig.requests.iter().rposition(|one| is_write(one) && is_kind(one, "HTTPRoute"));
    assert!(route_last < rollout_last);
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn a_rollout_at_rest_goes_at_once() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    rig.forget_requests();
    rig.delete(&builtin::rollouts(), "web");
    assert!(!is_there(&rig));
    rig.run(minutes(1));
    assert!(rig.requests.iter().all(|request| !is_kind(request, "HTTPRoute")));
}

#[test]
fn what_a_router_made_goes_with_the_rollout() {
    let mut rig = Rig::empty(Settings::default());
    let mut objects = manifests::shop("web");
    objects.last_mut().unwrap()["spec"]["strategy"]["canary"]["trafficRouting"]["plugins"][PLUGIN]["make"] =
        json!("made");
    rig.apply_all(objects);
    rig.start();
    rig.run(minutes(1));
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    let maps = rig.cluster.served("", "ConfigMap").unwrap().clone();
    assert!(rig.cluster.object(&maps, "shop", "made").is_some(), "{}", rig.phase("web"));
    assert!(held(&rig).targets[0].objects.contains("ConfigMap shop/made"), "{:?}", held(&rig));
    rig.delete(&builtin::rollouts(), "web");
    rig.run(seconds(30));
    assert!(!is_there(&rig) && rig.cluster.object(&maps, "shop", "made").is_none());
}

#[test]
fn a_deletion_waits_for_a_dead_plugin_no_longer_than_its_deadline() {
    let mut rig = paused();
    rig.plugins.insert(PLUGIN.to_owned(), unavailable("Unreachable"));
    rig.store.revoked.insert(rig.router.digest());
    rig.tell_plugins();
    rig.delete(&builtin::rollouts(), "web");
    rig.run(seconds(100));
    assert!(is_there(&rig));
    assert_eq!(rig.routing_reason("web"), Some("Unreachable"));
    rig.run(seconds(30));
    assert!(!is_there(&rig));
    assert_eq!(rig.weights("web"), (50, 50), "left as it is");
    assert!(is_told(&rig, "TrafficReleaseSkipped"));
}

#[test]
fn an_annotation_lets_a_rollout_go_at_once() {
    let mut rig = paused();
    rig.plugins.insert(PLUGIN.to_owned(), unavailable("Unreachable"));
    rig.tell_plugins();
    rig.delete(&builtin::rollouts(), "web");
    rig.run(seconds(5));
    skip(&mut rig);
    rig.run(seconds(5));
    assert!(!is_there(&rig));
}

#[test]
fn a_rollout_in_a_namespace_that_goes_is_not_held_up() {
    let mut rig = paused();
    rig.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    rig.plugins.insert(PLUGIN.to_owned(), unavailable("Unreachable"));
    rig.tell_plugins();
    let operation = Operation::Delete { name: "shop".to_owned(), preconditions: Preconditions::default() };
    let request = Request { resource: builtin::namespaces(), namespace: None, operation };
    rig.cluster.handle(&request).unwrap();
    rig.run(seconds(60));
    assert!(!is_there(&rig), "{:?}", rig.requests);
}

#[test]
fn another_configuration_gets_something_only_after_the_old_one_has_nothing() {
    let mut rig = paused();
    other_route(&mut rig);
    rig.run(seconds(5));
    use_router(&mut rig, json!({"route": "other"}));
    rig.run(minutes(1));
    assert_eq!((rig.weights("web"), rig.weights("other")), ((100, 0), (50, 50)), "{}", rig.phase("web"));
    let writes: Vec<String> = rig
        .requests
        .iter()
        .filter(|request| is_write(request) && is_kind(request, "HTTPRoute"))
        .filter_map(|request| request.name().map(str::to_owned))
        .collect();
    assert_eq!(writes, ["web", "other"]);
    let record = held(&rig);
    let configs: Vec<&Value> = record.targets.iter().map(|target| &target.config).collect();
    assert_eq!(configs, [&json!({"route": "other"})]);
}

#[test]
fn what_both_configurations_have_keeps_its_weight() {
    let mut rig = paused();
    use_router(&mut rig, json!({"route": null, "labels": "app=web"}));
    for _ in 0..60 {
        rig.run(seconds(1));
        assert_eq!(rig.weights("web"), (50, 50));
    }
    assert_eq!(rig.writes_of("HTTPRoute"), 0);
    assert_eq!(held(&rig).targets[0].config, json!({"labels": "app=web"}));
}

#[test]
fn a_router_that_is_taken_out_gives_everything_back() {
    let mut rig = paused();
    let routing =
        json!({"spec": {"strategy": {"canary": {"trafficRouting": null, "scaleDownDelaySeconds": null}}}});
    rig.patch(&builtin::rollouts(), "web", None, routing);
    rig.run(minutes(1));
    assert_eq!(rig.weights("web"), (100, 0), "{}", rig.phase("web"));
    assert!(!has_finalizer(rig.rollout("web")));
    assert_eq!(held(&rig), RoutingRecord::default());
}

#[test]
fn a_change_that_nobody_saw_happen_is_made_up_for() {
    let mut rig = paused();
    other_route(&mut rig);
    rig.run(seconds(5));
    rig.controllers.clear();
    use_router(&mut rig, json!({"route": "other"}));
    rig.start();
    rig.run(minutes(1));
    assert_eq!((rig.weights("web"), rig.weights("other")), ((100, 0), (50, 50)), "{}", rig.phase("web"));
}

#[test]
fn nothing_new_is_written_while_the_old_cannot_be_given_back() {
    let mut rig = paused();
    other_route(&mut rig);
    rig.run(seconds(5));
    let is_old = |request: &Request| is_kind(request, "HTTPRoute") && request.name() == Some("web");
    rig.fate = Box::new(move |_, request| {
        if is_write(request) && is_old(request) {
            Fate::Refused(ApiError::new(403, "Forbidden", "not this one"))
        } else {
            Fate::Answered
        }
    });
    use_router(&mut rig, json!({"route": "other"}));
    rig.run(minutes(3));
    assert_eq!((rig.weights("web"), rig.weights("other")), ((50, 50), (1, 0)), "{}", rig.phase("web"));
    assert_eq!(rig.routing_reason("web"), Some("WriteRejected"));
    let message = rig.condition("web", "TrafficRouterReady").unwrap()["message"].to_string();
    assert!(message.contains("tidegate.dev/skip-release"), "{message}");
    let index = rig.rollout("web")["status"]["currentStepIndex"].clone();
    rig.promote("web");
    rig.run(minutes(3));
    assert_eq!(rig.weights("other"), (1, 0));

    skip(&mut rig);
    rig.run(minutes(1));
    assert_eq!(rig.weights("web"), (50, 50), "left as it is");
    assert_ne!(rig.weights("other"), (1, 0), "{}", rig.phase("web"));
    assert_ne!(rig.rollout("web")["status"]["currentStepIndex"], index);
}

#[test]
fn an_abort_does_not_wait_for_what_cannot_be_given_back() {
    let mut rig = paused();
    other_route(&mut rig);
    rig.edit_weights("other", 50, 50);
    rig.run(seconds(5));
    let is_old = |request: &Request| is_kind(request, "HTTPRoute") && request.name() == Some("web");
    rig.fate = Box::new(move |_, request| {
        if is_write(request) && is_old(request) {
            Fate::Refused(ApiError::new(403, "Forbidden", "not this one"))
        } else {
            Fate::Answered
        }
    });
    use_router(&mut rig, json!({"route": "other"}));
    rig.abort("web");
    rig.run(minutes(1));
    assert_eq!(rig.weights("other"), (100, 0), "{}", rig.phase("web"));
}

#[test]
fn a_deletion_survives_a_crash_at_every_write() {
    for at in 0..6 {
        for carried_out in [true, false] {
            let mut rig = paused();
            let mut left = at;
            rig.fate = Box::new(move |_, request| {
                if !is_write(request) {
                    return Fate::Answered;
                }
                left -= 1;
                match (left, carried_out) {
                    (-1, true) => Fate::Crash,
                    (-1, false) => Fate::CrashBefore,
                    _ => Fate::Answered,
                }
            });
            rig.delete(&builtin::rollouts(), "web");
            rig.run(minutes(1));
            assert!(!is_there(&rig), "{at} {carried_out}");
            assert_eq!(rig.weights("web"), (100, 0), "{at} {carried_out}");
        }
    }
}

#[test]
fn a_controller_that_is_to_go_gives_everything_back_and_does_nothing_else() {
    let mut rig = paused();
    rig.controllers.clear();
    rig.settings.ending = Some(Ending::GiveBack);
    rig.set_image("web", "web:3");
    rig.forget_requests();
    rig.start();
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (100, 0));
    assert!(!has_finalizer(rig.rollout("web")));
    let annotations = &rig.rollout("web")["metadata"]["annotations"];
    assert!(annotations.get("tidegate.dev/state").is_none(), "{annotations}");
    assert!(annotations.get("tidegate.dev/router-plugins").is_none(), "{annotations}");
    assert_eq!((rig.writes_of("ReplicaSet"), rig.writes_of("Service")), (0, 0));
    let given_back = |report: &Report| matches!(report, Report::GivenBack { .. });
    assert!(rig.reports.iter().any(given_back));
    rig.forget_requests();
    rig.run(minutes(10));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn other_finalizers_stay() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    let finalizers = json!({"metadata": {"finalizers": ["example.com/other"]}});
    rig.patch(&builtin::rollouts(), "web", None, finalizers);
    rig.set_image("web", "web:2");
    rig.run(minutes(2));
    let finalizers = |rig: &Rig| rig.rollout("web")["metadata"]["finalizers"].clone();
    assert_eq!(finalizers(&rig), json!(["example.com/other", "tidegate.dev/release"]));
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(1));
    assert_eq!(finalizers(&rig), json!(["example.com/other"]));
    rig.forget_requests();
    rig.run(minutes(30));
    assert!(rig.requests.iter().all(|request| !matches!(request.operation, Operation::Patch { .. })));
}

/// The selector of a Service, and whose it says it is.
fn selected(rig: &Rig, service: &str) -> (Option<String>, Option<String>) {
    let service = rig.cluster.object(&builtin::services(), "shop", service).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (
        text(&service["spec"]["selector"]["rollouts-pod-template-hash"]),
        text(&service["metadata"]["annotations"]["argo-rollouts.argoproj.io/managed-by-rollouts"]),
    )
}

#[test]
fn services_of_a_rollout_that_is_gone_select_its_pods_by_their_labels_again() {
    for is_seen in [true, false] {
        let mut rig = Rig::new();
        rig.run(minutes(1));
        assert!(selected(&rig, "web-stable").0.is_some());
        if !is_seen {
            rig.controllers.clear();
        }
        rig.delete(&builtin::rollouts(), "web");
        if !is_seen {
            rig.start();
        }
        rig.run(seconds(5));
        for service in ["web-stable", "web-canary"] {
            assert_eq!(selected(&rig, service), (None, None));
        }
        rig.forget_requests();
        rig.run(minutes(60));
        assert!(rig.requests.is_empty(), "{:?}", rig.requests);
    }
}

#[test]
fn a_service_that_a_rollout_does_not_name_any_more_is_let_go_and_others_stay() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    let mut foreign =
        rig.cluster.object(&builtin::services(), "shop", "web-stable").unwrap().as_ref().clone();
    foreign["metadata"] = json!({"name": "foreign", "namespace": "shop"});
    rig.create(foreign);
    rig.create(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
    );
    let canary = json!({"spec": {"strategy": {"canary": {"canaryService": "new"}}}});
    rig.patch(&builtin::rollouts(), "web", None, canary);
    rig.run(minutes(1));
    assert_eq!(selected(&rig, "web-canary"), (None, None));
    assert!(selected(&rig, "web-stable").0.is_some());
    assert!(selected(&rig, "foreign").0.is_some(), "nobody said that it was a Rollout's");
}

#[test]
fn a_service_that_cannot_be_cleaned_is_tried_again() {
    let mut rig = Rig::new();
    rig.run(minutes(1));
    let mut left = 2;
    rig.fate = Box::new(move |_, request| {
        if is_write(request) && is_kind(request, "Service") && left > 0 {
            left -= 1;
            return Fate::Refused(ApiError::new(500, "InternalError", "not now"));
        }
        Fate::Answered
    });
    rig.delete(&builtin::rollouts(), "web");
    rig.run(seconds(10));
    assert!(selected(&rig, "web-stable").0.is_some());
    rig.run(minutes(3));
    assert_eq!(selected(&rig, "web-stable"), (None, None));
}

#[test]
fn a_controller_that_hands_over_leaves_traffic_and_takes_its_own_marks_away() {
    let mut rig = paused();
    rig.controllers.clear();
    rig.settings.ending = Some(Ending::LeaveTraffic);
    rig.forget_requests();
    rig.start();
    rig.run(minutes(2));
    assert_eq!(rig.weights("web"), (50, 50));
    let metadata = rig.rollout("web")["metadata"].to_string();
    assert!(!metadata.contains("tidegate.dev/"), "{metadata}");
    assert_eq!(rig.requests.iter().filter(|request| is_write(request)).count(), 1);
    assert!(rig.reports.iter().any(|report| matches!(report, Report::GivenBack { .. })));
}
