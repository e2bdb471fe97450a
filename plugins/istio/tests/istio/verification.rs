//! What Istio reports, and what is made of it.

use serde_json::{Value, json};
use tidegate_router_sdk::Verdict;
use tidegate_router_sdk::testing::Objects;

use crate::{both, cart, cart_with_service, route, virtual_service};

/// The verdict on a `VirtualService` of generation 4 with this status.
fn verdict(config: Value, status: Option<Value>) -> Verdict {
    let mut service = virtual_service("cart", json!([both(20)]));
    if let Some(status) = status {
        service["status"] = status;
    }
    route(&mut Objects::new().with(service), &cart(config), 20).unwrap().verdict
}

fn reconciled(status: &str, observed: Value) -> Value {
    json!({"conditions": [
        {"type": "PassedAnalysis", "status": "True"},
        {"type": "Reconciled", "status": status, "message": "1/2 proxies up to date.", "observedGeneration": observed},
    ]})
}

#[test]
fn a_report_on_this_generation_is_waited_for() {
    let config = || json!({"virtualService": {"name": "cart"}});
    let word = |status: Option<Value>| match verdict(config(), status) {
        Verdict::Verified => "verified",
        Verdict::Pending(_) => "pending",
        Verdict::Rejected(_) => "rejected",
        Verdict::Unreported(_) => "unreported",
        Verdict::Unverifiable => "unverifiable",
    };
    for (what, status, expected) in [
        ("no status", None, "unverifiable"),
        ("an empty one", Some(json!({})), "unverifiable"),
        (
            "another condition",
            Some(json!({"conditions": [{"type": "PassedAnalysis", "status": "True"}]})),
            "unverifiable",
        ),
        ("in force", Some(reconciled("True", json!(4))), "verified"),
        ("64-bit numbers are texts", Some(reconciled("True", json!("4"))), "verified"),
        ("on its way", Some(reconciled("False", json!(4))), "pending"),
        ("unknown", Some(reconciled("Unknown", json!(4))), "pending"),
        ("on the generation before", Some(reconciled("True", json!("3"))), "pending"),
        ("on no generation", Some(reconciled("True", Value::Null)), "unverifiable"),
        (
            "the generation in the status",
            Some(
                json!({"observedGeneration": "4", "conditions": [{"type": "Reconciled", "status": "True"}]}),
            ),
            "verified",
        ),
    ] {
        assert_eq!(word(status), expected, "{what}");
    }
}

#[test]
fn never_looks_at_no_report() {
    for verify in ["config", "settings"] {
        let mut service = virtual_service("cart", json!([both(20)]));
        service["status"] = reconciled("False", json!(4));
        let target = match verify {
            "config" => cart(json!({"virtualService": {"name": "cart"}, "verify": "Never"})),
            _ => cart_with_service().with_settings(&json!({"verify": "Never"})),
        };
        let outcome = route(&mut Objects::new().with(service), &target, 20).unwrap();
        assert_eq!(outcome.verdict, Verdict::Unverifiable, "{verify}");
    }
}

#[test]
fn the_worst_report_counts() {
    let service = |name: &str, status: &str| {
        let mut service = virtual_service(name, json!([both(20)]));
        service["status"] = reconciled(status, json!(4));
        service
    };
    let target = cart(json!({"virtualServices": [{"name": "a"}, {"name": "b"}]}));
    let mut objects = Objects::new().with(service("a", "False")).with(service("b", "True"));
    assert!(
        matches!(route(&mut objects, &target, 20).unwrap().verdict, Verdict::Pending(text) if text.contains("shop/a"))
    );
    let mut objects = Objects::new().with(service("a", "True")).with(service("b", "True"));
    assert_eq!(route(&mut objects, &target, 20).unwrap().verdict, Verdict::Verified);
}
