//! What the test kit lets a plugin change, which is what a host lets it change.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use tidegate_router_sdk::{
    Change, Description, Edit, ElementUse, Kind, KindUse, ManagedRoute, ObjectRef, Observation, Outcome,
    Problem, Query, Router, Rule, RuleAction, Target, Traffic, Verdict, testing,
};

fn split() -> Kind {
    Kind::new("example.com", "Split")
}

fn made() -> Kind {
    Kind::new("example.com", "Made")
}

thread_local! {
    /// Which objects there should be, by kind. Not in the configuration, because what that names counts as ours.
    static WANTED: RefCell<Value> = const { RefCell::new(Value::Null) };
}

/// A router that wants what a test says.
struct Wanting;

impl Router for Wanting {
    fn describe() -> Description {
        let mut splits = KindUse::new(split(), &["v1"], &["/spec/rules/*/weight", "/metadata/labels/*"]);
        splits.elements = vec![ElementUse {
            at: "/spec/rules/*".into(),
            identity: "/name".into(),
            references: vec!["/to/*".into()],
        }];
        let mut mades = KindUse::new(made(), &["v1"], &[]);
        mades.verbs = ["read", "update", "create", "delete"].map(str::to_owned).to_vec();
        Description {
            name: "wanting".into(),
            version: "1.0.0".into(),
            features: vec!["weights".into()],
            kinds: vec![splits, mades],
            config_schema: "{}".into(),
            settings_schema: "{}".into(),
            annotations: vec![],
        }
    }

    fn check(_: &Target) -> Result<Vec<String>, Problem> {
        Ok(vec![])
    }

    fn locate(_: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, Problem> {
        Ok(vec![Query::named(split(), "cart"), Query::named(made(), "extra")])
    }

    fn route(_: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        let wanted = WANTED.with_borrow(Value::clone);
        let mut outcome = Outcome { verdict: Verdict::Unverifiable, ..Outcome::default() };
        let about = ObjectRef::namespaced(split(), "shop", "cart");
        outcome.place(
            &about,
            "/spec",
            &[("stable", traffic.stable.weight), ("canary", traffic.canary.weight)],
        );
        for (kind, name) in [(split(), "cart"), (made(), "extra")] {
            let found = seen.iter().flat_map(|seen| &seen.objects).find(|object| object.ref_.kind == kind);
            let found: Option<Value> = found.map(|object| serde_json::from_str(&object.json).unwrap());
            let wanted = &wanted[&kind.kind];
            let is_right = match &found {
                Some(found) => {
                    found["spec"] == wanted["spec"]
                        && found["metadata"]["labels"]["x"] == wanted["metadata"]["labels"]["x"]
                }
                None => wanted.is_null(),
            };
            if is_right {
                continue;
            }
            let edit = if wanted.is_null() { Edit::Remove } else { Edit::Replace(wanted.to_string()) };
            outcome.changes.push(Change { ref_: ObjectRef::namespaced(kind, "shop", name), edit });
        }
        Ok(outcome)
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

fn rule(name: &str, to: &str, weight: u32) -> Value {
    json!({"name": name, "to": [to], "weight": weight})
}

/// What becomes of the objects, or why a host would not have it.
fn judged(before: &[Value], split: &Value, made: &Value, config: &Value) -> Result<testing::Objects, String> {
    WANTED.set(json!({"Split": split, "Made": made}));
    let target = testing::target("shop", "cart").with_config(config);
    let mut traffic = testing::traffic(&target, 20);
    let rule = Rule { matches: Vec::new(), action: RuleAction::ToCanary };
    traffic.managed_routes = vec![ManagedRoute { name: "beta".into(), rule: Some(rule) }];
    let mut objects = before.iter().cloned().fold(testing::Objects::new(), testing::Objects::with);
    let result = catch_unwind(AssertUnwindSafe(|| objects.route::<Wanting>(&target, &traffic).map(drop)));
    match result {
        Ok(Ok(())) => Ok(objects),
        Ok(Err(problem)) => Err(problem.message.clone()),
        Err(panic) => Err(panic.downcast_ref::<String>().cloned().unwrap_or_default()),
    }
}

#[test]
fn own_elements_come_and_go_and_others_stay() {
    let old = vec![rule("first", "other", 1), rule("second", "cart", 1), rule("beta", "cart-canary", 1)];
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut rules = old.clone();
        change(&mut rules);
        rules
    };
    for (new, expected) in [
        (with(&|rules| rules.truncate(2)), None),
        (with(&|rules| rules.insert(0, rule("beta-1", "cart-canary", 9))), None),
        (with(&|rules| rules.insert(0, rule("beta-1", "cart.shop.svc", 9))), None),
        (with(&|rules| rules[2] = rule("beta", "cart", 9)), None),
        (with(&|rules| rules.rotate_right(1)), None),
        (with(&|rules| rules[1]["weight"] = json!(9)), None),
        (with(&|rules| rules[0]["weight"] = json!(9)), Some("nothing to do with the Rollout")),
        (with(&|rules| rules[1]["note"] = json!(9)), Some("/spec/rules/1/note")),
        (with(&|rules| rules[1]["weight"] = json!([9])), Some("comes or goes")),
        (with(&|rules| drop(rules.remove(0))), Some("comes or goes")),
        (with(&|rules| rules.insert(0, rule("beta-x", "cart", 9))), Some("comes or goes")),
        (with(&|rules| rules[2]["name"] = json!("mine")), Some("comes or goes")),
        (with(&|rules| rules.swap(0, 1)), Some("/spec/rules/0")),
        (with(&|rules| rules.insert(0, rule("beta-1", "other", 9))), Some("refers to \"other\"")),
        (
            with(&|rules| rules.insert(0, rule("beta-1", "cart.other.svc", 9))),
            Some("refers to \"cart.other.svc\""),
        ),
    ] {
        let spec = |rules: &Vec<Value>| object("Split", "cart", &json!({"rules": rules}));
        let judged = judged(&[spec(&old)], &spec(&new), &Value::Null, &json!({}));
        match expected {
            None => assert_eq!(judged.map(drop), Ok(()), "{new:?}"),
            Some(expected) => {
                let Err(why) = judged else { panic!("a host refuses {new:?}") };
                assert!(why.contains(expected), "{new:?}: {why}");
            }
        }
    }
}

#[test]
fn labels_change_where_the_configuration_names_them() {
    let old = object("Split", "cart", &json!({"rules": []}));
    let mut new = old.clone();
    new["metadata"]["labels"] = json!({"x": "1"});
    assert!(judged(std::slice::from_ref(&old), &new, &Value::Null, &json!({})).is_err());
    assert!(judged(&[old], &new, &Value::Null, &json!({"label": "x"})).is_ok());
}

#[test]
fn what_is_made_is_owned_and_only_that_is_changed_and_removed() {
    let split = object("Split", "cart", &json!({"rules": []}));
    let mut wanted = object("Made", "extra", &json!({"a": 1}));
    wanted["metadata"].as_object_mut().unwrap().remove("namespace");
    let objects = judged(std::slice::from_ref(&split), &split, &wanted, &json!({})).unwrap();
    let found = objects.get("Made", "shop", "extra").unwrap().clone();
    assert_eq!(found["metadata"]["ownerReferences"][0]["uid"], "shop-cart-uid");
    assert_eq!(found["metadata"]["labels"]["app.kubernetes.io/managed-by"], "tidegate");
    // Changed, and what the host gave it is kept.
    wanted["spec"] = json!({"b": [1, 2]});
    let objects = judged(&[split.clone(), found.clone()], &split, &wanted, &json!({})).unwrap();
    let changed = objects.get("Made", "shop", "extra").unwrap();
    assert_eq!((&changed["metadata"], &changed["spec"]), (&found["metadata"], &wanted["spec"]));
    let objects = judged(&[split.clone(), found.clone()], &split, &Value::Null, &json!({})).unwrap();
    assert!(objects.get("Made", "shop", "extra").is_none());
    // Somebody else's of the same name.
    let mut foreign = found;
    foreign["metadata"]["ownerReferences"][0]["uid"] = json!("other");
    for wanted in [wanted, Value::Null] {
        let why = judged(&[split.clone(), foreign.clone()], &split, &wanted, &json!({}));
        assert!(why.is_err());
    }
}
