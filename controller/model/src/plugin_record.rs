//! Which versions of its router plugins a Rollout in flight began with, as an annotation on it says.
//!
//! The annotation is a JSON object: the name of a plugin, as `trafficRouting` has it, and the SHA-256 digest of its bytes. It
//! counts only while the Rollout is in flight. An operator may edit it, or take it away to go on with the current versions,
//! so it may say anything: what is no record of a plugin that the Rollout uses is ignored, and told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::Digest;

use crate::interest;
use crate::names::ROUTER_PLUGINS_ANNOTATION;

/// What the annotation says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginRecord {
    /// Of plugins that the Rollout uses, by name.
    pub versions: BTreeMap<String, Digest>,
    /// What else it says, each with why that is ignored.
    pub ignored: Vec<String>,
}

impl PluginRecord {
    /// Reads it; `None`: there is none.
    pub fn read(rollout: &Value) -> Option<Self> {
        let text = object::annotation(rollout, ROUTER_PLUGINS_ANNOTATION)?;
        let mut record = Self::default();
        let entries = match serde_json::from_str(text) {
            Ok(Value::Object(entries)) => entries,
            Ok(_) => {
                record.ignored.push("it is no JSON object".to_owned());
                return Some(record);
            }
            Err(error) => {
                record.ignored.push(format!("it is no JSON ({error})"));
                return Some(record);
            }
        };
        let used: BTreeSet<String> =
            interest::routers(rollout).into_iter().map(|router| router.name).collect();
        for (name, digest) in entries {
            if !used.contains(&name) {
                record.ignored.push(format!("{:?} is no plugin that this Rollout uses", shortened(&name)));
                continue;
            }
            if let Some(digest) = digest.as_str().and_then(|digest| digest.parse().ok()) {
                record.versions.insert(name, digest);
            } else {
                let text = digest.to_string();
                record.ignored.push(format!("{} of {name:?} is no SHA-256 digest", shortened(&text)));
            }
        }
        Some(record)
    }

    /// The annotation's text for these versions.
    pub fn text(versions: &BTreeMap<String, Digest>) -> String {
        let entries = versions.iter().map(|(name, digest)| (name.clone(), digest.to_string().into()));
        Value::Object(entries.collect()).to_string()
    }
}

/// The beginning of a text that somebody wrote, for a message.
fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(80).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// Whether an update is in progress, as the status has it: the newest template is not the stable one, steps are left, or
/// traffic has yet to come back from the canary role.
pub fn is_in_flight(rollout: &Value) -> bool {
    let status = rollout.get("status").unwrap_or(&Value::Null);
    let text = |field: &str| status.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("stableRS").is_empty() {
        // Nothing is routed before there is something to compare with.
        return false;
    }
    let steps = rollout.pointer("/spec/strategy/canary/steps").and_then(Value::as_array).map_or(0, Vec::len);
    let done = status.get("currentStepIndex").and_then(Value::as_u64);
    let is_stepping = done.is_some_and(|done| usize::try_from(done).is_ok_and(|done| done < steps));
    let weights = status.pointer("/canary/weights").unwrap_or(&Value::Null);
    let canary = weights.pointer("/canary/weight").and_then(Value::as_u64).unwrap_or_default();
    let additional = weights.get("additional").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    text("stableRS") != text("currentPodHash") || is_stepping || canary > 0 || additional
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rollout(annotation: &str) -> Value {
        json!({
            "metadata": {"annotations": {ROUTER_PLUGINS_ANNOTATION: annotation}},
            "spec": {"strategy": {"canary": {"trafficRouting": {"plugins": {"a/a": {}}, "istio": {}}}}},
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let versions = BTreeMap::from([
            ("a/a".to_owned(), Digest([7; 32])),
            ("builtin:istio".to_owned(), Digest([8; 32])),
        ]);
        let read = PluginRecord::read(&rollout(&PluginRecord::text(&versions)));
        assert_eq!(read, Some(PluginRecord { versions, ignored: Vec::new() }));
        assert_eq!(PluginRecord::read(&json!({})), None);
    }

    #[test]
    fn what_cannot_be_meant_is_ignored_and_the_rest_counts() {
        for text in ["", "garbage", "[]", "7", "null", "{\"a/a\":", "\"a/a\""] {
            let read = PluginRecord::read(&rollout(text)).unwrap();
            assert_eq!((read.versions.len(), read.ignored.len()), (0, 1), "{text}");
        }
        let good = "07".repeat(32);
        for digest in [json!(null), json!(7), json!(""), json!("07"), json!("é".repeat(32)), json!({})] {
            let text = json!({"a/a": digest, "b/b": good, "builtin:istio": format!("sha256:{good}")});
            let read = PluginRecord::read(&rollout(&text.to_string())).unwrap();
            assert_eq!(read.versions, BTreeMap::from([("builtin:istio".to_owned(), Digest([7; 32]))]));
            assert_eq!(read.ignored.len(), 2, "{:?}", read.ignored);
        }
    }

    #[test]
    fn an_update_is_in_flight_until_its_traffic_is_back() {
        let status = |stable: &str, current: &str, index: u64, weight: u64| {
            json!({
                "spec": {"strategy": {"canary": {"steps": [{}, {}]}}},
                "status": {
                    "stableRS": stable, "currentPodHash": current, "currentStepIndex": index,
                    "canary": {"weights": {"canary": {"weight": weight}}},
                },
            })
        };
        let table = [
            (status("", "b", 0, 0), false),
            (status("a", "a", 2, 0), false),
            (status("a", "b", 0, 0), true),
            (status("a", "b", 2, 100), true),
            (status("a", "a", 2, 100), true),
            (status("a", "a", 1, 0), true),
            (json!({}), false),
            (json!({"status": {"stableRS": "a", "currentPodHash": "a"}}), false),
            (json!({"status": 7}), false),
        ];
        for (rollout, expected) in table {
            assert_eq!(is_in_flight(&rollout), expected, "{rollout}");
        }
    }
}
