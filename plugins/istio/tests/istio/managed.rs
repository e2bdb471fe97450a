//! Header and mirror routes.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{HeaderMatch, RequestMatch, Rule, RuleAction, Target, TextMatch, Traffic};

use crate::{
    Istio, both, both_subsets, cart, cart_with_service, cart_with_subsets, destination_rule, named, route_to,
    to, virtual_service, virtual_service_of, weights,
};

pub(crate) fn request(path: Option<TextMatch>, headers: &[(&str, TextMatch)]) -> RequestMatch {
    let header =
        |(name, value): &(&str, TextMatch)| HeaderMatch { name: (*name).to_owned(), value: value.clone() };
    RequestMatch { method: None, path, headers: headers.iter().map(header).collect() }
}

pub(crate) fn exact(text: &str) -> TextMatch {
    TextMatch::Exact(text.to_owned())
}

fn prefix(text: &str) -> TextMatch {
    TextMatch::Prefix(text.to_owned())
}

fn regex(text: &str) -> TextMatch {
    TextMatch::Regex(text.to_owned())
}

pub(crate) fn header_rule(headers: &[(&str, TextMatch)]) -> Rule {
    Rule { matches: vec![request(None, headers)], action: RuleAction::ToCanary }
}

/// Requests with `X-Tester: yes`.
fn testers() -> Rule {
    header_rule(&[("X-Tester", exact("yes"))])
}

fn mirror(percent: u32) -> Rule {
    Rule { matches: vec![request(None, &[("x-mirror", prefix("m"))])], action: RuleAction::Mirror(percent) }
}

fn traffic(target: &Target, canary: u32, routes: &[(&str, Option<Rule>)]) -> Traffic {
    let traffic = testing::traffic(target, canary);
    routes.iter().fold(traffic, |traffic, (name, rule)| traffic.with_managed_route(name, rule.clone()))
}

fn http(objects: &Objects) -> Vec<Value> {
    objects.get("VirtualService", "shop", "cart").unwrap()["spec"]["http"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn names(objects: &Objects) -> Vec<String> {
    http(objects).iter().map(|route| route["name"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_header_route_sends_what_it_matches_to_the_canary() {
    let target = cart_with_service();
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    objects.route::<Istio>(&target, &traffic(&target, 20, &[("testers", Some(testers()))])).unwrap();
    assert_eq!(
        http(&objects),
        [
            json!({
                "name": "testers",
                "match": [{"headers": {"x-tester": {"exact": "yes"}}}],
                "route": [to("cart-canary", Some(100))],
            }),
            both(20),
        ]
    );
    objects.route::<Istio>(&target, &traffic(&target, 20, &[("testers", None)])).unwrap();
    assert_eq!(http(&objects), [both(20)]);
}

#[test]
fn a_mirror_route_answers_by_the_weights_of_the_moment() {
    let target = cart_with_service();
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    for (canary, percent) in [(20, 100), (50, 35), (0, 0)] {
        let desired = traffic(&target, canary, &[("shadow", Some(mirror(percent)))]);
        objects.route::<Istio>(&target, &desired).unwrap();
        let mut expected = named("shadow", both(canary));
        expected["match"] = json!([{"headers": {"x-mirror": {"prefix": "m"}}}]);
        expected["mirror"] = json!({"host": "cart-canary", "port": {"number": 80}});
        expected["mirrorPercentage"] = json!({"value": percent});
        assert_eq!(http(&objects), [expected, both(canary)], "{canary} {percent}");
        let outcome = objects.route::<Istio>(&target, &desired).unwrap();
        let places: Vec<_> = outcome.shares.iter().map(|share| share.at.as_str()).collect();
        assert_eq!(places, ["/spec/http/1", "/spec/http/1", "/spec/http/0", "/spec/http/0"]);
    }
    objects.release::<Istio>(&target, &traffic(&target, 0, &[("shadow", Some(mirror(100)))])).unwrap();
    assert_eq!(http(&objects), [both(0)]);
}

#[test]
fn subsets_are_named_in_managed_routes_too() {
    let target = cart_with_subsets();
    let subsets = json!([{"name": "now", "labels": {"a": "b"}}, {"name": "next"}]);
    let start = Objects::new()
        .with(virtual_service("cart", json!([both_subsets(0)])))
        .with(destination_rule(subsets));
    let mut objects = start.clone();
    let desired = traffic(&target, 20, &[("testers", Some(testers())), ("shadow", Some(mirror(10)))]);
    objects.route::<Istio>(&target, &desired).unwrap();
    let http = http(&objects);
    assert_eq!(http[0]["route"], json!([to("cart/next", Some(100))]));
    assert_eq!(http[1]["mirror"], to("cart/next", None)["destination"]);
    assert_eq!(http[1]["route"], both_subsets(20)["route"]);
    objects.release::<Istio>(&target, &desired).unwrap();
    assert_eq!(objects, start);
}

#[test]
fn all_are_on_top_in_their_order() {
    let target = cart_with_service();
    let users = named("users", route_to(&[("front", None)]));
    let mut objects = Objects::new()
        .with(virtual_service_of("cart", json!({"http": [users.clone(), named("primary", both(0))]})));
    let target = Target {
        config: json!({"virtualService": {"name": "cart", "routes": ["primary"]}}).to_string(),
        ..target
    };
    let (a, b, c) = (Some(testers()), Some(mirror(10)), Some(header_rule(&[("c", regex("c+"))])));
    for (routes, expected) in [
        (vec![("b", b.clone())], vec!["b", "users", "primary"]),
        (vec![("a", a.clone()), ("b", b.clone())], vec!["a", "b", "users", "primary"]),
        (vec![("a", a.clone()), ("b", b.clone()), ("c", c.clone())], vec!["a", "b", "c", "users", "primary"]),
        (vec![("c", c.clone()), ("b", b.clone()), ("a", a.clone())], vec!["c", "b", "a", "users", "primary"]),
        (vec![("c", c.clone()), ("b", None), ("a", a.clone())], vec!["c", "a", "users", "primary"]),
        (vec![("c", None), ("b", None), ("a", None)], vec!["users", "primary"]),
    ] {
        objects.route::<Istio>(&target, &traffic(&target, 20, &routes)).unwrap();
        assert_eq!(names(&objects), expected);
        assert!(http(&objects).contains(&users));
    }
}

type Change = fn(&mut Vec<Value>);

/// Somebody moved, changed or doubled a managed route.
#[test]
fn what_was_changed_is_set_right() {
    let target = cart_with_service();
    let desired = traffic(&target, 20, &[("testers", Some(testers())), ("shadow", Some(mirror(10)))]);
    let mut right = Objects::new().with(virtual_service("cart", json!([both(0)])));
    right.route::<Istio>(&target, &desired).unwrap();
    let changes: [(&str, Change); 6] = [
        ("at the end", |http| http.rotate_left(1)),
        ("in another order", |http| http.swap(0, 1)),
        ("doubled", |http| http.push(http[0].clone())),
        ("gone", |http| drop(http.remove(0))),
        ("other conditions", |http| http[0]["match"] = json!([{"uri": {"prefix": "/"}}])),
        ("one more", |http| http[1]["timeout"] = json!("1s")),
    ];
    for (what, change) in changes {
        let mut objects = right.clone();
        for (_, object) in objects.iter_mut() {
            change(object["spec"]["http"].as_array_mut().unwrap());
        }
        let outcome = objects.route::<Istio>(&target, &desired).unwrap();
        assert_eq!(objects, right, "{what}");
        assert_eq!(outcome.changes.len(), 1, "{what}");
    }
    // The same in other words is the same.
    let mut objects = right.clone();
    for (_, object) in objects.iter_mut() {
        let route = object["spec"]["http"][0].as_object_mut().unwrap();
        let first = route.shift_remove("name").unwrap();
        route.insert("name".to_owned(), first);
        route.insert("timeout".to_owned(), Value::Null);
    }
    assert_eq!(objects.route::<Istio>(&target, &desired).unwrap().changes, []);
}

/// What else a divided route does holds for its copies, and what other routes are for stays with them.
#[test]
fn each_divided_route_has_its_copy() {
    let target = cart(json!({"virtualService": {"name": "cart", "routes": ["web", "api"]}}));
    let mut api = named("api", both(0));
    api["match"] = json!([{"uri": {"prefix": "/api"}, "headers": {"x-key": {}}}, {"uri": {"exact": "/rpc"}}]);
    api["rewrite"] = json!({"uri": "/"});
    api["mirror"] = json!({"host": "tap"});
    let admin = named("admin", route_to(&[("admin", None)]));
    let start = Objects::new().with(virtual_service("cart", json!([api, admin, named("web", both(0))])));
    let mut objects = start.clone();
    let desired = traffic(&target, 20, &[("testers", Some(testers())), ("shadow", Some(mirror(10)))]);
    objects.route::<Istio>(&target, &desired).unwrap();
    assert_eq!(names(&objects), ["testers", "testers-1", "shadow", "shadow-1", "api", "admin", "web"]);
    let http = http(&objects);
    assert_eq!(
        http[0]["match"],
        json!([
            {"uri": {"prefix": "/api"}, "headers": {"x-key": {}, "x-tester": {"exact": "yes"}}},
            {"uri": {"exact": "/rpc"}, "headers": {"x-tester": {"exact": "yes"}}},
        ])
    );
    assert_eq!((&http[0]["rewrite"], &http[1]["rewrite"]), (&json!({"uri": "/"}), &Value::Null));
    assert_eq!(
        (&http[0]["mirror"]["host"], &http[2]["mirror"]["host"]),
        (&json!("tap"), &json!("cart-canary"))
    );
    assert_eq!(http[1]["match"], json!([{"headers": {"x-tester": {"exact": "yes"}}}]));
    objects.release::<Istio>(&target, &desired).unwrap();
    assert_eq!(objects, start);
}

/// Conditions of the route and of the rule, and what they are together: `None` for nothing, an error for what Istio cannot say.
#[test]
fn conditions_of_route_and_rule_are_put_together() {
    let any = || request(None, &[]);
    for (own, wanted, expected) in [
        (json!(null), vec![any()], Ok(Some(json!(null)))),
        (json!([]), vec![request(Some(exact("/a")), &[])], Ok(Some(json!([{"uri": {"exact": "/a"}}])))),
        (json!([{"port": 80}]), vec![any()], Ok(Some(json!([{"port": 80}])))),
        (
            json!([{"uri": {"prefix": "/a"}}]),
            vec![
                request(Some(prefix("/a/b")), &[]),
                request(Some(exact("/a")), &[]),
                request(Some(prefix("/")), &[]),
            ],
            Ok(Some(
                json!([{"uri": {"prefix": "/a/b"}}, {"uri": {"exact": "/a"}}, {"uri": {"prefix": "/a"}}]),
            )),
        ),
        (json!([{"uri": {"prefix": "/a"}}]), vec![request(Some(exact("/b")), &[])], Ok(None)),
        (
            json!([{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]),
            vec![request(Some(prefix("/b/c")), &[])],
            Ok(Some(json!([{"uri": {"prefix": "/b/c"}}]))),
        ),
        (json!([{"uri": {"regex": "/a.*"}}]), vec![request(Some(exact("/a")), &[])], Err("unsupported")),
        (
            json!([{"uri": {"regex": "/a.*"}}]),
            vec![request(Some(regex("/a.*")), &[])],
            Ok(Some(json!([{"uri": {"regex": "/a.*"}}]))),
        ),
        (
            json!([{"uri": {"prefix": "/a"}, "ignoreUriCase": true}]),
            vec![request(Some(prefix("/A/b")), &[])],
            Err("unsupported"),
        ),
        (
            json!([{"uri": {"prefix": "/a"}, "ignoreUriCase": true}]),
            vec![request(None, &[("X-A", exact("1"))])],
            Ok(Some(
                json!([{"uri": {"prefix": "/a"}, "headers": {"x-a": {"exact": "1"}}, "ignoreUriCase": true}]),
            )),
        ),
        (
            json!([{"headers": {"x-a": {}, "x-b": {"prefix": "b"}}}]),
            vec![request(None, &[("X-A", regex("a+")), ("x-b", exact("bb")), ("x-c", exact("c"))])],
            Ok(Some(
                json!([{"headers": {"x-a": {"regex": "a+"}, "x-b": {"exact": "bb"}, "x-c": {"exact": "c"}}}]),
            )),
        ),
        (
            json!([{"headers": {"x-a": {"exact": "1"}}}]),
            vec![request(None, &[("X-A", exact("2"))])],
            Ok(None),
        ),
        (
            json!(null),
            vec![request(None, &[("x-a", prefix("a")), ("X-A", prefix("ab"))])],
            Ok(Some(json!([{"headers": {"x-a": {"prefix": "ab"}}}]))),
        ),
        (json!(null), vec![request(None, &[("x-a", regex("a")), ("X-A", prefix("ab"))])], Err("unsupported")),
    ] {
        let mut source = both(0);
        if !own.is_null() {
            source["match"] = own.clone();
        }
        let target = cart_with_service();
        let mut objects = Objects::new().with(virtual_service("cart", json!([source])));
        let rule = Rule { matches: wanted, action: RuleAction::ToCanary };
        let routed =
            objects.route::<Istio>(&target, &traffic(&target, 20, &[("testers", Some(rule.clone()))]));
        match (routed, expected) {
            (Ok(_), Ok(Some(expected))) => assert_eq!(http(&objects)[0]["match"], expected, "{own} {rule:?}"),
            (Err(problem), Ok(None) | Err(_)) => assert_eq!(problem.code, "unsupported", "{own} {rule:?}"),
            (routed, expected) => panic!("{own} {rule:?}: {routed:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_method_is_a_condition_too() {
    let target = cart_with_service();
    let mut objects = Objects::new().with(virtual_service("cart", json!([both(0)])));
    let matches =
        vec![RequestMatch { method: Some(exact("GET")), path: Some(prefix("/a")), headers: Vec::new() }];
    let rule = Rule { matches, action: RuleAction::Mirror(100) };
    objects.route::<Istio>(&target, &traffic(&target, 20, &[("shadow", Some(rule))])).unwrap();
    assert_eq!(http(&objects)[0]["match"], json!([{"uri": {"prefix": "/a"}, "method": {"exact": "GET"}}]));
}

#[test]
fn routes_that_are_named_like_copies_are_the_users_when_they_are_configured() {
    let target = cart(json!({"virtualService": {"name": "cart", "routes": ["testers-2"]}}));
    let mut objects = Objects::new().with(virtual_service(
        "cart",
        json!([named("testers-2", both(0)), named("testers-x", both(7)), named("testers-3", both(9))]),
    ));
    objects.route::<Istio>(&target, &traffic(&target, 20, &[("testers", None)])).unwrap();
    assert_eq!(names(&objects), ["testers-2", "testers-x"]);
    assert_eq!(weights(&objects, "cart"), [[80, 20], [93, 7]]);
}

#[test]
fn what_has_no_place_is_unsupported() {
    let target = cart(json!({"virtualService": {"name": "cart", "tcpRoutes": [{}]}}));
    let service = virtual_service_of("cart", json!({"tcp": [both(0)]}));
    let mut objects = Objects::new().with(service);
    let desired = traffic(&target, 20, &[("testers", Some(testers()))]);
    assert_eq!(objects.route::<Istio>(&target, &desired).unwrap_err().code, "unsupported");
    objects.release::<Istio>(&target, &desired).unwrap();
}

/// Also when what they were about is gone.
#[test]
fn releasing_removes_managed_routes_whatever_else_is_there() {
    let target = cart_with_subsets();
    let left = named("testers", route_to(&[("cart/next", Some(100))]));
    let mut objects =
        Objects::new().with(virtual_service("cart", json!([left, route_to(&[("front", None)])])));
    objects.release::<Istio>(&target, &traffic(&target, 20, &[("testers", Some(testers()))])).unwrap();
    assert_eq!(http(&objects), [route_to(&[("front", None)])]);
}
