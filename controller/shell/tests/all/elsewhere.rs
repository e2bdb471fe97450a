//! Objects outside the Rollout's namespace, and objects that a plugin makes.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{Operation, Resource, builtin, object};
use tidegate_route::{Grant, Permission};
use tidegate_shell::{Event, PluginState, PluginVersion, Settings};

use crate::manifests::{self, PLUGIN};
use crate::rig::{Rig, is_kind, is_write, minutes, seconds};

fn grant(name: Option<&str>) -> Value {
    let mut to = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"});
    if let Some(name) = name {
        to["name"] = json!(name);
    }
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
        "metadata": {"name": "shop", "namespace": "edge"},
        "spec": {"from": [{"group": "argoproj.io", "kind": "Rollout", "namespace": "shop"}], "to": [to]},
    })
}

fn grants() -> Resource {
    Resource::namespaced("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant", "referencegrants")
}

/// A Rollout whose route is in the namespace `edge`.
fn with_a_route_elsewhere(settings: Settings) -> Rig {
    let mut rig = Rig::empty(settings);
    rig.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}}));
    rig.apply_all(manifests::shop("web"));
    let mut route = manifests::route("web");
    route["metadata"]["namespace"] = json!("edge");
    for rule in route["spec"]["rules"].as_array_mut().unwrap() {
        for backend in rule["backendRefs"].as_array_mut().unwrap() {
            backend["namespace"] = json!("shop");
        }
    }
    rig.create(route);
    // What the gateway asks for.
    rig.create(json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
        "metadata": {"name": "edge", "namespace": "shop"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "edge"}],
            "to": [{"group": "", "kind": "Service"}],
        },
    }));
    let config = json!({"route": "web", "namespace": "edge"});
    configure(&mut rig, &config);
    rig.start();
    rig
}

fn configure(rig: &mut Rig, config: &Value) {
    let routing =
        json!({"spec": {"strategy": {"canary": {"trafficRouting": {"plugins": {PLUGIN: config}}}}}});
    rig.patch(&builtin::rollouts(), "web", None, routing);
}

fn weights(rig: &Rig) -> Vec<u64> {
    let route = rig.cluster.object(&rig.routes(), "edge", "web").unwrap();
    let backends = route["spec"]["rules"][1]["backendRefs"].as_array().unwrap().clone();
    backends.iter().map(|backend| backend["weight"].as_u64().unwrap()).collect()
}

fn reason(rig: &Rig) -> Option<String> {
    rig.routing_reason("web").map(str::to_owned)
}

#[test]
fn another_namespace_is_used_once_it_agrees() {
    let mut rig = with_a_route_elsewhere(Settings::default());
    rig.run(minutes(1));
    assert_eq!(reason(&rig).as_deref(), Some("ReferenceGrantMissing"));
    assert_eq!(rig.writes_of("HTTPRoute"), 0);
    // One that is about something else.
    rig.create(grant(Some("api")));
    rig.run(minutes(1));
    assert_eq!(reason(&rig).as_deref(), Some("ReferenceGrantMissing"));
    rig.delete_in("edge", &grants(), "shop");
    rig.create(grant(Some("web")));
    rig.run(minutes(1));
    assert_eq!(reason(&rig), None);
    rig.set_image("web", "web:2");
    rig.run(minutes(3));
    assert_eq!(weights(&rig), [50, 50]);
    // Taken back, nothing more is written.
    rig.delete_in("edge", &grants(), "shop");
    rig.forget_requests();
    rig.set_image("web", "web:1");
    rig.run(minutes(3));
    assert_eq!(reason(&rig).as_deref(), Some("ReferenceGrantMissing"));
    assert_eq!((rig.writes_of("HTTPRoute"), weights(&rig)), (0, vec![50, 50]));
}

#[test]
fn grants_are_watched_only_while_they_matter() {
    let mut rig = with_a_route_elsewhere(Settings::default());
    rig.run(minutes(1));
    assert_eq!(rig.watched.get("ReferenceGrant"), Some(&1));
    configure(&mut rig, &json!({"route": "web", "namespace": null}));
    rig.run(minutes(1));
    assert_eq!(rig.watched.get("ReferenceGrant"), Some(&0));
    assert_eq!(reason(&rig), None);
}

#[test]
fn nothing_is_written_while_it_is_not_known_who_agrees() {
    let mut rig = with_a_route_elsewhere(Settings::default());
    rig.create(grant(None));
    rig.forbidden = vec!["ReferenceGrant".to_owned()];
    rig.run(minutes(1));
    assert_eq!(reason(&rig).as_deref(), Some("Forbidden"));
    assert_eq!(rig.writes_of("HTTPRoute"), 0);
}

#[test]
fn an_operator_can_rule_other_namespaces_out() {
    for (namespaces, expected) in [(vec![], Some("ForbiddenNamespace")), (vec!["edge".to_owned()], None)] {
        let permission = Permission {
            group: "gateway.networking.k8s.io".to_owned(),
            kind: "HTTPRoute".to_owned(),
            namespaces: Some(namespaces),
            ..Permission::default()
        };
        let permitted = Some(Arc::new(Grant::new(vec![permission]).unwrap()));
        let mut rig = with_a_route_elsewhere(Settings::default());
        let version = PluginVersion { grant: permitted, ..PluginVersion::new(rig.router.clone()) };
        rig.plugins.insert(PLUGIN.to_owned(), PluginState::Ready(version));
        rig.tell(0, Event::Plugins(rig.plugins.clone().into()));
        rig.create(grant(None));
        rig.run(minutes(1));
        assert_eq!(reason(&rig).as_deref(), expected);
    }
}

fn made(rig: &Rig) -> Option<Arc<Value>> {
    rig.cluster
        .object(&Resource::namespaced("", "v1", "ConfigMap", "configmaps"), "shop", "web-made")
        .cloned()
}

/// A Rollout whose plugin makes an object as long as the canary gets traffic.
fn making() -> Rig {
    let mut rig = Rig::empty(Settings::default());
    rig.apply_all(manifests::shop("web"));
    configure(&mut rig, &json!({"route": "web", "make": "web-made"}));
    rig.start();
    rig.run(minutes(1));
    assert_eq!(reason(&rig), None);
    assert!(made(&rig).is_none());
    rig
}

#[test]
fn what_a_plugin_makes_is_the_rollouts_and_goes_when_it_is_not_needed() {
    let mut rig = making();
    rig.set_image("web", "web:2");
    rig.run(seconds(20));
    let rollout = rig.cluster.object(&builtin::rollouts(), "shop", "web").unwrap().clone();
    let object = made(&rig).expect("it is made with the first weight");
    assert_eq!(object["data"]["weight"], "20");
    assert_eq!(object::label(&object, "app.kubernetes.io/managed-by"), Some("tidegate"));
    assert_eq!(object::controller_uid(&object), Some(object::uid(&rollout)));
    rig.run(minutes(3));
    assert_eq!(made(&rig).unwrap()["data"]["weight"], "50");
    assert_eq!(rig.weights("web"), (50, 50));
    rig.forget_requests();
    rig.abort("web");
    rig.run(minutes(1));
    assert!(made(&rig).is_none());
    let deletions = rig.requests.iter().filter(|request| {
        matches!(&request.operation, Operation::Delete { preconditions, .. } if preconditions.uid.is_some())
    });
    assert_eq!(deletions.count(), 1);
}

#[test]
fn whatever_happens_to_what_is_made_happens_once() {
    for fate in [crate::rig::Fate::Lost, crate::rig::Fate::Crash, crate::rig::Fate::CrashBefore] {
        let mut rig = making();
        rig.set_image("web", "web:2");
        let mut fate = Some(fate);
        rig.fate = Box::new(move |_, request| match fate.take() {
            Some(fate) if is_write(request) && is_kind(request, "ConfigMap") => fate,
            other => {
                fate = other;
                crate::rig::Fate::Answered
            }
        });
        rig.run(minutes(3));
        assert_eq!(made(&rig).unwrap()["data"]["weight"], "50");
        assert_eq!((rig.weights("web"), reason(&rig)), ((50, 50), None));
    }
}

#[test]
fn what_somebody_else_made_is_left_alone() {
    let mut rig = making();
    rig.create(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-made", "namespace": "shop"}, "data": {"weight": "7"},
    }));
    rig.set_image("web", "web:2");
    rig.run(minutes(3));
    assert_eq!(reason(&rig).as_deref(), Some("ForbiddenRemove"));
    assert_eq!(made(&rig).unwrap()["data"]["weight"], "7");
    assert_eq!(rig.weights("web").1, 0);
    rig.delete(&Resource::namespaced("", "v1", "ConfigMap", "configmaps"), "web-made");
    rig.run(minutes(3));
    assert_eq!((rig.weights("web"), reason(&rig)), ((50, 50), None));
}

#[test]
fn what_is_made_goes_with_the_rollout() {
    let mut rig = making();
    rig.set_image("web", "web:2");
    rig.run(minutes(3));
    assert!(made(&rig).is_some());
    rig.delete(&builtin::rollouts(), "web");
    rig.run(minutes(1));
    assert!(made(&rig).is_none());
}
