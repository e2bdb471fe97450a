//! A new version of a Rollout, applied to the one that a cluster has: what the file says, with what others have added left
//! as it is, as `kubectl apply` does it.

use serde_json::{Map, Value, json};
use tidegate_api::object;

/// Where `kubectl apply` keeps what it applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The merge patch; `None`: nothing changes.
pub(crate) fn patch(live: &Value, file: &Value) -> Option<Value> {
    let last = object::annotation(live, LAST_APPLIED).and_then(|text| serde_json::from_str(text).ok());
    let last: Value = last.unwrap_or_default();
    let mut metadata = Map::new();
    for field in ["labels", "annotations"] {
        let of = |object: &'_ Value| object.get("metadata").and_then(|metadata| metadata.get(field)).cloned();
        let (live, file) = (of(live).unwrap_or_else(|| json!({})), of(file).unwrap_or_else(|| json!({})));
        if let Some(change) = change(of(&last).as_ref(), Some(&live), &file) {
            metadata.insert(field.to_owned(), change);
        }
    }
    let mut patch = Map::new();
    if !metadata.is_empty() {
        patch.insert("metadata".to_owned(), metadata.into());
    }
    let spec = file.get("spec").unwrap_or(&Value::Null);
    if let Some(change) = change(last.get("spec"), live.get("spec"), spec) {
        patch.insert("spec".to_owned(), change);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// From what is live to what is wanted. Gone is what was applied last and is not wanted any more.
fn change(last: Option<&Value>, live: Option<&Value>, wanted: &Value) -> Option<Value> {
    match (live, wanted) {
        (Some(Value::Object(live)), Value::Object(wanted)) => {
            let mut patch = Map::new();
            for (key, wanted) in wanted {
                let last = last.and_then(|last| last.get(key));
                if let Some(change) = change(last, live.get(key), wanted) {
                    patch.insert(key.clone(), change);
                }
            }
            for key in live.keys().filter(|key| !wanted.contains_key(*key)) {
                if last.is_some_and(|last| last.get(key).is_some()) {
                    patch.insert(key.clone(), Value::Null);
                }
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (None, Value::Null) => None,
        (Some(live), wanted) if live == wanted => None,
        (_, wanted) => Some(wanted.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_added_stays() {
        let last = json!({"metadata": {"annotations": {"mine": "1", "old": "1"}}, "spec": {"replicas": 1, "paused": true}});
        let live = json!({
            "metadata": {"annotations": {"mine": "1", "old": "1", "theirs": "1", LAST_APPLIED: last.to_string()}},
            "spec": {"replicas": 7, "paused": true, "template": {"a": [1, 2], "b": 1}},
        });
        let file = json!({"metadata": {"annotations": {"mine": "2"}}, "spec": {"template": {"a": [1]}}});
        assert_eq!(
            patch(&live, &file),
            Some(json!({
                "metadata": {"annotations": {"mine": "2", "old": null}},
                "spec": {"replicas": null, "paused": null, "template": {"a": [1]}},
            }))
        );
        assert_eq!(
            patch(
                &live,
                &json!({"spec": {"paused": true, "replicas": 7}, "metadata": {"annotations": {"mine": "1", "old": "1"}}})
            ),
            None
        );
    }

    #[test]
    fn without_a_record_nothing_is_taken_away() {
        let live = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 7, "paused": true}});
        assert_eq!(patch(&live, &json!({"spec": {"replicas": 3}})), Some(json!({"spec": {"replicas": 3}})));
        assert_eq!(patch(&live, &json!({"spec": {"replicas": 7}})), None);
    }
}
