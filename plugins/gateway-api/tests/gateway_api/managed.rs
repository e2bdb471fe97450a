//! Managed routes: rules that steps make and remove.

use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{
    HeaderMatch, Outcome, Problem, RequestMatch, Rule, RuleAction, Target, TextMatch, Traffic,
};

use crate::{GatewayApi, both, cart, cart_with_route, http_route, rule};

pub(crate) fn exact(text: &str) -> TextMatch {
    TextMatch::Exact(text.to_owned())
}

fn prefix(text: &str) -> TextMatch {
    TextMatch::Prefix(text.to_owned())
}

fn regex(text: &str) -> TextMatch {
    TextMatch::Regex(text.to_owned())
}

/// A condition on headers.
pub(crate) fn headers(headers: &[(&str, TextMatch)]) -> RequestMatch {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| HeaderMatch { name: (*name).to_owned(), value: value.clone() });
    RequestMatch { method: None, path: None, headers: headers.collect() }
}

fn path(path: TextMatch) -> RequestMatch {
    RequestMatch { method: None, path: Some(path), headers: Vec::new() }
}

fn method(method: TextMatch) -> RequestMatch {
    RequestMatch { method: Some(method), path: None, headers: Vec::new() }
}

/// A rule that sends these requests to canary.
pub(crate) fn to_canary(request: RequestMatch) -> Option<Rule> {
    Some(Rule { matches: vec![request], action: RuleAction::ToCanary })
}

/// A rule that mirrors this percentage of these requests.
pub(crate) fn mirror(percent: u32, matches: Vec<RequestMatch>) -> Option<Rule> {
    Some(Rule { matches, action: RuleAction::Mirror(percent) })
}

/// The same rule with this name.
pub(crate) fn named(name: &str, mut rule: Value) -> Value {
    rule["name"] = json!(name);
    rule
}

/// The same rule with these matches.
fn matching(matches: Value, mut rule: Value) -> Value {
    rule["matches"] = matches;
    rule
}

pub(crate) fn rules(objects: &Objects) -> Vec<Value> {
    objects.get("HTTPRoute", "shop", "cart").unwrap()["spec"]["rules"].as_array().unwrap().clone()
}

/// The names of all rules; `-` for none.
fn names(objects: &Objects) -> Vec<String> {
    rules(objects).iter().map(|rule| rule["name"].as_str().unwrap_or("-").to_owned()).collect()
}

fn pass(objects: &mut Objects, traffic: &Traffic) -> Result<Outcome, Problem> {
    objects.route::<GatewayApi>(&cart_with_route(), traffic)
}

fn traffic(canary: u32) -> Traffic {
    testing::traffic(&cart_with_route(), canary)
}

#[test]
fn a_header_route_copies_each_rule_of_the_rollout() {
    let first = json!({
        "matches": [{"path": {"type": "PathPrefix", "value": "/a"}, "queryParams": [{"name": "q", "value": "1"}]},
            {"headers": [{"name": "x", "value": "y"}], "method": "GET"}],
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}}],
        "timeouts": {"request": "10s"},
        "backendRefs": [{"name": "cart", "port": 80, "weight": 100},
            {"name": "cart-canary", "port": 8080, "weight": 0, "filters": [{"type": "ExtensionRef",
                "extensionRef": {"group": "example.com", "kind": "Filter", "name": "f"}}]}],
    });
    let foreign = rule(&[("search", Some(1))]);
    let canary_only = rule(&[("cart-canary", Some(7))]);
    let mut objects = Objects::new().with(http_route("cart", json!([foreign, first, canary_only, both(0)])));
    let before = rules(&objects);
    let beta = to_canary(headers(&[("X-Beta", exact("yes")), ("X-Team", prefix("a.b"))]));
    let outcome = pass(&mut objects, &traffic(0).with_managed_route("beta", beta.clone())).unwrap();
    assert_eq!(outcome.notes, [""; 0]);
    let after = rules(&objects);
    let added = json!([{"name": "X-Beta", "type": "Exact", "value": "yes"},
        {"name": "X-Team", "type": "RegularExpression", "value": "^a\\.b.*"}]);
    let mut second_headers = json!([{"name": "x", "value": "y"}]);
    second_headers.as_array_mut().unwrap().extend(added.as_array().unwrap().clone());
    let mut canary_backend = first["backendRefs"][1].clone();
    canary_backend["weight"] = json!(1);
    let mut expected = named("beta", first);
    expected["matches"] = json!([{"path": {"type": "PathPrefix", "value": "/a"},
        "queryParams": [{"name": "q", "value": "1"}], "headers": added}, {"headers": second_headers, "method": "GET"}]);
    expected["backendRefs"] = json!([canary_backend]);
    assert_eq!(after[0], expected);
    assert_eq!(
        after[1],
        json!({"name": "beta-1", "matches": [{"path": {"type": "PathPrefix", "value": "/"}, "headers": added}],
            "backendRefs": [{"group": "", "kind": "Service", "name": "cart-canary", "port": 80, "weight": 1}]})
    );
    assert_eq!(after[2..], before);

    // Weights move on without them; then they go, and nothing else.
    pass(&mut objects, &traffic(20).with_managed_route("beta", beta)).unwrap();
    assert_eq!(rules(&objects)[..2], after[..2]);
    pass(&mut objects, &traffic(0).with_managed_route("beta", None)).unwrap();
    assert_eq!(rules(&objects), before);
}

/// What a header must be, and how it is written.
#[test]
fn all_kinds_of_matches_are_written() {
    for (value, kind, text) in [
        (exact("a.b"), "Exact", "a.b"),
        (
            prefix("a.b*(c)[d]{e}^f$g|h+i?j\\k-"),
            "RegularExpression",
            "^a\\.b\\*\\(c\\)\\[d\\]\\{e\\}\\^f\\$g\\|h\\+i\\?j\\\\k-.*",
        ),
        (prefix(""), "RegularExpression", "^.*"),
        (regex("a|b"), "RegularExpression", "a|b"),
    ] {
        let mut objects = Objects::new().with(http_route("cart", json!([both(0)])));
        pass(&mut objects, &traffic(0).with_managed_route("beta", to_canary(headers(&[("x", value)]))))
            .unwrap();
        assert_eq!(
            rules(&objects)[0]["matches"][0]["headers"],
            json!([{"name": "x", "type": kind, "value": text}])
        );
    }
}

/// Conditions of a rule, conditions of a mirror route, and the matches of the copy; nothing when there is none.
#[test]
fn a_copy_matches_what_both_match() {
    let on_path = |kind: &str, value: &str| json!({"path": {"type": kind, "value": value}});
    let prefixed = |value: &str| on_path("PathPrefix", value);
    let header = |value: &str| json!([{"name": "x", "type": "Exact", "value": value}]);
    for (given, wanted, expected) in [
        (json!([prefixed("/")]), vec![path(prefix("/a"))], json!([prefixed("/a")])),
        (json!([prefixed("/a")]), vec![path(prefix("/a/b"))], json!([prefixed("/a/b")])),
        (json!([prefixed("/a/b")]), vec![path(prefix("/a"))], json!([prefixed("/a/b")])),
        (json!([prefixed("/a/")]), vec![path(prefix("/a"))], json!([prefixed("/a/")])),
        (json!([prefixed("/ab")]), vec![path(prefix("/a"))], json!([])),
        (json!([prefixed("/a")]), vec![path(exact("/a/b"))], json!([on_path("Exact", "/a/b")])),
        (json!([on_path("Exact", "/a")]), vec![path(prefix("/"))], json!([on_path("Exact", "/a")])),
        (json!([on_path("Exact", "/a")]), vec![path(exact("/b"))], json!([])),
        (json!([prefixed("/")]), vec![path(regex("/a.*"))], json!([on_path("RegularExpression", "/a.*")])),
        (
            json!([on_path("RegularExpression", "/a.*")]),
            vec![path(regex("/a.*"))],
            json!([on_path("RegularExpression", "/a.*")]),
        ),
        (json!([{}]), vec![path(exact("/a"))], json!([on_path("Exact", "/a")])),
        (json!([]), vec![path(exact("/a"))], json!([on_path("Exact", "/a")])),
        (json!([{"method": "GET"}]), vec![method(exact("GET"))], json!([{"method": "GET"}])),
        (json!([{"method": "GET"}]), vec![method(exact("PUT"))], json!([])),
        (json!([{}]), vec![method(exact("PUT"))], json!([{"method": "PUT"}])),
        (
            json!([{"headers": header("y")}]),
            vec![headers(&[("X", exact("y"))])],
            json!([{"headers": header("y")}]),
        ),
        (json!([{"headers": header("y")}]), vec![headers(&[("x", exact("z"))])], json!([])),
        (
            json!([prefixed("/a"), prefixed("/b")]),
            vec![method(exact("GET")), path(prefix("/b/c"))],
            json!([{"path": {"type": "PathPrefix", "value": "/a"}, "method": "GET"},
                {"path": {"type": "PathPrefix", "value": "/b"}, "method": "GET"}, prefixed("/b/c")]),
        ),
        (json!([prefixed("/a")]), vec![headers(&[])], json!([prefixed("/a")])),
    ] {
        let source = named("live", matching(given.clone(), both(0)));
        let mut objects = Objects::new().with(http_route("cart", json!([source])));
        let wanted_traffic = traffic(0).with_managed_route("tap", mirror(100, wanted.clone()));
        let outcome =
            pass(&mut objects, &wanted_traffic).unwrap_or_else(|problem| panic!("{given}: {problem}"));
        let first = rules(&objects)[0].clone();
        if expected == json!([]) {
            assert_eq!((&first["name"], outcome.notes.len()), (&json!("live"), 1), "{given} {wanted:?}");
        } else {
            assert_eq!((&first["name"], &first["matches"]), (&json!("tap"), &expected), "{given} {wanted:?}");
        }
    }
}

/// Conditions that the Gateway API has no words for, what the message names, and nothing written.
#[test]
fn what_cannot_be_expressed_is_said() {
    let on_regex = json!([{"path": {"type": "RegularExpression", "value": "/a.*"}}]);
    let x_is = |kind: &str| json!([{"headers": [{"name": "x", "type": kind, "value": "y"}]}]);
    let many: Vec<(String, TextMatch)> = (0..17).map(|number| (format!("h-{number}"), exact("x"))).collect();
    let many: Vec<(&str, TextMatch)> =
        many.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    for (given, name, wanted, message) in [
        (on_regex.clone(), "tap", mirror(1, vec![path(prefix("/b"))]), "`/b`"),
        (json!([{}]), "tap", mirror(1, vec![method(prefix("G"))]), "`G`"),
        (json!([{}]), "tap", mirror(1, vec![method(regex("GET|PUT"))]), "`GET|PUT`"),
        (x_is("Exact"), "beta", to_canary(headers(&[("x", prefix("y"))])), "`x`"),
        (x_is("RegularExpression"), "beta", to_canary(headers(&[("x", exact("y"))])), "`x`"),
        (json!([{}]), "beta", to_canary(headers(&[("x", prefix("y")), ("X", regex("z"))])), "`X`"),
        (json!([{}]), "beta", to_canary(headers(&[("x", exact(""))])), "empty"),
        (json!([{}]), "beta", to_canary(headers(&many)), "16 headers"),
        (json!([{}]), "Beta_Users", to_canary(headers(&[("x", exact("y"))])), "`Beta_Users`"),
        (
            json!(vec![json!({}); 33]),
            "tap",
            mirror(1, vec![method(exact("A")), method(exact("B"))]),
            "66 matches",
        ),
    ] {
        let mut objects = Objects::new().with(http_route("cart", json!([matching(given, both(0))])));
        let before = objects.clone();
        let problem = pass(&mut objects, &traffic(20).with_managed_route(name, wanted)).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.about.is_some()), ("unsupported", true));
        assert!(problem.message.contains(message), "{message} in {}", problem.message);
        assert_eq!(objects, before);
    }
}

#[test]
fn the_limits_of_a_route_are_kept() {
    let beta = || to_canary(headers(&[("x", exact("y"))]));
    let foreign = |count: usize| vec![rule(&[("search", Some(1))]); count];
    let with = |count: usize, ours: usize| {
        let mut all = foreign(count);
        all.extend(vec![both(0); ours]);
        Objects::new().with(http_route("cart", Value::from(all)))
    };
    pass(&mut with(14, 1), &traffic(0).with_managed_route("beta", beta())).unwrap();
    let problem = pass(&mut with(14, 2), &traffic(0).with_managed_route("beta", beta())).unwrap_err();
    assert!(problem.code == "unsupported" && problem.message.contains("18 rules"), "{}", problem.message);
    // 8 rules with 8 matches each: with as many copies, 128.
    let eight = matching(json!(vec![json!({"path": {"type": "PathPrefix", "value": "/"}}); 8]), both(0));
    let all = |count: usize| Objects::new().with(http_route("cart", Value::from(vec![eight.clone(); count])));
    pass(&mut all(8), &traffic(0).with_managed_route("beta", beta())).unwrap();
    let mut more = rules(&all(7));
    more.push(matching(json!(vec![json!({}); 9]), both(0)));
    let problem = pass(
        &mut Objects::new().with(http_route("cart", Value::from(more))),
        &traffic(0).with_managed_route("beta", beta()),
    )
    .unwrap_err();
    assert!(problem.code == "unsupported" && problem.message.contains("130 matches"), "{}", problem.message);
    let mut filtered = both(0);
    filtered["filters"] = json!(vec![
        json!({"type": "ExtensionRef", "extensionRef": {"group": "a", "kind": "B", "name": "c"}});
        16
    ]);
    let problem = pass(
        &mut Objects::new().with(http_route("cart", json!([filtered]))),
        &traffic(0).with_managed_route("tap", mirror(1, vec![headers(&[])])),
    )
    .unwrap_err();
    assert!(problem.code == "unsupported" && problem.message.contains("17 filters"), "{}", problem.message);
}

#[test]
fn a_mirror_route_copies_the_division_and_mirrors_to_canary() {
    let mut source = rule(&[("search", Some(5)), ("cart", Some(95)), ("cart-canary", Some(0))]);
    source["filters"] = json!([{"type": "URLRewrite", "urlRewrite": {"hostname": "h"}}]);
    for (percent, part) in [(100, json!({})), (25, json!({"percent": 25})), (0, json!({"percent": 0}))] {
        let mut objects = Objects::new().with(http_route("cart", json!([source])));
        let wanted = mirror(percent, vec![method(exact("GET")), path(prefix("/v2"))]);
        pass(&mut objects, &traffic(20).with_managed_route("tap", wanted.clone())).unwrap();
        let tap = rules(&objects)[0].clone();
        let mut request_mirror =
            json!({"backendRef": {"group": "", "kind": "Service", "name": "cart-canary", "port": 80}});
        request_mirror.as_object_mut().unwrap().append(&mut part.as_object().unwrap().clone());
        assert_eq!(
            tap["filters"],
            json!([source["filters"][0], {"type": "RequestMirror", "requestMirror": request_mirror}])
        );
        assert_eq!(
            tap["matches"],
            json!([{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"},
                {"path": {"type": "PathPrefix", "value": "/v2"}}])
        );
        assert_eq!(tap["backendRefs"], rules(&objects)[1]["backendRefs"]);
        let weights: Vec<_> =
            tap["backendRefs"].as_array().unwrap().iter().map(|backend| backend["weight"].clone()).collect();
        assert_eq!(weights, [5, 80, 20]);

        // It divides traffic, too: it has shares, and follows.
        let outcome = pass(&mut objects, &traffic(50).with_managed_route("tap", wanted)).unwrap();
        let shares: Vec<_> = outcome.shares.iter().map(|share| (share.at.as_str(), share.weight)).collect();
        assert_eq!(
            shares,
            [("/spec/rules/0", 80), ("/spec/rules/0", 20), ("/spec/rules/1", 80), ("/spec/rules/1", 20)]
        );
        assert_eq!(rules(&objects)[0]["backendRefs"], rules(&objects)[1]["backendRefs"]);
        pass(&mut objects, &traffic(0).with_managed_route("tap", None)).unwrap();
        assert_eq!(rules(&objects).len(), 1);
    }
}

/// A mirror's part as somebody else wrote it, and the percentage that it is.
#[test]
fn a_fraction_of_equal_value_stays() {
    for (part, percent, is_equal) in [
        (json!({"fraction": {"numerator": 1, "denominator": 4}}), 25, true),
        (json!({"fraction": {"numerator": 25}}), 25, true),
        (json!({"percent": 100}), 100, true),
        (json!({"fraction": {"numerator": 4, "denominator": 4}}), 100, true),
        (json!({"fraction": {"numerator": 1, "denominator": 3}}), 33, false),
        (json!({"percent": 24}), 25, false),
        (json!({}), 25, false),
    ] {
        let mut objects = Objects::new().with(http_route("cart", json!([both(20)])));
        let wanted =
            traffic(20).with_managed_route("tap", mirror(percent, vec![headers(&[("x", exact("y"))])]));
        pass(&mut objects, &wanted).unwrap();
        for (_, object) in objects.iter_mut() {
            let filter = &mut object["spec"]["rules"][0]["filters"][0]["requestMirror"];
            filter.as_object_mut().unwrap().remove("percent");
            filter.as_object_mut().unwrap().append(&mut part.as_object().unwrap().clone());
        }
        assert_eq!(pass(&mut objects, &wanted).unwrap().changes.is_empty(), is_equal, "{part} {percent}");
    }
}

#[test]
fn they_are_on_top_in_the_order_of_managed_routes() {
    let beta = |value: &str| to_canary(headers(&[("x", exact(value))]));
    let order = |first: bool, second: bool, third: bool| {
        traffic(10)
            .with_managed_route("third-in-steps", beta("1").filter(|_| first))
            .with_managed_route("a", mirror(5, vec![headers(&[("y", exact("z"))])]).filter(|_| second))
            .with_managed_route("b", beta("2").filter(|_| third))
    };
    let user = named("user", rule(&[("search", Some(1)), ("cart", Some(1))]));
    let mut objects = Objects::new().with(http_route("cart", json!([user, both(10)])));
    for (wanted, expected) in [
        (order(false, false, true), vec!["b", "user", "-"]),
        (order(true, false, true), vec!["third-in-steps", "b", "user", "-"]),
        (order(true, true, true), vec!["third-in-steps", "a", "b", "user", "-"]),
        (order(true, true, false), vec!["third-in-steps", "a", "user", "-"]),
        (order(false, true, false), vec!["a", "user", "-"]),
    ] {
        pass(&mut objects, &wanted).unwrap();
        assert_eq!(names(&objects), expected);
    }
    // A user puts rules before and between them.
    pass(&mut objects, &order(true, true, true)).unwrap();
    for place in [0, 1, 2, 3] {
        for (_, object) in objects.iter_mut() {
            let list = object["spec"]["rules"].as_array_mut().unwrap();
            list.insert(place, rule(&[("cart", Some(7))]));
        }
        pass(&mut objects, &order(true, true, true)).unwrap();
        assert_eq!(names(&objects)[..3], ["third-in-steps", "a", "b"]);
    }
    pass(&mut objects, &order(false, false, false)).unwrap();
    assert_eq!(names(&objects), ["-", "-", "-", "-", "user", "-"]);
}

/// Rules of a user's that look like managed ones, and a managed route that comes and goes.
#[test]
fn rules_of_users_stay() {
    let mut to_elsewhere = rule(&[("search", Some(1))]);
    to_elsewhere["filters"] =
        json!([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "tap", "port": 80}}}]);
    for (what, user, notes) in [
        ("canary only, without a name", rule(&[("cart-canary", Some(1))]), 0),
        ("canary only, with another name", named("beta-users", rule(&[("cart-canary", Some(1))])), 0),
        ("a name that only begins so", named("beta-1a", rule(&[("cart-canary", Some(1))])), 0),
        ("divided, with its name", named("beta", both(0)), 1),
        ("divided, with the name of a further copy", named("beta-1", both(0)), 1),
        ("somebody else's, with its name", named("beta", to_elsewhere), 1),
    ] {
        let before = vec![user, named("live", both(0))];
        let mut objects = Objects::new().with(http_route("cart", Value::from(before.clone())));
        let wanted = traffic(0).with_managed_route("beta", to_canary(headers(&[("x", exact("y"))])));
        let outcome = pass(&mut objects, &wanted).unwrap();
        assert_eq!(outcome.notes.len(), notes, "{what}: {:?}", outcome.notes);
        let after = rules(&objects);
        let added = after.len() - 2;
        assert!(added > 0 && after[added..] == before, "{what}");
        let mut unique = names(&objects);
        unique.retain(|name| name != "-");
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), after.iter().filter(|rule| rule["name"].is_string()).count(), "{what}");
        pass(&mut objects, &traffic(0).with_managed_route("beta", None)).unwrap();
        assert_eq!(rules(&objects), before, "{what}");
    }
}

#[test]
fn names_of_copies_are_never_those_of_other_managed_routes() {
    let mut objects = Objects::new().with(http_route("cart", json!([both(0), both(0)])));
    let rule = |value: &str| to_canary(headers(&[("x", exact(value))]));
    let wanted = traffic(0).with_managed_route("beta", rule("1")).with_managed_route("beta-1", rule("2"));
    pass(&mut objects, &wanted).unwrap();
    assert_eq!(names(&objects), ["beta", "beta-2", "beta-1", "beta-1-1", "-", "-"]);
    let wanted = traffic(0).with_managed_route("beta", None).with_managed_route("beta-1", rule("2"));
    pass(&mut objects, &wanted).unwrap();
    assert_eq!(names(&objects), ["beta-1", "beta-1-1", "-", "-"]);
}

/// Definitions before v1.2 drop names: nothing is added a second time, and nothing is removed.
#[test]
fn rules_without_names_are_never_doubled() {
    for wanted in [
        traffic(20).with_managed_route("beta", to_canary(headers(&[("x", exact("y"))]))),
        traffic(20).with_managed_route("tap", mirror(50, vec![headers(&[("x", exact("y"))])])),
    ] {
        let mut objects = Objects::new().with(http_route("cart", json!([both(0)])));
        pass(&mut objects, &wanted).unwrap();
        for (_, object) in objects.iter_mut() {
            object["spec"]["rules"][0].as_object_mut().unwrap().remove("name");
        }
        let before = objects.clone();
        let problem = pass(&mut objects, &wanted).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("unsupported", Some("/spec/rules/0"))
        );
        assert!(problem.message.contains("v1.2"));
        assert_eq!(objects, before);
        let mut gone = wanted.clone();
        gone.managed_routes[0].rule = None;
        pass(&mut objects, &gone).unwrap();
        assert_eq!(rules(&objects).len(), 2);
    }
}

#[test]
fn only_routes_that_may_have_header_routes_get_them() {
    let config = json!({"httpRoutes": [{"name": "cart"}, {"name": "beta", "useHeaderRoutes": true}], "tcpRoute": "raw"});
    let target = cart(&config);
    let mut raw = http_route("raw", json!([both(0)]));
    raw["kind"] = json!("TCPRoute");
    let mut objects = Objects::new()
        .with(http_route("cart", json!([both(0)])))
        .with(http_route("beta", json!([both(0)])))
        .with(raw);
    let count = |objects: &Objects, kind: &str, name: &str| {
        objects.get(kind, "shop", name).unwrap()["spec"]["rules"].as_array().unwrap().len()
    };
    let beta = to_canary(headers(&[("x", exact("y"))]));
    objects.route::<GatewayApi>(&target, &traffic(0).with_managed_route("m", beta.clone())).unwrap();
    let counts = |objects: &Objects| {
        [("HTTPRoute", "cart"), ("HTTPRoute", "beta"), ("TCPRoute", "raw")]
            .map(|(kind, name)| count(objects, kind, name))
    };
    assert_eq!(counts(&objects), [1, 2, 1]);
    let tap = mirror(5, vec![headers(&[])]);
    objects.route::<GatewayApi>(&target, &traffic(0).with_managed_route("m", tap.clone())).unwrap();
    assert_eq!(counts(&objects), [2, 2, 1]);
    objects.release::<GatewayApi>(&target, &traffic(0).with_managed_route("m", tap.clone())).unwrap();
    assert_eq!(counts(&objects), [1, 1, 1]);
    for (config, rule) in [
        (json!({"httpRoutes": [{"name": "cart"}]}), beta),
        (
            json!({"httpRouteSelector": {"matchLabels": {"app": "cart"}}}),
            to_canary(headers(&[("x", exact("y"))])),
        ),
        (json!({"tcpRoute": "raw"}), tap),
    ] {
        let problem = objects
            .route::<GatewayApi>(&cart(&config), &traffic(0).with_managed_route("m", rule))
            .unwrap_err();
        assert!(problem.code == "unsupported" && problem.message.contains("`m`"), "{}", problem.message);
    }
}

/// A `GRPCRoute` has no path and no method of requests; its own method is of another form.
#[test]
fn grpc_routes_have_managed_rules_by_headers() {
    let target = cart(&json!({"grpcRoute": "cart"}));
    let with = |mut first: Value, matches: Value| {
        if matches.is_null() {
            first.as_object_mut().unwrap().remove("matches");
        } else {
            first["matches"] = matches;
        }
        let mut manifest = http_route("cart", json!([first]));
        manifest["kind"] = json!("GRPCRoute");
        Objects::new().with(manifest)
    };
    let call = json!({"method": {"type": "Exact", "service": "shop.Cart", "method": "Add"}});
    let header = json!([{"name": "x", "type": "Exact", "value": "y"}]);
    let beta = traffic(0).with_managed_route("beta", to_canary(headers(&[("x", exact("y"))])));
    for (given, expected) in [
        (Value::Null, json!([{"headers": header}])),
        (json!([call]), json!([{"method": call["method"], "headers": header}])),
    ] {
        let mut objects = with(both(0), given);
        objects.route::<GatewayApi>(&target, &beta).unwrap();
        let first = objects.get("GRPCRoute", "shop", "cart").unwrap()["spec"]["rules"][0].clone();
        assert_eq!((&first["name"], &first["matches"]), (&json!("beta"), &expected));
        objects.release::<GatewayApi>(&target, &beta).unwrap();
    }
    for request in [path(prefix("/shop.Cart")), method(exact("POST"))] {
        let tap = traffic(0).with_managed_route("tap", mirror(1, vec![request]));
        let problem = with(both(0), Value::Null).route::<GatewayApi>(&target, &tap).unwrap_err();
        assert_eq!(problem.code, "unsupported");
    }
}

#[test]
fn two_rollouts_with_managed_routes_leave_each_other_alone() {
    let search: Target = testing::target("shop", "search").with_config(&json!({"httpRoute": "cart"}));
    let mut objects = Objects::new().with(http_route(
        "cart",
        json!([both(0), rule(&[("search", Some(100)), ("search-canary", Some(0))])]),
    ));
    let before = rules(&objects);
    let of_cart = traffic(0)
        .with_managed_route("cart-beta", to_canary(headers(&[("x", exact("y"))])))
        .with_managed_route("cart-tap", mirror(5, vec![headers(&[])]));
    let of_search = testing::traffic(&search, 0)
        .with_managed_route("search-tap", mirror(5, vec![headers(&[])]))
        .with_managed_route("search-beta", to_canary(headers(&[("x", exact("y"))])));
    pass(&mut objects, &of_cart).unwrap();
    objects.route::<GatewayApi>(&search, &of_search).unwrap();
    assert_eq!(names(&objects), ["search-tap", "search-beta", "cart-beta", "cart-tap", "-", "-"]);
    assert_eq!(pass(&mut objects, &of_cart).unwrap().changes, []);
    assert_eq!(objects.route::<GatewayApi>(&search, &of_search).unwrap().changes, []);
    objects.release::<GatewayApi>(&cart_with_route(), &of_cart).unwrap();
    objects.release::<GatewayApi>(&search, &of_search).unwrap();
    assert_eq!(rules(&objects), before);
}
