//! Lint and the controller find the same specs invalid, and say the same of them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_simulate::{Scenario, play};

use crate::support::{lint_all, plugins, rollout, route, service, with};

/// Something else at a place of the Rollout; right or wrong.
fn edit() -> impl Strategy<Value = (&'static str, Value)> {
    let at = |pointer: &'static str, values: Vec<Value>| {
        proptest::sample::select(values).prop_map(move |value| (pointer, value))
    };
    prop_oneof![
        at("/spec/replicas", vec![json!(0), json!(3), json!(-1), json!("2"), json!(null)]),
        at("/spec/minReadySeconds", vec![json!(0), json!(600), json!(5)]),
        at("/spec/progressDeadlineSeconds", vec![json!(0), json!(60), json!(1.5)]),
        at("/spec/paused", vec![json!(false), json!("no")]),
        at("/spec/selector", vec![json!({}), json!({"matchLabels": {"app": "other"}}), json!(null)]),
        at("/spec/rollbackWindow", vec![json!({"revisions": 1}), json!({"revisions": -1})]),
        at(
            "/spec/strategy/canary/stableService",
            vec![json!("canary"), json!("nowhere"), json!(null), json!(7)]
        ),
        at("/spec/strategy/canary/canaryService", vec![json!("nowhere"), json!("stable"), json!("")]),
        at("/spec/strategy/canary/maxSurge", vec![json!(0), json!("x"), json!("25%")]),
        at("/spec/strategy/canary/maxUnavailable", vec![json!(0), json!("200%")]),
        at("/spec/strategy/canary/abortScaleDownDelaySeconds", vec![json!(0), json!(-1)]),
        at("/spec/strategy/canary/scaleDownDelaySeconds", vec![json!(0), json!("a")]),
        at("/spec/strategy/canary/trafficRouting/maxTrafficWeight", vec![json!(1000), json!(0), json!(40)]),
        at(
            "/spec/strategy/canary/trafficRouting/managedRoutes",
            vec![json!([{"name": "a"}]), json!([{}]), json!({})]
        ),
        at("/spec/strategy/canary/trafficRouting/smi", vec![json!({})]),
        at("/spec/strategy/canary/trafficRouting/plugins", vec![json!({}), json!({"a/b": {}}), json!([])]),
        at("/spec/strategy/canary/trafficRouting", vec![json!(null), json!({}), json!([])]),
        at(
            "/spec/strategy/canary/steps/-",
            vec![
                json!({"setWeight": 60}),
                json!({"setWeight": 500}),
                json!({"setWieght": 5}),
                json!({"pause": {"duration": "1m"}}),
                json!({"pause": {"duration": "soon"}}),
                json!({"setCanaryScale": {"replicas": 1}}),
                json!({"setCanaryScale": {"replicas": 1, "weight": 5}}),
                json!({"setHeaderRoute": {"name": "a"}}),
                json!({"setHeaderRoute": {"name": "a", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}}),
                json!({"setMirrorRoute": {"name": "b", "percentage": 5}}),
                json!({"analysis": {}}),
                json!({}),
                json!(7),
            ],
        ),
    ]
}

/// The messages of the condition: one if the controller sets it; nothing when the API server does not take the objects.
fn condition(objects: &[Value]) -> Option<Vec<String>> {
    let scenario = Scenario {
        metrics: tidegate_simulate::metrics::Script::default(),
        objects: objects.to_vec(),
        images: BTreeMap::new(),
        hold: false,
        limit: Duration::from_hours(2),
        cluster: tidegate_cluster::Settings::default(),
        controller: tidegate_shell::Settings::default(),
    };
    let ending = play(scenario, plugins(), &mut |_| {}).ok()?;
    let conditions = &ending.rollouts[0].conditions;
    let invalid = conditions.iter().find(|one| one["type"] == "InvalidSpec" && one["status"] == "True");
    Some(invalid.map(|one| one["message"].as_str().unwrap_or_default().to_owned()).into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_passes_is_valid_for_the_controller_and_the_other_way_round(
        edits in proptest::collection::vec(edit(), 1..4),
        with_services in proptest::bool::weighted(0.9),
    ) {
        let mut edited = rollout();
        for (pointer, value) in edits {
            let (parent, _) = pointer.rsplit_once('/').unwrap_or_default();
            let is_element = pointer.ends_with("/-");
            let fits = edited
                .pointer(parent)
                .is_some_and(|parent| if is_element { parent.is_array() } else { parent.is_object() });
            if fits {
                edited = with(edited, pointer, value);
            }
        }
        let mut objects = vec![route(), edited];
        if with_services {
            objects.extend([service("stable"), service("canary")]);
        }
        let findings = lint_all(&objects);
        let said: Vec<String> = findings
            .iter()
            .filter(|one| one.condition == Some("InvalidSpec"))
            .map(|one| format!("The Rollout \"web\" is invalid: {}: {}", one.path, one.message))
            .collect();
        match condition(&objects) {
            Some(condition) => prop_assert_eq!(condition, said.first().cloned().into_iter().collect::<Vec<_>>()),
            None => prop_assert!(
                findings.iter().any(|one| one.reason == "Refused") || !said.is_empty(),
                "the API server refuses it, and lint finds nothing"
            ),
        }
    }
}
