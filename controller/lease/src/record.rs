//! What a Lease says about its holder.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_api::builtin;

use crate::config::Config;

/// The part of a Lease's `spec` that an election is about. Anything else in the object is kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// How long others wait.
    pub duration: Duration,
    /// Since when it has this holder.
    pub acquired: Option<Timestamp>,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
    /// How often it changed its holder.
    pub transitions: i32,
}

impl Record {
    /// Reads it. What is absent or of another type is nothing; a record without a duration is worth the
    /// given one.
    pub(crate) fn of(lease: &Value, default_duration: Duration) -> Self {
        let field = |key: &str| lease.get("spec").and_then(|spec| spec.get(key));
        let time = |key: &str| field(key)?.as_str()?.parse().ok();
        let number =
            |key: &str| field(key).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
        Self {
            holder: field("holderIdentity").and_then(Value::as_str).unwrap_or_default().to_owned(),
            duration: number("leaseDurationSeconds")
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0)
                .map_or(default_duration, Duration::from_secs),
            acquired: time("acquireTime"),
            renewed: time("renewTime"),
            transitions: number("leaseTransitions").unwrap_or_default(),
        }
    }

    /// A new Lease that says this.
    pub(crate) fn new_lease(&self, config: &Config) -> Value {
        let lease = json!({
            "apiVersion": builtin::leases().api_version(),
            "kind": "Lease",
            "metadata": {"namespace": config.namespace, "name": config.name},
        });
        self.written_to(lease)
    }

    /// The Lease with this in it.
    pub(crate) fn written_to(&self, mut lease: Value) -> Value {
        let mut spec = match lease.get_mut("spec").map(Value::take) {
            Some(Value::Object(spec)) => spec,
            _ => Map::new(),
        };
        // MicroTime: always six digits.
        let time = |time: Option<Timestamp>| time.map_or(Value::Null, |time| format!("{time:.6}").into());
        spec.insert("holderIdentity".into(), self.holder.clone().into());
        spec.insert("leaseDurationSeconds".into(), self.duration.as_secs().into());
        spec.insert("acquireTime".into(), time(self.acquired));
        spec.insert("renewTime".into(), time(self.renewed));
        spec.insert("leaseTransitions".into(), self.transitions.into());
        if let Some(lease) = lease.as_object_mut() {
            lease.insert("spec".into(), Value::Object(spec));
        }
        lease
    }
}

/// What a record can hold of a time.
pub(crate) fn to_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FALLBACK: Duration = Duration::from_secs(15);

    #[test]
    fn a_record_survives_writing_and_the_rest_is_kept() {
        let record = Record {
            holder: "a".into(),
            duration: Duration::from_secs(30),
            acquired: "2026-01-02T03:04:05.000006Z".parse().ok(),
            renewed: "2026-01-02T03:04:07Z".parse().ok(),
            transitions: 3,
        };
        let lease = json!({
            "metadata": {"name": "l", "resourceVersion": "7", "labels": {"a": "b"}},
            "spec": {"strategy": "OldestEmulationVersion", "holderIdentity": "b"},
        });
        let written = record.written_to(lease);
        assert_eq!(
            written,
            json!({
                "metadata": {"name": "l", "resourceVersion": "7", "labels": {"a": "b"}},
                "spec": {
                    "strategy": "OldestEmulationVersion",
                    "holderIdentity": "a",
                    "leaseDurationSeconds": 30,
                    "acquireTime": "2026-01-02T03:04:05.000006Z",
                    "renewTime": "2026-01-02T03:04:07.000000Z",
                    "leaseTransitions": 3,
                },
            })
        );
        assert_eq!(Record::of(&written, FALLBACK), record);
    }

    #[test]
    fn a_broken_record_is_nobodys() {
        let nobodys = Record { duration: FALLBACK, ..Record::default() };
        for lease in [
            json!(null),
            json!({}),
            json!({"spec": null}),
            json!({"spec": []}),
            json!({"spec": {
                "holderIdentity": 1, "leaseDurationSeconds": "15", "acquireTime": "soon", "renewTime": 5,
                "leaseTransitions": 1e40,
            }}),
            json!({"spec": {"leaseDurationSeconds": 0}}),
            json!({"spec": {"leaseDurationSeconds": -1}}),
        ] {
            assert_eq!(Record::of(&lease, FALLBACK), nobodys, "{lease}");
        }
    }
}
