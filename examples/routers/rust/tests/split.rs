//! The Split router, natively.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use serde_json::{Value, json};
use tidegate_example_router_rust::Split;
use tidegate_router_sdk::{Target, testing};

fn target() -> Target {
    testing::target("shop", "cart").with_config(&json!({"split": "cart"}))
}

fn objects(backends: Value) -> testing::Objects {
    testing::Objects::new().with(json!({
        "apiVersion": "example.com/v1", "kind": "Split", "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"backends": backends},
    }))
}

fn backends(objects: &testing::Objects) -> &Value {
    &objects.get("Split", "shop", "cart").unwrap()["spec"]["backends"]
}

#[test]
fn weights_are_divided_and_given_back() {
    let mut objects = objects(json!([
        {"service": "audit", "weight": "much"},
        {"service": "cart", "weight": 100, "note": "kept"},
        {"service": "cart-canary"},
    ]));
    objects.route::<Split>(&target(), &testing::traffic(&target(), 20)).unwrap();
    assert_eq!(
        *backends(&objects),
        json!([
            {"service": "audit", "weight": "much"},
            {"service": "cart", "weight": 80, "note": "kept"},
            {"service": "cart-canary", "weight": 20},
        ])
    );
    objects.release::<Split>(&target(), &testing::traffic(&target(), 20)).unwrap();
    assert_eq!(
        (&backends(&objects)[1]["weight"], &backends(&objects)[2]["weight"]),
        (&json!(100), &json!(0))
    );
}

#[test]
fn what_is_wrong_is_said() {
    let code = |backends: Value| {
        objects(backends)
            .route::<Split>(&target(), &testing::traffic(&target(), 20))
            .unwrap_err()
            .code
            .clone()
    };
    assert_eq!(code(json!([{"service": "cart", "weight": 100}])), "missing-backend");
    assert_eq!(code(json!({})), "invalid-object");
    for weight in [json!(-1), json!("80"), json!(0.5), json!(2_147_483_648_u32)] {
        let backends =
            json!([{"service": "cart", "weight": weight}, {"service": "cart-canary", "weight": 0}]);
        assert_eq!(code(backends), "invalid-object", "{weight}");
    }
    let twice = json!([{"service": "cart", "weight": 1}, {"service": "cart", "weight": 0}]);
    assert_eq!(code(twice), "invalid-object");
}
