//! Plans from files alone.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tidegate_plan::{Action, Input, Verb, plan};
use tidegate_simulate::{Scenario, play};

use crate::support::{app, input, plugins, rollout, sections, surroundings, titles, told, with_image};

#[test]
fn each_step_says_what_it_writes() {
    let plan = plan(with_image(input(app("web:1")), "web:2"), &plugins()).unwrap();
    assert!(plan.is_complete(), "{plan:#?}");
    assert_eq!(
        titles(&plan),
        [
            "New image: web=web:2",
            "The update begins",
            "Step 1/4 (setWeight: 25)",
            "Promoted, as `kubectl argo rollouts promote` does",
            "Step 2/4 (pause)",
            "Step 3/4 (setWeight: 50)",
            "Step 4/4 (pause: 60s)",
            "Promotion",
            "After the promotion",
        ]
    );
    let first = &sections(&plan)[2];
    let made: Vec<_> = first.changes.iter().filter(|one| one.verb == Verb::Create).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(
        (made[0].kind.as_str(), &made[0].object.as_ref().unwrap()["spec"]["replicas"]),
        ("ReplicaSet", &json!(1))
    );
    let weights_of = |section| {
        let mut routes = told(section, "HTTPRoute");
        routes.retain(|told| told.contains("weight"));
        routes
    };
    assert_eq!(
        weights_of(first),
        [
            "web spec.rules[0].backendRefs[stable].weight 100>75",
            "web spec.rules[0].backendRefs[canary].weight 0>25"
        ]
    );
    let weights: Vec<_> =
        sections(&plan).iter().filter_map(|one| Some((one.step?, one.weights.as_ref()?.canary))).collect();
    assert_eq!(weights.last(), Some(&(3, 50)));
    let last = sections(&plan).last().unwrap();
    assert_eq!(
        weights_of(last),
        [
            "web spec.rules[0].backendRefs[stable].weight 0>100",
            "web spec.rules[0].backendRefs[canary].weight 100>0"
        ]
    );
}

#[test]
fn a_later_version_is_what_is_planned() {
    let mut manifests = app("web:1");
    let mut later = rollout("web:2");
    later["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 10}]);
    manifests.push(later);
    let plan = plan(input(manifests), &plugins()).unwrap();
    assert!(plan.is_complete());
    assert!(titles(&plan).contains(&"Step 1/1 (setWeight: 10)"), "{:?}", titles(&plan));
}

#[test]
fn a_plan_that_cannot_go_on_says_why() {
    let mut wrong = surroundings();
    let mut invalid = rollout("web:1");
    invalid["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 500}]);
    wrong.push(invalid);
    let invalid = plan(input(wrong), &plugins()).unwrap();
    assert!(!invalid.is_complete());
    assert!(invalid.rollouts[0].stopped_by[0].starts_with("InvalidSpec=True"), "{invalid:#?}");

    let missing = plan(with_image(input(app("web:1")), "web:2"), &BTreeMap::new()).unwrap();
    assert!(!missing.is_complete(), "{missing:#?}");
    let said = missing.rollouts[0].stopped_by.join("\n");
    assert!(said.contains("TrafficRouterReady=False") && said.contains("UnknownPlugin"), "{said}");
}

#[test]
fn an_abort_takes_the_traffic_back() {
    let aborted = Input { action: Action::Abort, ..with_image(input(app("web:1")), "web:2") };
    let plan = plan(aborted, &plugins()).unwrap();
    assert!(plan.is_complete(), "{plan:#?}");
    let abort = sections(&plan).iter().rfind(|section| section.title == "Abort").unwrap();
    let mut routes = told(abort, "HTTPRoute");
    routes.retain(|told| told.contains("weight"));
    assert_eq!(
        routes,
        [
            "web spec.rules[0].backendRefs[stable].weight 75>100",
            "web spec.rules[0].backendRefs[canary].weight 25>0"
        ]
    );
}

#[test]
fn there_may_be_nothing_to_undo() {
    let undone = Input { action: Action::Undo, ..input(app("web:1")) };
    assert_eq!(plan(undone, &plugins()).unwrap_err().reason(), "NothingToUndo");
    let none = input(surroundings());
    assert_eq!(plan(none, &plugins()).unwrap_err().reason(), "NoRollout");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_end_is_what_simulate_ends_with_and_the_same_each_time(
        weights in proptest::collection::vec(0_u32..=100, 0..4),
        replicas in 0_u32..5,
        pauses in any::<bool>(),
        never_ready in proptest::bool::weighted(0.2),
    ) {
        let mut steps: Vec<_> = weights.iter().map(|weight| json!({"setWeight": weight})).collect();
        if pauses {
            steps.push(json!({"pause": {}}));
        }
        let mut rollout = rollout("web:1");
        rollout["spec"]["replicas"] = json!(replicas);
        rollout["spec"]["strategy"]["canary"]["steps"] = json!(steps);
        let mut manifests = surroundings();
        manifests.push(rollout);
        let mut input = with_image(input(manifests.clone()), "web:2");
        if never_ready {
            input.cluster.pods.rules = vec![tidegate_cluster::PodRule {
                image: Some("web:2".to_owned()),
                outcome: tidegate_cluster::PodOutcome::NeverReady,
                ..tidegate_cluster::PodRule::default()
            }];
        }
        let scenario = Scenario {
        metrics: tidegate_simulate::metrics::Script::default(),
            objects: manifests,
            images: input.images.clone(),
            hold: false,
            limit: Duration::from_hours(24),
            cluster: tidegate_cluster::Settings { start: input.now, ..input.cluster.clone() },
            controller: input.controller.clone(),
        };
        let first = plan(input.clone(), &plugins()).unwrap();
        let simulated = play(scenario, plugins(), &mut |_| {}).unwrap();
        prop_assert_eq!(&first.ending, &simulated);
        prop_assert_eq!(first.is_complete(), simulated.is_healthy());
        prop_assert_eq!(first, plan(input, &plugins()).unwrap());
    }
}
