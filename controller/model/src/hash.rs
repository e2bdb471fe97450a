//! The hashes that tell one revision of a Rollout from another.
//!
//! Both are FNV-1a (32 bit) over the JSON that Argo Rollouts' Go types encode to, in the alphabet that Kubernetes
//! uses for generated names. So a Rollout that Argo Rollouts left in the middle of an update goes on where it was: its
//! `status.currentStepHash` and the labels of its ReplicaSets mean the same here.
//!
//! What is exact: every field of `CanaryStep` of Argo Rollouts 1.10 and of `PodTemplateSpec` of Kubernetes 1.36,
//! amounts and escapes included. What is not: fields that those do not know (Go drops them, here they count);
//! numbers with a fraction inside the configuration of a plugin step (Go and Rust spell very large and very small
//! ones differently); and values of a type that Go could not have decoded. Argo Rollouts before 1.9 wrote
//! `"creationTimestamp":null` into every template, so its labels differ; this is one reason why templates are
//! compared as well (see [`crate::template`]).

use serde_json::Value;

use crate::pod_shape::PodTemplateSpec;
use crate::shape::Shape;
use crate::shape_json::encode;
use crate::step_shape::CanaryStep;

/// `status.currentStepHash`: the hash of `spec.strategy.canary.steps`.
///
/// No steps and an empty list are the same, as they are after Argo Rollouts has read them.
pub fn steps_hash(steps: Option<&Value>) -> String {
    let steps = match steps {
        Some(Value::Array(items)) if items.is_empty() => &Value::Null,
        Some(steps) => steps,
        None => &Value::Null,
    };
    safe_hash(encode(Shape::List(&CanaryStep), steps).as_bytes())
}

/// The value of the label `rollouts-pod-template-hash` for a pod template as it stands in the Rollout.
///
/// `collision_count` is `status.collisionCount`: how often a ReplicaSet of that name was somebody else's.
pub fn template_hash(template: &Value, collision_count: Option<i64>) -> String {
    let mut bytes = encode(PodTemplateSpec, template).into_bytes();
    if let Some(count) = collision_count {
        // Argo writes the low 32 bits into the first half of eight bytes.
        let count = u32::try_from(count.rem_euclid(1 << 32)).unwrap_or_default();
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
    }
    safe_hash(&bytes)
}

/// FNV-1a (32 bit) in decimal digits, each replaced by a letter that cannot form a word.
fn safe_hash(bytes: &[u8]) -> String {
    fnv1a_32(bytes)
        .to_string()
        .bytes()
        .map(|digit| match digit {
            b'0'..=b'5' => char::from(digit + 4),
            b'6' => 'b',
            b'7' => 'c',
            b'8' => 'd',
            _ => 'f',
        })
        .collect()
}

/// FNV-1a with 32 bits: its offset basis is 2166136261, its prime 16777619.
fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hashes_are_those_of_argo_rollouts() {
        assert_eq!(fnv1a_32(b"[]"), 1_947_613_349);
        assert_eq!(safe_hash(b"[]"), "5f8cb5778f");
        assert_eq!(safe_hash(b"null"), "5ffbfbbd64");
        assert_eq!(steps_hash(None), "5ffbfbbd64");
        assert_eq!(steps_hash(Some(&json!([]))), "5ffbfbbd64");
        assert_eq!(steps_hash(Some(&json!([{"setWeight": 20}, {"pause": {}}]))), "54649b9f5c");
    }

    /// Vectors from the types of Argo Rollouts 1.10.2, decoded, encoded and decoded again as its controller does.
    #[test]
    fn every_kind_of_step_hashes_as_in_argo_rollouts() {
        for (steps, hash) in [
            (
                json!([
                    {"setCanaryScale": {"replicas": 0, "matchTrafficWeight": false}},
                    {"pause": {"duration": "1h<&>"}},
                    {"pause": {"duration": 30}},
                    {"plugin": {"config": {"b": {"x": ["<"]}, "a": 1}, "name": "a/b"}},
                ]),
                "5d6fdd58b4",
            ),
            (
                json!([
                    {"setHeaderRoute": {"name": "h", "match": [
                        {"headerName": "X", "headerValue": {"exact": "\u{2028}"}}, {"headerName": "Y"},
                    ]}},
                    {"setMirrorRoute": {"percentage": 0, "name": "m", "match": [
                        {"headers": {"b": {"prefix": "p"}, "a": {}}, "path": {"regex": ".*"}},
                    ]}},
                ]),
                "5b5cf7b87f",
            ),
            (
                json!([
                    {"experiment": {
                        "duration": "5m",
                        "templates": [{"name": "c", "specRef": "canary", "weight": 5}],
                        "analyses": [{"name": "a", "templateName": "t", "args": [{"name": "x", "value": ""}]}],
                    }},
                    {"analysis": {
                        "templates": [{"clusterScope": false, "templateName": "t"}],
                        "args": [{"name": "h", "valueFrom": {"podTemplateHashValue": "Latest"}}],
                    }},
                ]),
                "5f679cc9cc",
            ),
        ] {
            assert_eq!(steps_hash(Some(&steps)), hash, "{steps}");
        }
    }

    /// Vectors from `ComputePodTemplateHash` of Argo Rollouts 1.10.2.
    #[test]
    fn templates_hash_as_in_argo_rollouts() {
        let plain = json!({
            "metadata": {"labels": {"b": "2", "a": "1"}},
            "spec": {"containers": [{"image": "nginx:1.27", "name": "app"}]},
        });
        let rich = json!({
            "metadata": {"labels": {"b": "2", "a": "1"}, "creationTimestamp": null},
            "spec": {"volumes": [], "containers": [{
                "image": "nginx:1.27",
                "name": "app",
                "ports": [{"containerPort": 8080, "name": "http"}],
                "resources": {"requests": {"memory": "1024Mi", "cpu": 0.1}},
                "env": [{"value": "", "name": "EMPTY"}, {"name": "HTML", "value": "<a href=\"x\">&</a>\t"}],
                "securityContext": {"runAsNonRoot": false},
            }]},
        });
        assert_eq!(template_hash(&json!({}), None), "658c46c486");
        assert_eq!(template_hash(&plain, Some(3)), "5d4dfc47fc");
        assert_eq!(template_hash(&rich, None), "6b8cb768dc");
    }

    #[test]
    fn a_change_of_a_field_that_is_not_known_still_shows() {
        let hash = |value: Value| template_hash(&json!({"spec": {"fromTheFuture": value}}), None);
        assert_ne!(hash(json!(1)), hash(json!(2)));
        assert_eq!(hash(json!(null)), template_hash(&json!({}), None));
    }
}
