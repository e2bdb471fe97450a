//! What would be written for ever is not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Request, builtin};
use tidegate_cluster::{Schema, ServeOptions};
use tidegate_core::{Decision, Note, NoteKind, World};
use tidegate_shell::Settings;

use crate::canary::{finish, paused};
use crate::rig::{Fate, Rig, is_kind, is_write, minutes, seconds};

/// Says something else each time.
fn restless(world: &World, now: Timestamp) -> Decision {
    let mut decision = tidegate_core::decide(world, now);
    let last = world.rollout.pointer("/status/message").and_then(Value::as_str).unwrap_or_default();
    let number: u64 = last.parse().unwrap_or_default();
    decision.status["message"] = json!((number + 1).to_string());
    decision
}

#[test]
fn a_decision_that_never_settles_is_slowed_down() {
    let mut rig = Rig::with(Settings::new(restless));
    rig.run(minutes(10));
    assert!((600..750).contains(&rig.requests.len()), "{}", rig.requests.len());
}

/// Tells the same each time.
fn chatty(world: &World, now: Timestamp) -> Decision {
    let mut decision = tidegate_core::decide(world, now);
    decision.notes.push(Note { kind: NoteKind::Normal, reason: "Hello", message: "again".to_owned() });
    decision
}

#[test]
fn an_event_that_goes_with_no_change_is_said_once() {
    let mut rig = Rig::with(Settings::new(chatty));
    rig.run(minutes(2));
    rig.forget_requests();
    rig.run(minutes(120));
    assert!(rig.events.is_empty(), "{:?}", rig.events);
    rig.patch(&builtin::rollouts(), "web", None, json!({"metadata": {"labels": {"team": "shop"}}}));
    rig.run(minutes(120));
    assert_eq!(rig.events.len(), 1, "once for each state of the Rollout");
}

/// Says something that the server does not keep.
fn talkative(world: &World, now: Timestamp) -> Decision {
    let mut decision = tidegate_core::decide(world, now);
    decision.status["unheard"] = json!("of");
    decision
}

#[test]
fn a_field_of_the_status_that_is_not_kept_is_not_written_again_and_again() {
    let mut rig = Rig::empty(Settings::new(talkative));
    let kept = [
        "phase",
        "message",
        "stableRS",
        "currentPodHash",
        "currentStepHash",
        "currentStepIndex",
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "HPAReplicas",
        "selector",
        "conditions",
        "canary",
        "pauseConditions",
        "controllerPause",
        "abort",
        "abortedAt",
        "promoteFull",
    ];
    let anything = json!({"x-kubernetes-preserve-unknown-fields": true});
    let properties: BTreeMap<&str, &Value> = kept.iter().map(|field| (*field, &anything)).collect();
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "status": {"type": "object", "properties": properties},
        },
    });
    let schema = Schema::from_openapi(&schema).unwrap();
    rig.cluster.serve(
        builtin::rollouts(),
        ServeOptions { status: true, schema: Some(schema), ..Default::default() },
    );
    rig.apply_all(crate::manifests::shop("web"));
    rig.start();
    rig.run(minutes(2));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig.forget_requests();
    rig.run(minutes(60));
    assert!(rig.requests.is_empty(), "{:?}", rig.requests);
}

#[test]
fn somebody_who_undoes_each_write_at_once_is_not_raced() {
    let mut rig = paused();
    rig.fate = Box::new(|cluster, request| {
        // Every write of the route is undone while it is made.
        if is_kind(request, "HTTPRoute") && is_write(request) {
            cluster.handle(request).unwrap();
            let undo = json!([{"op": "replace", "path": "/spec/rules/1/backendRefs/0/weight", "value": 77}]);
            let operation =
                Operation::Patch { name: "web".to_owned(), subresource: None, body: Body::Json(undo) };
            cluster.handle(&Request { operation, ..request.clone() }).unwrap();
        }
        Fate::Answered
    });
    rig.edit_weights("web", 77, 50);
    rig.run(minutes(9));
    assert!(rig.writes_of("HTTPRoute") <= 10, "{}", rig.writes_of("HTTPRoute"));
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(20));
    assert_eq!(rig.weights("web"), (50, 50));
    finish(&mut rig);
    rig.run(seconds(1));
}
