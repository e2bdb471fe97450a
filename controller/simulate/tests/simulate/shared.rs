//! Two Rollouts on one route, and two that claim the same, with the plugin as it is.

use serde_json::{Value, json};

use crate::story::{App, PLUGIN, Story, condition, scenario};

/// `web` and `api`, each with a rule of its own in the route of `web`.
fn sharing() -> [App; 2] {
    let mut web = App::new("web");
    let mut api = App::new("api").with(|app| {
        app.canary()["trafficRouting"] = json!({"plugins": {PLUGIN: {"httpRoute": "web"}}});
    });
    let rule = api.route["spec"]["rules"][0].clone();
    // The route that it would have of its own divides nothing.
    api.route["spec"]["rules"] = json!([{"backendRefs": [{"name": "other", "port": 80}]}]);
    web.route["spec"]["rules"].as_array_mut().unwrap().push(rule);
    [web, api]
}

fn reason<'a>(story: &'a Story, name: &str) -> Option<&'a str> {
    condition(story.end(name), "TrafficRouterReady")?["reason"].as_str()
}

#[test]
fn two_rollouts_on_one_route_both_go_through() {
    let story = Story::of(scenario(&sharing()));
    assert!(story.ending.is_healthy(), "{}", story.text());
    assert_eq!((story.weights("web"), story.weights("api")), (vec![0, 50, 100, 0], vec![0, 50, 100, 0]));
    assert_eq!((reason(&story, "web"), reason(&story, "api")), (Some("Ready"), Some("Ready")));
}

#[test]
fn of_two_that_claim_a_service_one_goes_on_and_the_other_says_so() {
    let [web, api] = sharing();
    let api = api.with(|app| {
        app.canary()["stableService"] = json!("web-stable");
        app.canary()["canaryService"] = json!("web-canary");
    });
    let story = Story::of(scenario(&[web, api]));
    // Created at the same moment, `api` is first by its name.
    assert_eq!((reason(&story, "api"), reason(&story, "web")), (Some("Ready"), Some("RouteConflict")));
    assert_eq!(story.end("api").phase, "Healthy", "{}", story.text());
    let message = condition(story.end("web"), "TrafficRouterReady").map(|one| &one["message"]);
    assert!(message.and_then(Value::as_str).is_some_and(|message| message.contains("/api")), "{message:?}");
    assert_eq!(story.count("web", "RouteWritten"), 0, "{}", story.text());
}

#[test]
fn of_two_with_the_same_managed_route_one_goes_on_and_the_other_says_so() {
    let managed = |app: &mut App| {
        app.canary()["trafficRouting"]["managedRoutes"] = json!([{"name": "beta"}]);
        app.canary()["steps"] = json!([
            {"setHeaderRoute": {"name": "beta", "match": [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]}},
            {"setWeight": 50}, {"pause": {"duration": "1m"}}, {"setHeaderRoute": {"name": "beta"}},
        ]);
    };
    let [web, api] = sharing();
    let story = Story::of(scenario(&[web.with(managed), api.with(managed)]));
    assert_eq!((reason(&story, "api"), reason(&story, "web")), (Some("Ready"), Some("RouteConflict")));
    assert_eq!(story.end("api").phase, "Healthy", "{}", story.text());
    assert_eq!(story.count("web", "RouteWritten"), 0, "{}", story.text());
}
