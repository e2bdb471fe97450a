//! What holds for any managed routes, extra destinations and steps.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_router_sdk::testing::{self, Objects};
use tidegate_router_sdk::{Destination, Rule, RuleAction, Target, TextMatch, Traffic};

use crate::managed::request;
use crate::{Istio, both, cart, named, route_to, virtual_service};

fn target() -> Target {
    cart(json!({"virtualService": {"name": "cart", "routes": ["web", "api"]}}))
}

fn start() -> Value {
    let mut api = named("api", both(0));
    api["match"] = json!([{"uri": {"prefix": "/api"}}, {"headers": {"x-api": {"exact": "1"}}}]);
    api["rewrite"] = json!({"uri": "/"});
    virtual_service(
        "cart",
        json!([
            named("admin", route_to(&[("admin", None)])),
            api,
            named("web", both(0)),
            route_to(&[("x", None)])
        ]),
    )
}

fn text() -> impl Strategy<Value = TextMatch> {
    let text = prop::sample::select(vec!["1", "12", "/api", "/api/v1", ""]);
    (text, 0..3).prop_map(|(text, kind)| match kind {
        0 => TextMatch::Exact(text.to_owned()),
        1 => TextMatch::Prefix(text.to_owned()),
        _ => TextMatch::Regex(text.to_owned()),
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let header = (prop::sample::select(vec!["x-api", "X-Other"]), text());
    let one = (prop::option::of(text()), prop::collection::vec(header, 0..3))
        .prop_map(|(path, headers)| request(path, &headers));
    let action = prop_oneof![Just(RuleAction::ToCanary), (0_u32..=100).prop_map(RuleAction::Mirror)];
    (prop::collection::vec(one, 1..3), action).prop_map(|(matches, action)| Rule { matches, action })
}

/// Any traffic with the managed routes `a` and `b` in any order, and the extra destinations `p` and `q`, each of which
/// may have weight, or be gone.
fn desired() -> impl Strategy<Value = Traffic> {
    let managed = (prop::option::of(rule()), prop::option::of(rule()), any::<bool>());
    let weights = (0_u32..=50, prop::option::of(0_u32..=25), prop::option::of(0_u32..=25));
    (managed, weights).prop_map(|((a, b, swap), (canary, p, q))| {
        let mut traffic = testing::traffic(&target(), canary);
        for (name, service, weight) in [("p", "cart-p", p), ("q", "cart-q", q)] {
            match weight {
                Some(weight) => traffic = traffic.with_additional(name, service, weight),
                None => traffic.retired.push(Destination {
                    name: name.to_owned(),
                    service: Some(service.to_owned()),
                    pod_template_hash: None,
                    weight: 0,
                }),
            }
        }
        let mut routes = [("a", a), ("b", b)];
        if swap {
            routes.reverse();
        }
        routes.into_iter().fold(traffic, |traffic, (name, rule)| traffic.with_managed_route(name, rule))
    })
}

/// The user's routes: what is left without managed ones.
fn users(objects: &Objects) -> Vec<Value> {
    let service = objects.get("VirtualService", "shop", "cart").unwrap();
    let routes = service["spec"]["http"].as_array().unwrap().iter();
    let is_managed = |route: &&Value| {
        route["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("a-") || name.starts_with("b-") || name.len() == 1)
    };
    routes.filter(|route| !is_managed(route)).cloned().collect()
}

proptest! {
    /// The kit's pass asserts that routing on its own result changes nothing, and that the shares are right.
    #[test]
    fn the_way_there_does_not_matter(first in desired(), last in desired()) {
        let target = target();
        let (mut direct, mut detour) = (Objects::new().with(start()), Objects::new().with(start()));
        let _ = detour.route::<Istio>(&target, &first);
        let detour_went = detour.route::<Istio>(&target, &last).is_ok();
        let direct_went = direct.route::<Istio>(&target, &last).is_ok();
        prop_assert_eq!(direct_went, detour_went);
        if direct_went {
            prop_assert_eq!(direct, detour);
        }
    }

    #[test]
    fn releasing_brings_back_what_was_there(first in desired(), last in desired()) {
        let target = target();
        let mut objects = Objects::new().with(start());
        let _ = objects.route::<Istio>(&target, &first);
        let _ = objects.route::<Istio>(&target, &last);
        objects.release::<Istio>(&target, &last).unwrap();
        prop_assert_eq!(objects, Objects::new().with(start()));
    }

    #[test]
    fn the_users_routes_stay_in_their_order(first in desired(), last in desired()) {
        let target = target();
        let mut objects = Objects::new().with(start());
        for traffic in [&first, &last] {
            let _ = objects.route::<Istio>(&target, traffic);
            let names: Vec<_> = users(&objects).iter().map(|route| route["name"].clone()).collect();
            prop_assert_eq!(names, vec![json!("admin"), json!("api"), json!("web"), Value::Null]);
            prop_assert_eq!(&users(&objects)[0], &named("admin", route_to(&[("admin", None)])));
            prop_assert_eq!(&users(&objects)[1]["rewrite"], &json!({"uri": "/"}));
        }
    }
}
