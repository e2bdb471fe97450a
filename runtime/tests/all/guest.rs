//! Loading and calling the guests of the tests; they are made by `tidegate-hostile`.

use std::sync::Arc;

use tidegate_contract::{
    CallError, Destination, Fault, FaultReason, Kind, Object, ObjectRef, Observation, Outcome, Query, Router,
    Selection, Target, Traffic,
};
pub use tidegate_hostile::{Guest, ROUTER, dummy, dummy_alone};
use tidegate_runtime::{Artifact, Limits, LoadError, Plugin, Runtime, RuntimeSettings};

pub fn runtime() -> Runtime {
    Runtime::new(RuntimeSettings::default()).unwrap()
}

/// Limits that a test reaches fast.
pub fn small() -> Limits {
    Limits {
        fuel: 3_000_000,
        memory_bytes: 4 << 20,
        output_bytes: 64 << 10,
        handles: 64,
        ..Limits::default()
    }
}

pub fn artifact(bytes: Vec<u8>) -> Artifact {
    Artifact::from_bytes(bytes, "a test", None, 64 << 20).unwrap()
}

pub fn load(guest: &Guest, limits: &Limits) -> Result<Arc<Plugin>, LoadError> {
    runtime().load(&artifact(guest.build()), limits, &mut |_, _| {})
}

pub fn plugin(guest: &Guest) -> Arc<Plugin> {
    load(guest, &small()).unwrap_or_else(|error| panic!("{error}\n{}", error.hint))
}

/// Calls `route` in a fresh sandbox.
pub fn route(plugin: &Plugin) -> Result<Outcome, CallError> {
    plugin.session().map_err(CallError::Fault)?.route(&target(), &traffic(), &[observation()])
}

pub fn fault<T: std::fmt::Debug>(answer: Result<T, CallError>) -> Fault {
    match answer {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

/// How `route` of a guest ends.
pub fn ends(guest: &Guest) -> FaultReason {
    let fault = fault(route(&plugin(guest)));
    assert!(!fault.message.is_empty());
    fault.reason
}

pub fn target() -> Target {
    Target {
        namespace: "shop".into(),
        name: "cart".into(),
        uid: "0f3b".into(),
        config: r#"{"httpRoute":"cart"}"#.into(),
        settings: "{}".into(),
        stable_service: Some("cart-stable".into()),
        canary_service: None,
    }
}

pub fn destination(name: &str, weight: u32) -> Destination {
    Destination {
        name: name.into(),
        service: Some(format!("cart-{name}")),
        pod_template_hash: Some("7d9c".into()),
        weight,
    }
}

pub fn traffic() -> Traffic {
    Traffic {
        max_weight: 100,
        stable: destination("stable", 80),
        canary: destination("canary", 20),
        ..Traffic::default()
    }
}

pub fn observation() -> Observation {
    let kind = Kind::new("gateway.networking.k8s.io", "HTTPRoute");
    let reference = ObjectRef { kind: kind.clone(), namespace: Some("shop".into()), name: "cart".into() };
    Observation {
        query: Query { kind, namespace: None, select: Selection::Name("cart".into()), optional: false },
        served: true,
        objects: vec![Object {
            reference,
            api_version: "gateway.networking.k8s.io/v1".into(),
            json: r#"{"kind":"HTTPRoute","metadata":{"name":"cart – für alle"}}"#.into(),
        }],
    }
}
