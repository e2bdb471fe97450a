//! Label selectors: to text, and what the text matches.

use serde_json::json;
use tidegate_router_sdk::{Kind, LabelSelector, Pointer, Query, testing};

fn selector(json: &serde_json::Value) -> LabelSelector {
    serde_json::from_value(json.clone()).unwrap()
}

#[test]
fn selectors_become_kubernetes_text() {
    for (json, text) in [
        (json!({"matchLabels": {"app": "web", "a.b/c": ""}}), "a.b/c=,app=web"),
        (
            json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}),
            "tier in (a,b)",
        ),
        (
            json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}),
            "tier notin (a)",
        ),
        (
            json!({"matchLabels": {"app": "web"}, "matchExpressions": [
                {"key": "x", "operator": "Exists"}, {"key": "y", "operator": "DoesNotExist", "values": []}]}),
            "app=web,x,!y",
        ),
    ] {
        assert_eq!(selector(&json).to_text(&Pointer::root()).unwrap(), text);
    }
}

#[test]
fn what_kubernetes_would_refuse_is_refused_with_its_place() {
    for (json, pointer) in [
        (json!({}), "/s"),
        (json!({"matchLabels": {}, "matchExpressions": []}), "/s"),
        (json!({"matchLabels": {"a b": "c"}}), "/s/matchLabels/a b"),
        (json!({"matchLabels": {"a": "b,c=d"}}), "/s/matchLabels/a"),
        (json!({"matchLabels": {"a": "-x"}}), "/s/matchLabels/a"),
        (json!({"matchLabels": {"A.b/c": "x"}}), "/s/matchLabels/A.b~1c"),
        (json!({"matchLabels": {"a/b/c": "x"}}), "/s/matchLabels/a~1b~1c"),
        (json!({"matchLabels": {"": "x"}}), "/s/matchLabels/"),
        (json!({"matchLabels": {"a": "x".repeat(64)}}), "/s/matchLabels/a"),
        (json!({"matchExpressions": [{"key": "a", "operator": "In"}]}), "/s/matchExpressions/0/values"),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}),
            "/s/matchExpressions/0/values",
        ),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
            "/s/matchExpressions/0/operator",
        ),
        (json!({"matchExpressions": [{"key": "!a", "operator": "Exists"}]}), "/s/matchExpressions/0/key"),
        (
            json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", ")"]}]}),
            "/s/matchExpressions/0/values/1",
        ),
    ] {
        let problem = selector(&json).to_text(&Pointer::root().key("s")).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.pointer.as_deref()),
            ("invalid-config", Some(pointer)),
            "{json}"
        );
    }
}

#[test]
fn the_kit_finds_objects_by_label() {
    let kind = Kind::new("example.com", "Split");
    let split = |name: &str, labels: serde_json::Value| {
        json!({"apiVersion": "example.com/v1", "kind": "Split",
            "metadata": {"name": name, "namespace": "shop", "labels": labels}})
    };
    let objects = testing::Objects::new()
        .with(split("a", json!({"app": "web", "tier": "x"})))
        .with(split("b", json!({"app": "web"})))
        .with(split("c", json!({})));
    let found = |selector: &str| {
        let seen =
            objects.observe(&testing::target("shop", "cart"), &[Query::labelled(kind.clone(), selector)]);
        seen[0].objects.iter().map(|object| object.ref_.name.clone()).collect::<String>()
    };
    for (selector, names) in [
        ("app=web", "ab"),
        ("app==web,tier", "a"),
        ("app,!tier", "b"),
        ("tier in (x,y)", "a"),
        ("tier notin (x),app!=no", "bc"),
        ("tier=,app", ""),
    ] {
        assert_eq!(found(selector), names, "{selector}");
    }
    assert!(
        objects.observe(&testing::target("other", "cart"), &[Query::named(kind, "a")])[0].objects.is_empty()
    );
}
