//! Canaries that go as they should.

use std::time::Duration;

use serde_json::json;
use tidegate_simulate::{Line, ScenarioError, Stopped};

use crate::story::{App, Story, scenario};

#[test]
fn a_canary_goes_through_its_steps_and_ends_healthy() {
    let app = App::new("web").steps(json!([
        {"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "1h"}}
    ]));
    let story = Story::of(scenario(&[app]));
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert_eq!(story.ending.stopped, Stopped::Settled);
    // To stable again at the end: the new revision is stable then.
    assert_eq!(story.weights("web"), [0, 20, 60, 100, 0]);
    assert_eq!(story.count("web", "Promoted"), 1, "{}", story.text());
    assert!(story.ending.t > 3600.0, "the pause of an hour passes in virtual time");
    assert!(story.ending.t < 2.0 * 3600.0, "and nothing waits for long after the end");
}

#[test]
fn every_line_tells_the_truth() {
    let story = Story::of(scenario(&[App::new("web")]));
    let mut earlier = 0.0;
    for line in &story.lines {
        assert!(line.t >= earlier, "time runs forward");
        earlier = line.t;
        let frame = line.frame().unwrap();
        assert_eq!(frame.weights.canary + frame.weights.stable, frame.weights.max);
        assert_eq!(frame.steps, 2);
        let total: u64 = frame.routes[0].backends.iter().map(|backend| backend.weight).sum();
        assert_eq!(total, 100, "{line:?}");
        assert_eq!(line.patch.is_some(), line.event == "RouteWritten");
        for set in &frame.replica_sets {
            assert!(set.available <= 4 && ["stable", "canary", "old"].contains(&set.role), "{set:?}");
        }
    }
    // A weight is told to be in force only after the gateway reported it, and a step completes only then.
    let at = |event: &str, since: usize| {
        story
            .lines
            .iter()
            .skip(since)
            .position(|line| line.event == event)
            .map(|index| since + index)
            .unwrap()
    };
    let update = at("Updated", 0);
    let (written, completed) = (at("RouteWritten", update), at("RolloutStepCompleted", update));
    let verified = at("Verified", written);
    assert!(written < verified && verified < completed, "{}", story.text());
    assert!(story.lines[written].t < story.lines[verified].t);
}

#[test]
fn the_same_manifests_give_the_same_lines() {
    let play = || Story::of(scenario(&[App::new("web"), App::new("shop")]));
    assert_eq!(play(), play());
}

#[test]
fn a_hold_ends_at_the_indefinite_pause() {
    let app = App::new("web").steps(json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}]));
    let mut scenario = scenario(&[app]);
    scenario.hold = true;
    let story = Story::of(scenario);
    assert!(!story.ending.is_healthy());
    assert_eq!((story.ending.result.as_str(), story.ending.stopped), ("Paused", Stopped::Held));
    assert_eq!(story.weights("web"), [0, 20]);
    assert_eq!(story.count("web", "Promoted"), 0);
    assert!(story.ending.t < 300.0, "there is nothing to wait for: {}", story.ending.t);
}

#[test]
fn a_hold_waits_for_pauses_with_a_duration() {
    let mut scenario =
        scenario(&[App::new("web").steps(json!([{"setWeight": 20}, {"pause": {"duration": "2h"}}]))]);
    scenario.hold = true;
    assert!(Story::of(scenario).ending.is_healthy());
}

#[test]
fn a_rollout_that_a_user_paused_is_resumed() {
    let app = || App::new("web").with(|app| app.rollout["spec"]["paused"] = json!(true));
    assert!(Story::of(scenario(&[app()])).ending.is_healthy());
    let mut held = scenario(&[app()]);
    held.hold = true;
    assert_eq!(Story::of(held).ending.stopped, Stopped::Held);
}

#[test]
fn images_and_versions_start_canaries_in_order() {
    let first = App::new("web");
    let mut second = App::new("web").steps(json!([{"setWeight": 30}]));
    second.rollout["spec"]["template"]["spec"]["containers"][0]["image"] = json!("example.com/web:v2");
    let mut scenario = scenario(&[first]);
    scenario.objects.push(second.rollout);
    scenario.images = [("web".to_owned(), "example.com/web:v3".to_owned())].into();
    let story = Story::of(scenario);
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert_eq!(story.count("web", "Updated"), 2);
    // The first canary already has the second version's steps.
    assert_eq!(story.weights("web"), [0, 30, 100, 0, 30, 100, 0]);
    let sets = story.lines.iter().filter_map(Line::frame).flat_map(|frame| &frame.replica_sets);
    assert_eq!(sets.map(|set| set.revision).max(), Some(3));
}

#[test]
fn several_rollouts_run_at_the_same_time() {
    let long = App::new("long").steps(json!([{"setWeight": 10}, {"pause": {"duration": "1h"}}]));
    let short = App::new("short").steps(json!([{"setWeight": 10}]));
    let story = Story::of(scenario(&[long, short]));
    assert!(story.ending.is_healthy(), "{}", story.text());
    let updated = |name: &str| story.first(name, "Updated").t;
    assert!((updated("long") - updated("short")).abs() < 1.0);
    for name in ["long", "short"] {
        assert_eq!(story.weights(name), [0, 10, 100, 0], "{name}");
        assert!(story.about(name).all(|line| line.frame().unwrap().routes.len() == 1), "only its own route");
    }
}

#[test]
fn a_maximum_other_than_100_is_kept() {
    let app = App::new("web").steps(json!([{"setWeight": 5}, {"setWeight": 333}])).with(|app| {
        app.canary()["trafficRouting"]["maxTrafficWeight"] = json!(1000);
        app.route["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!(1000);
    });
    let story = Story::of(scenario(&[app]));
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert_eq!(story.weights("web"), [0, 5, 333, 1000, 0]);
}

#[test]
fn a_canary_without_a_traffic_router() {
    let app = App::new("web").steps(json!([{"setWeight": 25}, {"pause": {}}])).with(|app| {
        app.rollout["spec"]["strategy"]["canary"] = json!({"steps": [{"setWeight": 25}, {"pause": {}}]});
    });
    let story = Story::of(scenario(&[app]));
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert!(
        story.about("web").filter_map(Line::frame).any(|one| one.phase == "Paused" && one.weights.canary > 0)
    );
    assert_eq!(story.count("web", "RouteWritten"), 0);
}

#[test]
fn a_silent_gateway_is_a_warning_and_no_obstacle() {
    let mut scenario = scenario(&[App::new("web")]);
    scenario.cluster.gateway.reports_after = None;
    let story = Story::of(scenario);
    assert!(story.ending.is_healthy(), "{}", story.text());
    let warning = story.about("web").find(|line| line.event == "NotApplicable" && line.warning);
    assert!(warning.is_some_and(|line| !line.note.is_empty()), "{}", story.text());
}

#[test]
fn a_slow_gateway_and_slow_pods_are_waited_for() {
    let mut scenario = scenario(&[App::new("web").steps(json!([{"setWeight": 50}]))]);
    scenario.cluster.gateway.reports_after = Some(Duration::from_mins(4));
    scenario.cluster.pods.ready_after = Duration::from_mins(5);
    let story = Story::of(scenario);
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert!(story.ending.t > 10.0 * 60.0);
}

#[test]
fn fields_that_nobody_knows_stay() {
    let mut app = App::new("web");
    app.rollout["spec"]["somethingNew"] = json!({"a": [1, null, "x"]});
    app.route["spec"]["rules"][0]["backendRefs"][0]["somethingNew"] = json!(true);
    let story = Story::of(scenario(&[app]));
    assert!(story.ending.is_healthy(), "{}", story.text());
    let patches = story.lines.iter().filter_map(|line| line.patch.as_ref()?.as_array());
    let changes: Vec<_> = patches.flatten().filter(|operation| operation["op"] != "test").collect();
    assert!(!changes.is_empty());
    for change in changes {
        let path = change["path"].as_str().unwrap_or_default();
        assert!(path.ends_with("/weight") || path.starts_with("/metadata/"), "{change}");
    }
}

#[test]
fn a_time_limit_is_kept() {
    let mut scenario =
        scenario(&[App::new("web").steps(json!([{"setWeight": 20}, {"pause": {"duration": "168h"}}]))]);
    scenario.limit = Duration::from_hours(24);
    let story = Story::of(scenario);
    assert_eq!((story.ending.result.as_str(), story.ending.stopped), ("Paused", Stopped::TimeLimit));
    assert!(story.ending.t <= 24.0 * 3600.0);
}

#[test]
fn what_cannot_be_played() {
    let refused = |change: &dyn Fn(&mut tidegate_simulate::Scenario)| {
        let mut scenario = scenario(&[App::new("web")]);
        change(&mut scenario);
        Story::try_with(scenario, []).unwrap_err().reason()
    };
    assert_eq!(refused(&|scenario| scenario.objects.retain(|one| one["kind"] != "Rollout")), "NoRollout");
    assert_eq!(
        refused(&|scenario| drop(scenario.images.insert("nobody".into(), "x".into()))),
        "UnknownContainer"
    );
    assert_eq!(refused(&|scenario| scenario.objects.push(App::new("web").route)), "Refused");
    let no_containers = ScenarioError::UnknownContainer { container: "a".into(), known: String::new() };
    assert!(no_containers.to_string().contains("\"a\""));
}

#[test]
fn definitions_are_served_wherever_they_are() {
    let mut scenario = scenario(&[App::new("web")]);
    scenario
        .objects
        .insert(0, json!({"apiVersion": "example.com/v1", "kind": "Policy", "metadata": {"name": "p"}}));
    scenario.objects.push(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "policies.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster",
                 "names": {"kind": "Policy", "plural": "policies", "singular": "policy"},
                 "versions": [{"name": "v1", "served": true, "storage": true,
                               "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    }));
    assert!(Story::of(scenario).ending.is_healthy());
}
