//! `spec.restartAt`: a user wants pods that are older than a time replaced (`kubectl argo rollouts restart`).

use jiff::Timestamp;
use serde_json::Value;

/// Where the user says since when pods are young enough.
pub const RESTART_AT: &str = "/spec/restartAt";
/// The last such time that was carried out.
pub const RESTARTED_AT: &str = "/status/restartedAt";

/// The time that is asked for and not carried out yet, be it in the future.
pub fn pending(rollout: &Value) -> Option<Timestamp> {
    let time = |pointer| rollout.pointer(pointer)?.as_str()?.parse::<Timestamp>().ok();
    let asked = time(RESTART_AT)?;
    (time(RESTARTED_AT) != Some(asked)).then_some(asked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_restart_is_pending_until_its_time_is_noted() {
        let at = "2026-01-01T00:00:00Z";
        for (asked, done, expected) in [
            (json!(null), json!(null), false),
            (json!(at), json!(null), true),
            (json!(at), json!("2025-12-31T00:00:00Z"), true),
            (json!(at), json!(at), false),
            (json!(at), json!("2026-01-01T01:00:00+01:00"), false),
            (json!("soon"), json!(null), false),
        ] {
            let rollout = json!({"spec": {"restartAt": asked}, "status": {"restartedAt": done}});
            assert_eq!(pending(&rollout).is_some(), expected, "{rollout}");
        }
    }
}
