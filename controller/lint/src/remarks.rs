//! What works, and may be something else than is meant.

use serde_json::Value;
use tidegate_model::{Rollout, interest};

use crate::finding::{Said, Severity, reason};

const CANARY: &str = "spec.strategy.canary";

/// What a reader of this Rollout might not expect.
pub(crate) fn remarks(rollout: &Value) -> Vec<Said> {
    let warn = |reason, path: String, message: &str| Said::new(Severity::Warning, reason, path, message);
    let mut remarks = Vec::new();
    let Some(canary) = rollout.pointer("/spec/strategy/canary").filter(|canary| canary.is_object()) else {
        return remarks;
    };
    let read = Rollout::read(rollout);
    if read.canary.routing.is_some()
        && canary.get("abortScaleDownDelaySeconds").and_then(Value::as_i64) == Some(0)
    {
        let message = "0 keeps the canary's pods for good after an abort (as in Argo Rollouts); give 1 to have them gone at once";
        remarks.push(warn(
            reason::NEVER_SCALED_DOWN,
            format!("{CANARY}.abortScaleDownDelaySeconds"),
            message,
        ));
    }
    if read.canary.steps.is_empty() && read.canary.routing.is_some() {
        let message = "there are no steps: the canary gets all traffic as soon as all its pods are available; give steps to shift it slowly";
        remarks.push(warn(reason::NO_STEPS, format!("{CANARY}.steps"), message));
    }
    if interest::routers(rollout).iter().any(|router| router.name == "builtin:istio") {
        let steps = canary.get("steps").and_then(Value::as_array).into_iter().flatten().enumerate();
        for (index, step) in steps {
            let conditions = step.pointer("/setHeaderRoute/match").and_then(Value::as_array);
            if conditions.is_some_and(|conditions| conditions.len() > 1) {
                let message = "all of these conditions must hold for a request; Argo Rollouts makes Istio take any of them; for that, give a managed route to each";
                let path = format!("{CANARY}.steps[{index}].setHeaderRoute.match");
                remarks.push(warn(reason::ALL_MUST_MATCH, path, message));
            }
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reasons(canary: Value) -> Vec<String> {
        let rollout = json!({"spec": {"strategy": {"canary": canary}}});
        remarks(&rollout).into_iter().map(|said| said.reason).collect()
    }

    #[test]
    fn only_what_is_there_is_remarked() {
        let two = json!([{"headerName": "a", "headerValue": {"exact": "1"}}, {"headerName": "b", "headerValue": {"exact": "1"}}]);
        let none: [&str; 0] = [];
        assert_eq!(reasons(json!(null)), none);
        assert_eq!(reasons(json!({})), none);
        assert_eq!(
            reasons(json!({"abortScaleDownDelaySeconds": 0})),
            none,
            "without a router it means nothing"
        );
        assert_eq!(
            reasons(json!({"abortScaleDownDelaySeconds": 0, "trafficRouting": {}})),
            ["NeverScaledDown", "NoSteps"]
        );
        let steps = json!([{"setHeaderRoute": {"name": "a", "match": two}}]);
        let routing = |router: &str| json!({router: {}, "managedRoutes": [{"name": "a"}]});
        assert_eq!(reasons(json!({"steps": steps, "trafficRouting": routing("istio")})), ["AllMustMatch"]);
        assert_eq!(reasons(json!({"steps": steps, "trafficRouting": routing("nginx")})), none);
    }
}
