//! What is written, and what makes it fail.

use serde_json::{Value, json};
use tidegate_route::{apply, patch, tested_values_hold};

use crate::plugin::route;

/// A route whose rules have names.
fn named_rules() -> Value {
    let mut web = route("web");
    for (index, name) in ["main", "legacy", "api"].into_iter().enumerate() {
        web["spec"]["rules"][index]["name"] = json!(name);
    }
    web
}

fn with(object: &Value, changes: &[(&str, Value)]) -> Value {
    let mut object = object.clone();
    for (path, value) in changes {
        *object.pointer_mut(path).unwrap() = value.clone();
    }
    object
}

#[test]
fn a_weight_is_set_where_the_names_and_the_old_value_are() {
    let old = named_rules();
    let new = with(&old, &[("/spec/rules/2/backendRefs/1/weight", json!(20))]);
    assert_eq!(
        patch(&old, &new),
        [
            json!({"op": "test", "path": "/metadata/uid", "value": "uid-web"}),
            json!({"op": "test", "path": "/spec/rules/2/backendRefs/1/name", "value": "web-canary"}),
            json!({"op": "test", "path": "/spec/rules/2/backendRefs/1/weight", "value": 0}),
            json!({"op": "test", "path": "/spec/rules/2/name", "value": "api"}),
            json!({"op": "replace", "path": "/spec/rules/2/backendRefs/1/weight", "value": 20}),
        ]
    );
    assert!(patch(&old, &old).is_empty());
}

#[test]
fn a_rule_without_a_name_is_known_by_all_that_it_holds() {
    let old = route("web");
    let new = with(&old, &[("/spec/rules/2/backendRefs/1/weight", json!(20))]);
    assert_eq!(
        patch(&old, &new),
        [
            json!({"op": "test", "path": "/metadata/uid", "value": "uid-web"}),
            json!({"op": "test", "path": "/spec/rules/2", "value": old["spec"]["rules"][2]}),
            json!({"op": "replace", "path": "/spec/rules/2/backendRefs/1/weight", "value": 20}),
        ]
    );
}

#[test]
fn elements_of_one_name_are_known_by_all_that_they_hold() {
    let mut old = named_rules();
    old["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("web-canary");
    let new = with(&old, &[("/spec/rules/0/backendRefs/1/weight", json!(20))]);
    let patch = patch(&old, &new);
    assert!(patch.contains(&json!({
        "op": "test", "path": "/spec/rules/0/backendRefs/1", "value": old["spec"]["rules"][0]["backendRefs"][1]
    })));
    let mut swapped = old.clone();
    swapped["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap().swap(0, 1);
    assert!(apply(&patch, &swapped).is_err());
}

#[test]
fn changes_of_others_elsewhere_do_not_stand_in_the_way() {
    let old = named_rules();
    let new = with(
        &old,
        &[
            ("/spec/rules/0/backendRefs/0/weight", json!(80)),
            ("/spec/rules/0/backendRefs/1/weight", json!(20)),
        ],
    );
    let patch = patch(&old, &new);
    let meanwhile = [
        ("/metadata/resourceVersion", json!("43")),
        ("/metadata/generation", json!(4)),
        ("/metadata/annotations", json!({"team/owner": "b"})),
        ("/spec/parentRefs", json!([])),
        ("/spec/rules/1", json!({"name": "legacy", "backendRefs": []})),
        ("/spec/rules/0/matches", json!([])),
        ("/spec/rules/0/backendRefs/0/port", json!(8080)),
        ("/status", json!({"parents": [{}]})),
    ];
    assert_eq!(apply(&patch, &with(&old, &meanwhile)), Ok(with(&new, &meanwhile)));
}

#[test]
fn what_it_was_computed_from_must_still_be_there() {
    let old = named_rules();
    let new = with(&old, &[("/spec/rules/0/backendRefs/1/weight", json!(20))]);
    let patch = patch(&old, &new);
    assert!(tested_values_hold(&patch, &old));
    let foreign = json!({"name": "new", "backendRefs": [{"name": "x", "weight": 1}]});
    let edits: [(&str, &dyn Fn(&mut Value)); 7] = [
        ("made anew", &|o| o["metadata"]["uid"] = json!("other")),
        ("already changed", &|o| o["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(5)),
        ("weight gone", &|o| {
            o["spec"]["rules"][0]["backendRefs"][1].as_object_mut().unwrap().remove("weight");
        }),
        ("a rule before it", &|o| o["spec"]["rules"].as_array_mut().unwrap().insert(0, foreign.clone())),
        ("rule gone", &|o| drop(o["spec"]["rules"].as_array_mut().unwrap().remove(0))),
        ("backends swapped", &|o| o["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap().swap(0, 1)),
        ("no backends", &|o| o["spec"]["rules"][0]["backendRefs"] = json!(null)),
    ];
    for (what, edit) in edits {
        let mut meanwhile = old.clone();
        edit(&mut meanwhile);
        assert!(apply(&patch, &meanwhile).is_err(), "{what}");
        assert!(!tested_values_hold(&patch, &meanwhile), "{what}");
    }
}

#[test]
fn a_field_that_was_absent_is_added_only_while_it_is_absent() {
    let mut old = named_rules();
    old["spec"]["rules"][0]["backendRefs"][1].as_object_mut().unwrap().remove("weight");
    let mut new = old.clone();
    new["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(20);
    let patch = patch(&old, &new);
    assert_eq!(apply(&patch, &old), Ok(new.clone()));
    let meanwhile = with(&new, &[("/spec/rules/0/backendRefs/1/weight", json!(1))]);
    assert!(apply(&patch, &meanwhile).is_err());
}

#[test]
fn where_absence_cannot_be_tested_the_version_is() {
    let old = named_rules();
    let mut new = old.clone();
    new["metadata"]["labels"] = json!({"a": "b"});
    let written = patch(&old, &new);
    assert_eq!(apply(&written, &old), Ok(new.clone()));
    assert!(apply(&written, &with(&old, &[("/metadata/resourceVersion", json!("43"))])).is_err());
    // With a map to test there is no need for that.
    let mut newer = new.clone();
    newer["metadata"]["labels"]["c"] = json!("d");
    let written = patch(&new, &newer);
    assert!(apply(&written, &with(&new, &[("/metadata/resourceVersion", json!("43"))])).is_ok());
    assert!(apply(&written, &with(&new, &[("/metadata/labels", json!({"a": "x"}))])).is_err());
    // A large map is too much to test.
    new["metadata"]["labels"]["big"] = json!("x".repeat(5000));
    newer["metadata"]["labels"]["big"] = json!("x".repeat(5000));
    let written = patch(&new, &newer);
    assert!(apply(&written, &with(&new, &[("/metadata/resourceVersion", json!("43"))])).is_err());
    assert!(written.iter().all(|operation| operation.to_string().len() < 1000));
}

#[test]
fn rules_come_and_go_only_while_the_list_is_the_same() {
    let old = named_rules();
    let mut new = old.clone();
    let header = json!({"name": "header", "backendRefs": [{"name": "web-canary", "port": 80}]});
    let rules = new["spec"]["rules"].as_array_mut().unwrap();
    rules.remove(2);
    rules.insert(0, header.clone());
    rules[1]["backendRefs"][1]["weight"] = json!(20);
    let patch = patch(&old, &new);
    assert_eq!(apply(&patch, &old), Ok(new));
    let changes: Vec<_> = patch
        .iter()
        .filter(|operation| operation["op"] != "test")
        .map(|operation| operation["path"].clone())
        .collect();
    assert_eq!(changes, ["/spec/rules/0/backendRefs/1/weight", "/spec/rules/2", "/spec/rules/0"]);
    let edits: [&dyn Fn(&mut Vec<Value>); 4] = [
        &|rules| rules.swap(1, 2),
        &|rules| rules.insert(1, header.clone()),
        &|rules| drop(rules.remove(1)),
        &|rules| rules[2]["matches"] = json!([]),
    ];
    for edit in edits {
        let mut meanwhile = old.clone();
        edit(meanwhile["spec"]["rules"].as_array_mut().unwrap());
        assert!(apply(&patch, &meanwhile).is_err(), "{meanwhile}");
    }
    // Behind all that it speaks of, another rule does not matter.
    let mut meanwhile = old.clone();
    meanwhile["spec"]["rules"].as_array_mut().unwrap().push(json!({"name": "late"}));
    assert!(apply(&patch, &meanwhile).is_ok());
}

#[test]
fn the_first_element_of_an_empty_list_is_added_only_while_it_is_empty() {
    let mut old = named_rules();
    old["spec"]["rules"][0]["filters"] = json!([]);
    let mut new = old.clone();
    new["spec"]["rules"][0]["filters"] = json!([{"type": "x"}]);
    let patch = patch(&old, &new);
    assert_eq!(apply(&patch, &old), Ok(new.clone()));
    assert!(apply(&patch, &new).is_err());
}
