//! What bad input gets: a condition to act on, traffic as it was, and a neighbour that does not notice.

use serde_json::{Value, json};
use tidegate_cluster::{PodOutcome, PodRule, Rejection};
use tidegate_contract::FaultReason;
use tidegate_gateway_api::GatewayApi;
use tidegate_native::Native;
use tidegate_shell::PluginState;
use tidegate_simulate::{Scenario, Stopped};

use crate::story::{App, PLUGIN, Story, condition, scenario};

/// Plays a bad app beside a good one: the good one is well, the bad one has the condition, and its route is never
/// written.
fn refused(bad: App, type_: &str, reason: &str) {
    let story = Story::of(scenario(&[bad, App::new("good")]));
    expect_refused(&story, type_, reason);
}

fn expect_refused(story: &Story, type_: &str, reason: &str) {
    assert!(!story.ending.is_healthy(), "{}", story.text());
    assert_eq!(story.ending.stopped, Stopped::NothingHappens);
    expect_condition(story, type_, reason);
    assert_eq!(story.count("bad", "RouteWritten"), 0, "traffic is as it was\n{}", story.text());
    assert_eq!(story.end("good").phase, "Healthy", "{}", story.text());
    assert_eq!(story.weights("good"), [0, 50, 100, 0], "the good one had its canary");
    assert!(story.ending.t < 6.0 * 3600.0, "{}", story.ending.t);
}

fn expect_condition(story: &Story, type_: &str, reason: &str) {
    let found = condition(story.end("bad"), type_).unwrap_or_else(|| panic!("no {type_}\n{}", story.text()));
    assert_eq!(found["reason"], reason, "{found}");
    assert!(found["message"].as_str().is_some_and(|text| text.len() > 20), "says what to do: {found}");
}

fn bad(change: impl FnOnce(&mut App)) -> App {
    App::new("bad").with(change)
}

fn plugins(app: &mut App) -> &mut Value {
    &mut app.canary()["trafficRouting"]["plugins"]
}

#[test]
fn an_unknown_plugin() {
    let app = bad(|app| *plugins(app) = json!({"example/unknown": {}}));
    refused(app, "TrafficRouterReady", "UnknownPlugin");
}

#[test]
fn a_plugin_that_could_not_be_loaded() {
    let unavailable = PluginState::Unavailable {
        reason: "NotWasm".into(),
        message: "the bytes are an ELF executable; build a component".into(),
    };
    let app = bad(|app| *plugins(app) = json!({"example/broken": {}}));
    let good = PluginState::ready(std::sync::Arc::new(Native::<GatewayApi>::new()));
    let story = Story::with_plugins(
        scenario(&[app, App::new("good")]),
        [("example/broken", unavailable), (PLUGIN, good)],
    );
    let end = story.end("bad");
    let found = condition(end, "TrafficRouterReady").unwrap_or_else(|| panic!("{}", story.text()));
    assert!(found["message"].as_str().unwrap().contains("ELF"), "{found}");
    let reason = found["reason"].as_str().unwrap().to_owned();
    expect_refused(&story, "TrafficRouterReady", &reason);
}

#[test]
fn a_route_that_does_not_exist() {
    let app = bad(|app| plugins(app)[PLUGIN]["httpRoute"] = json!("nowhere"));
    refused(app, "TrafficRouterReady", "MissingObject");
}

#[test]
fn a_route_without_our_backends() {
    let app =
        bad(|app| app.route["spec"]["rules"][0]["backendRefs"] = json!([{"name": "other", "port": 80}]));
    refused(app, "TrafficRouterReady", "MissingBackend");
}

#[test]
fn configurations_that_the_plugin_does_not_understand() {
    for config in [json!({"httpRoute": 5}), json!({}), json!({"httpRoute": "bad", "verify": "Sometimes"})] {
        refused(bad(|app| plugins(app)[PLUGIN] = config), "TrafficRouterReady", "InvalidConfig");
    }
}

#[test]
fn a_plugin_that_fails_in_each_way() {
    for reason in [FaultReason::Trap, FaultReason::OutOfFuel, FaultReason::MemoryLimit] {
        let app = bad(|app| *plugins(app) = json!({"example/faulty": {"httpRoute": "bad"}}));
        let states = [
            (
                "example/faulty",
                PluginState::ready(std::sync::Arc::new(Native::<GatewayApi>::failing(reason))),
            ),
            (PLUGIN, PluginState::ready(std::sync::Arc::new(Native::<GatewayApi>::new()))),
        ];
        let story = Story::with_plugins(scenario(&[app, App::new("good")]), states);
        expect_refused(&story, "TrafficRouterReady", reason.as_str());
    }
}

/// What makes an otherwise good Rollout invalid.
type Spoil = fn(&mut App);

#[test]
fn specs_that_make_no_sense() {
    let cases: [(&str, Spoil); 16] = [
        ("missing service", |app| app.canary()["canaryService"] = json!("nowhere")),
        ("weight above the maximum", |app| app.canary()["steps"] = json!([{"setWeight": 120}])),
        ("negative weight", |app| app.canary()["steps"] = json!([{"setWeight": -1}])),
        ("two steps in one", |app| app.canary()["steps"] = json!([{"setWeight": 20, "pause": {}}])),
        ("empty step", |app| app.canary()["steps"] = json!([{}])),
        ("no such duration", |app| app.canary()["steps"] = json!([{"pause": {"duration": "soon"}}])),
        ("analysis", |app| {
            app.canary()["steps"] = json!([{"analysis": {"templates": []}}]);
        }),
        ("experiment", |app| app.canary()["steps"] = json!([{"experiment": {"templates": []}}])),
        ("header route", |app| app.canary()["steps"] = json!([{"setHeaderRoute": {"name": "x"}}])),
        ("mirror route", |app| app.canary()["steps"] = json!([{"setMirrorRoute": {"name": "x"}}])),
        ("plugin step", |app| app.canary()["steps"] = json!([{"plugin": {"name": "x"}}])),
        ("unknown step", |app| app.canary()["steps"] = json!([{"nonsense": 1}])),
        ("blue-green", |app| {
            app.rollout["spec"]["strategy"] = json!({"blueGreen": {"activeService": "bad-stable"}});
        }),
        ("no strategy", |app| app.rollout["spec"]["strategy"] = json!({})),
        ("one service for both", |app| app.canary()["canaryService"] = json!("bad-stable")),
        ("a selector that selects others", |app| {
            app.rollout["spec"]["selector"]["matchLabels"] = json!({"app": "other"});
        }),
    ];
    for (what, spoil) in cases {
        println!("{what}");
        refused(bad(spoil), "InvalidSpec", "InvalidSpec");
    }
}

#[test]
fn an_invalid_spec_is_repaired_by_the_next_version() {
    let app = bad(|app| app.canary()["steps"] = json!([{"setWeight": 120}]));
    let mut scenario = scenario(&[app]);
    scenario.objects.push(App::new("bad").rollout);
    let story = Story::of(scenario);
    assert!(story.ending.is_healthy(), "{}", story.text());
}

fn degraded(scenario: Scenario) -> Story {
    let story = Story::of(scenario);
    assert_eq!(story.end("bad").phase, "Degraded", "{}", story.text());
    assert_eq!(story.end("good").phase, "Healthy", "{}", story.text());
    story
}

#[test]
fn pods_that_never_become_ready() {
    let steps = json!([{"setWeight": 20}, {"pause": {"duration": "1m"}}]);
    let mut scenario = scenario(&[App::new("bad").steps(steps), App::new("good")]);
    scenario.objects.push(
        bad(|app| {
            app.rollout["spec"]["template"]["spec"]["containers"][0]["image"] =
                json!("example.com/web:broken");
        })
        .rollout,
    );
    scenario.cluster.pods.rules.push(PodRule {
        image: Some("*:broken".into()),
        outcome: PodOutcome::NeverReady,
        ..PodRule::default()
    });
    let story = degraded(scenario);
    let progressing = condition(story.end("bad"), "Progressing").unwrap();
    assert_eq!(progressing["reason"], "ProgressDeadlineExceeded");
    assert_eq!(story.weights("bad"), [0], "no traffic for pods that are not ready");
    let degraded = story.about("bad").find(|line| line.frame().unwrap().phase == "Degraded").unwrap();
    assert!(degraded.t >= 600.0, "after the deadline, {}", degraded.t);
}

#[test]
fn a_gateway_that_refuses_the_route() {
    let mut scenario = scenario(&[App::new("bad")]);
    scenario.cluster.gateway.rejects =
        Some(Rejection { reason: "NotAllowedByListeners".into(), message: "no listener takes it".into() });
    let story = Story::of(scenario);
    assert!(!story.ending.is_healthy(), "{}", story.text());
    expect_condition(&story, "TrafficRouterReady", "RouteRejected");
    let message = condition(story.end("bad"), "TrafficRouterReady").unwrap()["message"].clone();
    assert!(message.as_str().unwrap().contains("no listener takes it"), "{message}");
    let after = story.lines.iter().skip_while(|line| line.event != "Updated").skip(1);
    let steps: Vec<_> = after.map(|line| line.frame().unwrap().step).collect();
    assert!(
        steps.contains(&Some(0)) && !steps.contains(&Some(1)),
        "no step is taken for done\n{}",
        story.text()
    );
}

#[test]
fn a_write_that_a_webhook_refuses() {
    let mut scenario = scenario(&[App::new("bad"), App::new("good")]);
    let refusal = tidegate_cluster::Refusal::denied("ReplicaSet", "*", "bad-*", "not on a Friday");
    scenario.cluster.refusals.push(refusal);
    let story = Story::of(scenario);
    assert!(!story.ending.is_healthy());
    expect_condition(&story, "WriteFailed", "WriteRejected");
    let failures: Vec<_> = story.about("bad").filter(|line| line.event == "WriteFailed").collect();
    assert!(
        failures.len() == 1 && failures[0].warning && failures[0].note.contains("not on a Friday"),
        "{failures:?}"
    );
    assert_eq!(story.end("good").phase, "Healthy", "{}", story.text());
}
